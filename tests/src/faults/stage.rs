//! Where a fault story plays: the people flow over the embedded DynamoDB and a simulated Marketo, both behind HTTP, on a clock that the
//! story holds. Must not know which fault is played.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config as DynamoConfig, Credentials, Region};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{PeoplePorts, PeopleQueues, SyncState};
use dynoxide::Database;
use jiff::SignedDuration;
use marketo::{MarketoClient, TimeLimits};
use runtime::DiskSpools;
use simulator_marketo::{ClockMode, Config, Limits, Simulator, World};
use store::{DynamoPeople, DynamoState, MemoryQueue, Tables};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::dynamodb_proxy::{Misfortune, Proxy};
use crate::vendors;
use crate::world::{Seeded, TestClock};

/// When stories begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;
/// Two windows of creation dates, so that there is more than one export.
const DAYS_OF_HISTORY: u32 = 40;
/// How long a message that is not deleted stays hidden.
const VISIBILITY: Duration = Duration::from_secs(90);
/// Deliveries before a message is set aside.
const MAX_DELIVERIES: u32 = 8;
/// A request that gets no answer is lost after this, where a story is about that; the answers of this machine take a few milliseconds.
const SHORT_WAIT: Duration = Duration::from_millis(200);

/// What a story may choose.
#[derive(Debug, Clone)]
pub struct Scene {
    /// People in Marketo.
    pub people: u64,
    /// Marketo's limits.
    pub limits: Limits,
    /// By how much our clock is off Marketo's.
    pub clock_off_by: SignedDuration,
    /// Whether requests are given up soon.
    pub short_waits: bool,
    /// What happens to calls of DynamoDB.
    pub dynamodb: Option<Misfortune>,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            people: 320,
            limits: Limits::default(),
            clock_off_by: SignedDuration::ZERO,
            short_waits: false,
            dynamodb: None,
        }
    }
}

/// The set-up stage.
pub struct Stage {
    /// The simulated Marketo.
    pub world: World,
    /// Our clock, and Marketo's with it.
    pub clock: Arc<TestClock>,
    /// Queue `people-batches`.
    pub batches: Arc<MemoryQueue>,
    /// Queue `people-reads`.
    pub reads: Arc<MemoryQueue>,
    /// Ports of the coordinator and the worker.
    pub initial: PeoplePorts,
    /// Ports of the pull.
    pub changes: PeoplePorts,
    /// The people table and the state, past all faults.
    pub witness: (DynamoPeople, DynamoState),
    /// What stands before DynamoDB.
    pub proxy: Proxy,
    server: JoinHandle<()>,
    _simulator: Simulator,
}

impl Stage {
    /// Sets up a scene.
    pub async fn set(scene: &Scene) -> Self {
        let mut config = Config {
            people: scene.people,
            days_of_history: DAYS_OF_HISTORY,
            clock: ClockMode::Manual(Some(START)),
            limits: scene.limits.clone(),
            ..Config::default()
        };
        config.export.seconds = 20.0;
        let simulator = Simulator::start(config.clone()).await.unwrap();
        let world = simulator.world();
        let clock = TestClock::off_by(world.clone(), scene.clock_off_by);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
        let tables = Tables::with_prefix("faults-");
        let direct = client(&endpoint, None);
        store::create_tables(&direct, &tables).await.unwrap();
        let proxy = Proxy::start(&endpoint, scene.dynamodb.clone()).await;
        let dynamodb = client(proxy.endpoint(), scene.dynamodb.as_ref().map(|_| SHORT_WAIT));
        let witness = (
            DynamoPeople::new(direct.clone(), &tables.people, clock.clone()),
            DynamoState::new(direct, &tables.sync_state, clock.clone()),
        );

        let queue = |name: &str| {
            let make = |name: String| MemoryQueue::new(name, VISIBILITY, clock.clone(), Seeded::new(3));
            let dead_letters = Arc::new(make(format!("{name}-dead-letters")));
            Arc::new(make(name.to_owned()).with_dead_letters(MAX_DELIVERIES, dead_letters))
        };
        let (batches, reads) = (queue("people-batches"), queue("people-reads"));
        let ports = |purpose, seed| {
            let chance = Seeded::new(seed);
            let state: Arc<dyn SyncState> =
                Arc::new(DynamoState::new(dynamodb.clone(), &tables.sync_state, clock.clone()));
            let limits = CallLimits::default();
            let budget = Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), purpose, limits));
            let marketo = vendors::marketo_config(&config, &simulator.base_url(), 2);
            let waits = if scene.short_waits {
                TimeLimits { usual: SHORT_WAIT, adding: SHORT_WAIT, slow: SHORT_WAIT, stall: SHORT_WAIT }
            } else {
                TimeLimits::default()
            };
            let client = MarketoClient::with_time_limits(marketo, clock.clone(), chance.clone(), budget.clone(), waits);
            PeoplePorts {
                marketo: Arc::new(client),
                people: Arc::new(DynamoPeople::new(dynamodb.clone(), &tables.people, clock.clone())),
                state,
                budget,
                clock: clock.clone(),
                chance,
                spools: Arc::new(DiskSpools::default()),
            }
        };
        let (initial, changes) = (ports(Purpose::InitialSync, 1), ports(Purpose::Changes, 2));
        Self { world, clock, batches, reads, initial, changes, witness, proxy, server, _simulator: simulator }
    }

    /// The queues, as the coordinator sends to them.
    pub fn queues(&self) -> PeopleQueues {
        PeopleQueues { batches: self.batches.clone(), reads: self.reads.clone() }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A client with the SDK's standard retries, whose pauses are shortened: they are on the machine's clock.
fn client(endpoint: &str, wait: Option<Duration>) -> Client {
    let mut waits = TimeoutConfig::builder();
    waits.set_operation_attempt_timeout(wait);
    let config = DynamoConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(2)))
        .timeout_config(waits.build())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}
