//! Many instances of every function at once, over one table, one pair of queues that deliver twice and out of order, and one Marketo
//! with all its limits, while people change.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::budget::Purpose;
use domain::initial_sync::{self, coordinator};
use domain::ports::{PeoplePorts, PeopleQueues};
use domain::pull::{self, Overlap};
use domain::{Advice, Failure};
use runtime::queue::{self, Around, LeftAsTheyAre};
use runtime::{SystemChance, SystemClock, people};
use serde_json::json;
use simulator_marketo::{ChangeSet, Config, Simulator, World};
use store::memory::Misbehaviour;
use store::{MemoryOptOuts, MemoryQueue};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::embedded::{Embedded, Outside};
use system_tests::compare::assert_in_step;
use system_tests::lock;

const PEOPLE: u64 = 20_000;
/// How long an instance rests between two invocations: a minute on AWS.
const REST: Duration = Duration::from_millis(700);
const REST_OF_PULLS: Duration = Duration::from_secs(2);
/// Pollers of each queue in one worker instance.
const POLLERS: usize = 2;
/// Rounds of changes while the run is under way.
const ROUNDS: usize = 8;
const LATE_SECONDS: u64 = 3;
const LONGEST_RUN: Duration = Duration::from_secs(75);

fn everything() -> ChangeSet {
    ChangeSet {
        changed: 40,
        created: 10,
        deleted: 15,
        merged: 8,
        owners_lost: 10,
        owners_gained: 10,
        opportunities: 10,
        partitions: 3,
        ..ChangeSet::default()
    }
}

/// What stops the instances, and what went wrong with them.
#[derive(Clone, Default)]
struct Crowd {
    stop: Arc<AtomicBool>,
    failures: Arc<Mutex<Vec<Failure>>>,
}

impl Crowd {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn note(&self, failure: Failure) {
        lock(&self.failures).push(failure);
    }

    async fn coordinate(self, ports: PeoplePorts, queues: PeopleQueues) {
        while self.goes_on() {
            if let Err(failure) = coordinator::tick(&ports, &queues, None).await {
                self.note(failure);
            }
            sleep(REST).await;
        }
    }

    async fn pull(self, ports: PeoplePorts) {
        while self.goes_on() {
            if let Err(failure) = pull::pull(&ports, &MemoryOptOuts::new(), Overlap::WhenDue, None).await {
                self.note(failure);
            }
            sleep(REST_OF_PULLS).await;
        }
    }

    /// A poller with the worker's own loop: what it reports comes again, the rest is deleted.
    async fn work(self, ports: PeoplePorts, reads: Arc<MemoryQueue>, queue: Arc<MemoryQueue>) {
        let store = |body: String, again: bool| {
            let (crowd, ports, reads) = (&self, &ports, &*reads);
            async move {
                let stored = people::store_batch(ports, reads, body, again).await;
                stored.inspect_err(|failure| crowd.note(failure.clone()))
            }
        };
        while self.goes_on() {
            let deliveries = queue.receive(2);
            let records: Vec<_> = deliveries
                .iter()
                .map(|d| {
                    let attributes = json!({ "ApproximateReceiveCount": d.receive_count.to_string() });
                    json!({ "messageId": d.message_id, "body": d.body, "attributes": attributes })
                })
                .collect();
            let event = serde_json::from_value(json!({ "Records": records })).unwrap();
            let around = Around { clock: &SystemClock, redelivery: &LeftAsTheyAre, ends: None };
            let answer = queue::handle_batch(event, around, &store).await.unwrap();
            for delivery in &deliveries {
                if answer.response.batch_item_failures.iter().any(|f| f.item_identifier == delivery.message_id) {
                    queue.change_visibility(&delivery.receipt_handle, REST);
                } else {
                    queue.delete(&delivery.receipt_handle);
                }
            }
            if deliveries.is_empty() {
                queue.wait_for_message(Duration::from_millis(100)).await;
            }
        }
    }
}

fn misbehaving(name: &str) -> Arc<MemoryQueue> {
    let queue = MemoryQueue::new(name, Duration::from_secs(60), Arc::new(SystemClock), Arc::new(SystemChance));
    Arc::new(queue.misbehaving(Misbehaviour { duplicates_percent: 10, shuffle: true }))
}

/// Lets things happen from the moment when a run is under way.
async fn happen(world: World, ports: PeoplePorts) -> usize {
    while !initial_sync::is_running(&ports).await.unwrap() {
        sleep(Duration::from_millis(50)).await;
    }
    let mut during_the_run = 0;
    for _ in 0..ROUNDS {
        world.change(&everything());
        sleep(Duration::from_secs(1)).await;
        during_the_run += usize::from(initial_sync::is_running(&ports).await.unwrap());
    }
    during_the_run
}

async fn run_is_over(ports: &PeoplePorts, queues: [&MemoryQueue; 2]) -> bool {
    initial_sync::peek(ports).await.unwrap().completed.is_some() && queues.iter().all(|queue| queue.counts().is_idle())
}

async fn pull_all(ports: &PeoplePorts, overlap: Overlap) {
    while !pull::pull(ports, &MemoryOptOuts::new(), overlap, None).await.unwrap().caught_up {
        sleep(Duration::from_millis(100)).await;
    }
}

fn assert_limits_were_kept(world: &World) {
    let stats = world.stats();
    assert!(stats.max_in_flight <= 10, "{stats:?}");
    assert!(stats.max_calls_in_20s <= 100, "{stats:?}");
    assert!(!["606", "615", "607"].iter().any(|code| stats.rejected.contains_key(*code)), "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_that_know_nothing_of_each_other_leave_a_true_table_within_the_limits() {
    let config = Config { people: PEOPLE, ..Config::default() };
    let marketo = Simulator::start(config.clone()).await.unwrap();
    let world = marketo.world();
    let tables = Embedded::start().await;
    let (batches, reads) = (misbehaving("people-batches"), misbehaving("people-reads"));
    let outside = Outside { marketo, config };
    let queues = PeopleQueues { batches: batches.clone(), reads: reads.clone() };
    let crowd = Crowd::default();
    let mut instances = JoinSet::new();
    // Marketo takes ten calls at once: two coordinators with one each, two workers and two pulls with two each.
    let initial = [1, 1, 2, 2].map(|in_flight| tables.instance(Purpose::InitialSync, in_flight, &outside));
    let pulls = [2, 2].map(|in_flight| tables.instance(Purpose::Changes, in_flight, &outside));
    for ports in &initial[..2] {
        instances.spawn(crowd.clone().coordinate(ports.clone(), queues.clone()));
    }
    for ports in &initial[2..] {
        for queue in [&batches, &reads].into_iter().flat_map(|queue| [queue; POLLERS]) {
            instances.spawn(crowd.clone().work(ports.clone(), reads.clone(), queue.clone()));
        }
    }
    for ports in &pulls {
        instances.spawn(crowd.clone().pull(ports.clone()));
    }

    let changes = tokio::spawn(happen(world.clone(), pulls[0].clone()));
    let over = async {
        while !run_is_over(&pulls[0], [&batches, &reads]).await {
            sleep(Duration::from_millis(200)).await;
        }
    };
    let in_time = tokio::time::timeout(LONGEST_RUN, over).await;
    assert!(in_time.is_ok(), "no end: {:?}, {:?}", batches.counts(), lock(&crowd.failures));
    assert!(changes.await.unwrap() >= 2, "the run was over before anything changed");
    crowd.stop.store(true, Ordering::Relaxed);
    while let Some(instance) = instances.join_next().await {
        instance.unwrap();
    }
    // Not the overlap: reading all changes once more would hide what an old batch had overwritten.
    pull_all(&pulls[0], Overlap::No).await;
    assert_in_step(&world, &tables.people()).await;
    let failures = lock(&crowd.failures).clone();
    assert!(failures.iter().all(|f| matches!(f.advice(), Advice::Retry { .. })), "{failures:?}");

    // From here on nobody who goes may be forgotten.
    world.settle();
    world.change(&ChangeSet { late_share: 0.5, late_seconds: LATE_SECONDS, ..everything() });
    tokio::join!(pull_all(&pulls[0], Overlap::No), pull_all(&pulls[1], Overlap::No));
    sleep(Duration::from_secs(LATE_SECONDS + 1)).await;
    tokio::join!(pull_all(&pulls[0], Overlap::Always), pull_all(&pulls[1], Overlap::Always));
    assert_in_step(&world, &tables.people()).await;
    assert_limits_were_kept(&world);
}
