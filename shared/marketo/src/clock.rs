//! Marketo's clock as its answers show it. Knows nothing of what the time is used for.

use std::sync::Arc;

use domain::ports::Clock;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use transport::VendorClock;

/// The local clock and Marketo's difference from it.
pub(crate) struct MarketoClock {
    local: Arc<dyn Clock>,
    vendor: VendorClock,
}

impl MarketoClock {
    pub fn new(local: Arc<dyn Clock>) -> Self {
        Self { local, vendor: VendorClock::default() }
    }

    /// Now on Marketo's clock, see [`VendorClock::at`].
    pub fn now(&self) -> Timestamp {
        self.vendor.at(self.local.now())
    }

    /// Whether the difference between the clocks is known.
    pub fn is_known(&self) -> bool {
        self.vendor.is_known()
    }

    /// Learns from the headers of an answer to a request sent at `sent`, by the local clock.
    pub fn learn(&self, headers: &HeaderMap, sent: Timestamp) {
        self.vendor.learn(headers, sent, self.local.now());
    }
}
