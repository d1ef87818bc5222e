//! A small world: the people flow over storage in memory, against a simulated Marketo whose clock the test holds.

use std::sync::Arc;
use std::time::Duration;

use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::initial_sync::message::PeopleMessage;
use domain::initial_sync::{coordinator, worker};
use domain::people::WriteCounts;
use domain::ports::{PeoplePorts, PeopleQueues};
use domain::pull::{self, Overlap};
use domain::{Failure, lease};
use marketo::MarketoClient;
use runtime::DiskSpools;
use simulator_marketo::{ClockMode, Config, Simulator, World};
use store::{MemoryOptOuts, MemoryQueue};

use super::unsure::{KeptQueue, UnsurePeople, UnsureState};
use system_tests::world::{Seeded, TestClock};
use system_tests::{compare, vendors};

/// When the small worlds begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;
/// Ticks within which a run has to end, and pulls within which changes have to be caught up with.
const MOST_TICKS: usize = 200;

pub struct SmallWorld {
    pub world: World,
    pub clock: Arc<TestClock>,
    pub people: Arc<UnsurePeople>,
    pub batches: Arc<KeptQueue>,
    pub reads: Arc<KeptQueue>,
    /// Ports of the coordinator and the worker.
    pub initial: PeoplePorts,
    /// Ports of the pull.
    pub changes: PeoplePorts,
    _simulator: Simulator,
}

impl SmallWorld {
    pub async fn of(people: u64) -> Self {
        let config = Config { people, clock: ClockMode::Manual(Some(START)), ..Config::default() };
        let simulator = Simulator::start(config.clone()).await.unwrap();
        let world = simulator.world();
        let clock = TestClock::of(world.clone());
        let (table, state) = (Arc::new(UnsurePeople::default()), UnsureState::shared());
        let (batches, reads) = (queue("people-batches", &clock), queue("people-reads", &clock));
        let ports = |purpose, seed| {
            let chance = Seeded::new(seed);
            let budget = Arc::new(SharedBudget::new(
                state.clone(),
                clock.clone(),
                chance.clone(),
                purpose,
                CallLimits::default(),
            ));
            let marketo = vendors::marketo_config(&config, &simulator.base_url(), 2);
            let client = MarketoClient::new(marketo, clock.clone(), chance.clone(), budget.clone());
            PeoplePorts {
                marketo: Arc::new(client),
                people: table.clone(),
                state: state.clone(),
                budget,
                clock: clock.clone(),
                chance,
                spools: Arc::new(DiskSpools::default()),
            }
        };
        let (initial, changes) = (ports(Purpose::InitialSync, 1), ports(Purpose::Changes, 2));
        Self { world, initial, changes, people: table, batches, reads, clock, _simulator: simulator }
    }

    /// A world whose initial sync has ended, with nothing left to pull.
    pub async fn settled(people: u64) -> Self {
        let small = Self::of(people).await;
        small.run_to_the_end().await;
        small.pull_all(Overlap::Always).await;
        small.assert_in_step().await;
        small.world.settle();
        small.pass(60);
        small
    }

    fn queues(&self) -> PeopleQueues {
        PeopleQueues { batches: self.batches.clone(), reads: self.reads.clone() }
    }

    pub fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Ticks until a run's batches are all queued, none of them handled.
    pub async fn run_until_queued(&self) {
        for _ in 0..MOST_TICKS {
            let tick = coordinator::tick(&self.initial, &self.queues(), None).await.unwrap();
            if tick.running && !tick.exports_pending {
                return;
            }
            self.pass(5);
        }
        panic!("the exports do not end");
    }

    /// Ticks, and handles what is queued, until no run is left.
    pub async fn run_to_the_end(&self) {
        for _ in 0..MOST_TICKS {
            let tick = coordinator::tick(&self.initial, &self.queues(), None).await.unwrap();
            if !tick.running && !tick.held {
                return;
            }
            self.handle_queued().await;
            self.pass(5);
        }
        panic!("the initial sync does not end");
    }

    /// Handles messages until both queues are empty.
    pub async fn handle_queued(&self) {
        for kept in [&self.batches, &self.reads] {
            loop {
                let deliveries = kept.queue.receive(10);
                if deliveries.is_empty() {
                    break;
                }
                for delivery in deliveries {
                    self.deliver(&delivery.body, delivery.receive_count > 1).await;
                    assert!(kept.queue.delete(&delivery.receipt_handle));
                }
            }
        }
    }

    /// Hands one message to a worker.
    pub async fn deliver(&self, body: &str, again: bool) -> WriteCounts {
        let message = PeopleMessage::from_body(body).unwrap();
        worker::handle(&self.initial, &*self.reads, message, again).await.unwrap()
    }

    /// Pulls until caught up.
    pub async fn pull_all(&self, overlap: Overlap) {
        for _ in 0..MOST_TICKS {
            if pull::pull(&self.changes, &MemoryOptOuts::new(), overlap, None).await.unwrap().caught_up {
                return;
            }
        }
        panic!("the pull does not catch up");
    }

    /// One pull, whatever comes of it.
    pub async fn pull_once(&self, overlap: Overlap) -> Result<pull::Pulled, Failure> {
        pull::pull(&self.changes, &MemoryOptOuts::new(), overlap, None).await
    }

    /// Where the pull stands.
    pub async fn pull_state(&self) -> pull::PullState {
        lease::peek(&*self.changes.state, pull::KEY).await.unwrap().unwrap()
    }

    pub async fn assert_in_step(&self) {
        compare::assert_in_step(&self.world, &*self.people).await;
    }
}

fn queue(name: &str, clock: &Arc<TestClock>) -> Arc<KeptQueue> {
    KeptQueue::over(MemoryQueue::new(name, Duration::from_secs(600), clock.clone(), Seeded::new(3)))
}
