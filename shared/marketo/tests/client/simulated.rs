//! The client with the stateful simulator, whose clock stands still but for the client's pauses. Knows no test.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{Chance, Clock};
use marketo::{BaseUrl, MarketoClient, MarketoConfig, PlainCredentials, TimeLimits};
use simulator_marketo::{ClockMode, Config, Simulator};

use crate::support::{FakeBudget, SECRET, at};

/// The simulator's clock, moved by the client's pauses.
pub struct SimulatedClock(simulator_marketo::World);

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.now()).unwrap()
    }

    async fn sleep(&self, pause: Duration) {
        self.0.advance(pause.as_secs_f64().ceil() as i64);
        tokio::task::yield_now().await;
    }
}

pub struct Middle;

impl Chance for Middle {
    fn next_u64(&self) -> u64 {
        u64::MAX / 2
    }
}

pub struct Set {
    pub simulator: Simulator,
    pub client: MarketoClient,
    pub clock: Arc<SimulatedClock>,
}

pub async fn set(config: Config) -> Set {
    set_with(config, TimeLimits::default()).await
}

pub async fn set_with(config: Config, limits: TimeLimits) -> Set {
    let start = at("2026-07-01T12:00:00Z").as_second();
    let config = Config { client_secret: SECRET.to_owned(), clock: ClockMode::Manual(Some(start)), ..config };
    let client_id = config.client_id.clone();
    let simulator = Simulator::start(config).await.unwrap();
    let clock = Arc::new(SimulatedClock(simulator.world()));
    let base_url = BaseUrl::parse(&simulator.base_url()).unwrap();
    let config = MarketoConfig { base_url, credentials: PlainCredentials::shared(client_id, SECRET), max_in_flight: 4 };
    let (chance, budget) = (Arc::new(Middle), Arc::new(FakeBudget::default()));
    let client = MarketoClient::with_time_limits(config, clock.clone(), chance, budget, limits);
    Set { simulator, client, clock }
}
