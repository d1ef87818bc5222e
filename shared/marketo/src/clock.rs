//! Marketo's clock as its answers show it. Knows nothing of what the time is used for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use domain::ports::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::times;

/// Largest difference that is put down to the way of the answer and to the header's whole seconds.
const TOLERANCE_MS: i64 = 2_000;

/// An answer that took longer says too little of the time.
const LONGEST_WAY: SignedDuration = SignedDuration::from_secs(10);

/// The local clock plus the offset learned from `Date` headers.
pub(crate) struct MarketoClock {
    local: Arc<dyn Clock>,
    offset_ms: AtomicI64,
    /// Whether an answer has told the time, or would not.
    known: AtomicBool,
}

impl MarketoClock {
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, offset_ms: AtomicI64::new(0), known: AtomicBool::new(false) }
    }

    /// Now on Marketo's clock. A `Date` header is never later than the moment at which it is read, so this runs ahead of Marketo by
    /// the tolerance at most.
    pub fn now(&self) -> Timestamp {
        let local = self.local.now();
        let offset = SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed));
        local.checked_add(offset).unwrap_or(local)
    }

    /// Whether the difference between the clocks is known.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Learns from the `Date` header of an answer to a request sent at `sent`, by the local clock. Of an answer that was long under way
    /// it is not known when in this time it was dated. The offset is kept while it is within the tolerance, so that
    /// the header's whole seconds do not make this clock step back and forth. Without a date there is nothing to learn.
    pub fn learn(&self, date_header: Option<&str>, sent: Timestamp) {
        let Some(date) = date_header.and_then(times::parse_http_date) else {
            self.known.store(true, Ordering::Relaxed);
            return;
        };
        let now = self.local.now();
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
