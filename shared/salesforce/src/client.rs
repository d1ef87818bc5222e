//! The client: what it holds and how it is put together. What it asks Salesforce lies in the modules of its areas.

use std::fmt;
use std::sync::Arc;

use domain::Failure;
use domain::ports::{Chance, Clock};
use tokio::sync::{Mutex, Semaphore};
use transport::{Http, Transport, VendorClock};

use crate::activities::Kept;
use crate::config::{SalesforceConfig, TimeLimits};
use crate::limits::{Heard, Usage};
use crate::session::Sessions;
use crate::stats::{ClientStats, Counters};

/// A client of one Salesforce organisation. Clones share everything: session, connections, counts.
///
/// Implements [`domain::ports::SalesforceTasks`], [`domain::ports::SalesforceOptOuts`] and [`domain::ports::SalesforceReminders`].
#[derive(Clone)]
pub struct SalesforceClient {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub config: SalesforceConfig,
    pub limits: TimeLimits,
    pub transport: Arc<dyn Transport>,
    pub sessions: Sessions,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub permits: Semaphore,
    pub counters: Counters,
    pub usage: Heard,
    pub vendor_clock: VendorClock,
    pub kept: Mutex<Kept>,
}

impl SalesforceClient {
    /// A client with the usual time limits. Makes no call.
    #[must_use]
    pub fn new(config: SalesforceConfig, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        Self::with_time_limits(config, clock, chance, TimeLimits::default())
    }

    /// A client with other time limits.
    #[must_use]
    pub fn with_time_limits(
        config: SalesforceConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        limits: TimeLimits,
    ) -> Self {
        let transport = Arc::new(Http::new(config.login_url.is_loopback()));
        Self::over(transport, config, clock, chance, limits)
    }

    /// A client over another transport than the network.
    #[must_use]
    pub fn over(
        transport: Arc<dyn Transport>,
        config: SalesforceConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        limits: TimeLimits,
    ) -> Self {
        let sessions = Sessions::new(transport.clone(), config.clone(), limits.usual, clock.clone(), chance.clone());
        let permits = Semaphore::new(config.max_in_flight.clamp(1, Semaphore::MAX_PERMITS));
        let (counters, usage, kept, vendor_clock) =
            (Counters::default(), Heard::default(), Mutex::default(), VendorClock::default());
        let inner =
            Inner { config, limits, transport, sessions, clock, chance, permits, counters, usage, vendor_clock, kept };
        Self { inner: Arc::new(inner) }
    }

    /// What this client and its clones did so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        self.inner.counters.snapshot()
    }

    /// The organisation's calls of the last 24 hours, as the last answer told them.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.inner.usage.last()
    }

    /// Id of the user that this client is; logs in where that has not happened yet.
    ///
    /// # Errors
    /// Those of a login.
    pub async fn integration_user(&self) -> Result<Option<String>, Failure> {
        Ok(self.inner.sessions.session().await?.user.map(|user| user.to_string()))
    }
}

impl fmt::Debug for SalesforceClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SalesforceClient")
            .field("login_url", &self.inner.config.login_url.to_string())
            .finish_non_exhaustive()
    }
}
