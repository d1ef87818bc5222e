//! The client: what it holds and how it is put together. What it asks Marketo lies in the modules of the ports.

use std::fmt;
use std::sync::Arc;

use domain::Failure;
use domain::ports::{CallBudget, Chance, Clock};
use serde::Deserialize;
use tokio::sync::Semaphore;
use transport::Transport;

use crate::clock::MarketoClock;
use crate::config::{MarketoConfig, TimeLimits};
use crate::envelope::Expect;
use crate::identity::Identity;
use crate::network::RestAndBulk;
use crate::request::Request;
use crate::routes;
use crate::stats::{ClientStats, Counters};
use crate::values;

/// A client of one Marketo subscription. Clones share everything: token, connections, limits, counts.
///
/// Implements [`domain::ports::MarketoPeople`], [`domain::ports::MarketoChanges`], [`domain::ports::MarketoExports`] and
/// [`domain::ports::MarketoActivities`].
#[derive(Clone)]
pub struct MarketoClient {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub config: MarketoConfig,
    pub limits: TimeLimits,
    pub transport: Arc<dyn Transport>,
    pub identity: Identity,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub budget: Arc<dyn CallBudget>,
    pub permits: Arc<Semaphore>,
    pub marketo_clock: Arc<MarketoClock>,
    pub counters: Arc<Counters>,
}

#[derive(Deserialize)]
struct WireUsage {
    total: Option<u64>,
}

impl MarketoClient {
    /// A client with the usual time limits. Makes no call.
    #[must_use]
    pub fn new(
        config: MarketoConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        budget: Arc<dyn CallBudget>,
    ) -> Self {
        Self::with_time_limits(config, clock, chance, budget, TimeLimits::default())
    }

    /// A client with other time limits.
    #[must_use]
    pub fn with_time_limits(
        config: MarketoConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        budget: Arc<dyn CallBudget>,
        limits: TimeLimits,
    ) -> Self {
        let transport = Arc::new(RestAndBulk::new(&config));
        Self::over(transport, config, clock, chance, budget, limits)
    }

    /// A client over another transport than the network.
    #[must_use]
    pub fn over(
        transport: Arc<dyn Transport>,
        config: MarketoConfig,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        budget: Arc<dyn CallBudget>,
        limits: TimeLimits,
    ) -> Self {
        let marketo_clock = Arc::new(MarketoClock::new(clock.clone()));
        let world = (clock.clone(), chance.clone());
        let identity = Identity::new(transport.clone(), config.clone(), limits.usual, world, marketo_clock.clone());
        let permits = Arc::new(Semaphore::new(config.max_in_flight.clamp(1, Semaphore::MAX_PERMITS)));
        let counters = Arc::default();
        let inner =
            Inner { config, limits, transport, identity, clock, chance, budget, permits, marketo_clock, counters };
        Self { inner: Arc::new(inner) }
    }

    /// What this client and its clones did so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        self.inner.counters.snapshot()
    }

    /// API calls that the subscription made today, all users together, as Marketo counts them.
    ///
    /// # Errors
    /// Any [`Failure`].
    pub async fn usage(&self) -> Result<u64, Failure> {
        let envelope = self.inner.call(&Request::new(routes::USAGE, Expect::Result)).await?;
        let spot = self.inner.spot(routes::USAGE);
        let days = values::items::<WireUsage>(spot, envelope.result.unwrap_or_default())?;
        Ok(days.iter().filter_map(|day| day.total).sum())
    }
}

impl fmt::Debug for MarketoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarketoClient")
            .field("base_url", &self.inner.config.base_url.to_string())
            .finish_non_exhaustive()
    }
}
