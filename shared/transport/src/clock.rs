//! A vendor's clock as its answers show it. Knows nothing of what the time is used for.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{DATE, HeaderMap};

/// Largest difference that is put down to the way of the answer and to the header's whole seconds.
const TOLERANCE_MS: i64 = 2_000;

/// An answer that took longer says too little of the time.
const LONGEST_WAY: SignedDuration = SignedDuration::from_secs(10);

/// The offset of a vendor's clock from the local one, learned from `Date` headers.
#[derive(Debug, Default)]
pub struct VendorClock {
    offset_ms: AtomicI64,
    /// Whether an answer has told the time, or would not.
    known: AtomicBool,
}

impl VendorClock {
    /// The vendor's time at this local one. A `Date` header is never later than the moment at which it is read, so this runs ahead of the vendor
    /// by the tolerance at most.
    #[must_use]
    pub fn at(&self, local: Timestamp) -> Timestamp {
        let offset = SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed));
        local.checked_add(offset).unwrap_or(local)
    }

    /// Whether the difference between the clocks is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Learns from the headers of an answer that came `now` to a request sent at `sent`, by the local clock. Of an answer that was long under way
    /// it is not known when in this time it was dated. The offset is kept while it is within the tolerance, so that the header's whole seconds do
    /// not make this clock step back and forth. Without a date there is nothing to learn.
    pub fn learn(&self, headers: &HeaderMap, sent: Timestamp, now: Timestamp) {
        let date = headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(parse_http_date);
        let Some(date) = date else {
            self.known.store(true, Ordering::Relaxed);
            return;
        };
        if now.duration_since(sent) > LONGEST_WAY {
            return;
        }
        let seen = date.as_millisecond().saturating_sub(now.as_millisecond());
        let held = self.offset_ms.load(Ordering::Relaxed);
        if seen.saturating_sub(held).abs() > TOLERANCE_MS {
            let offset = if seen.abs() <= TOLERANCE_MS { 0 } else { seen };
            self.offset_ms.store(offset, Ordering::Relaxed);
        }
        self.known.store(true, Ordering::Relaxed);
    }
}

/// Reads the date of an HTTP header.
#[must_use]
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}
