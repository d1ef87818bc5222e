//! A simulated organisation and clients of it, on a clock where no time is lost. Knows no test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{Chance, Clock};
use salesforce::{Login, LoginUrl, PlainCredentials, SalesforceClient, SalesforceConfig, TimeLimits, Version};
use serde_json::{Map, Value};
use simulator_salesforce::{Config, Simulator, World};

pub const KEY: &str = "Sales_Activity_Key__c";
pub const UPSERT: &str = "PATCH /composite/sobjects/{object}/{field}";

/// A running organisation, and how to get in.
pub struct Org {
    pub world: World,
    pub login: Login,
    simulator: Simulator,
}

impl Org {
    pub async fn start() -> Self {
        Self::of(Config::default()).await
    }

    pub async fn of(config: Config) -> Self {
        let login = Login::ClientCredentials {
            client_id: config.client_id.clone(),
            client_secret: config.client_secret.clone().into(),
        };
        let simulator = Simulator::start(config).await.unwrap();
        Self { world: simulator.world(), login, simulator }
    }

    /// A client that waits so long for an answer.
    pub fn client_with(&self, login: Login, usual: Duration) -> SalesforceClient {
        let config = SalesforceConfig {
            login_url: LoginUrl::parse(&self.simulator.base_url()).unwrap(),
            version: Version::default(),
            credentials: PlainCredentials::shared(login),
            max_in_flight: 4,
        };
        SalesforceClient::with_time_limits(config, Arc::new(JumpingClock::new()), Arc::new(Same), TimeLimits { usual })
    }

    pub fn client(&self) -> SalesforceClient {
        self.client_with(self.login.clone(), Duration::from_secs(20))
    }

    /// Records of an object that hold this value.
    pub fn with_key(&self, key: &str) -> Vec<Value> {
        self.world.records("Task").into_iter().filter(|task| task[KEY] == key).collect()
    }
}

/// Sleeping moves it on and takes no time.
pub struct JumpingClock(Mutex<Timestamp>);

impl JumpingClock {
    pub fn new() -> Self {
        Self(Mutex::new(Timestamp::now()))
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, pause: Duration) {
        let mut now = self.0.lock().unwrap();
        *now += pause;
    }
}

struct Same;

impl Chance for Same {
    fn next_u64(&self) -> u64 {
        0
    }
}

/// Values of a record.
pub fn values(values: Value) -> Map<String, Value> {
    values.as_object().unwrap().clone()
}
