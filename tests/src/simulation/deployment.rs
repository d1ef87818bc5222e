//! The deployed people flow: schedules, queues, and instances of functions that come and go. Must not know what goes wrong.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{PeoplePorts, PeopleQueues, SyncState};
use futures_util::future::{Either, select};
use jiff::SignedDuration;
use marketo::{MarketoClient, TimeLimits};
use runtime::{people, schedule};
use simulator_marketo::{Config, World};
use store::memory::{Delivery, Misbehaviour};
use store::{MemoryOptOuts, MemoryPeople, MemoryQueue, MemoryState};
use tokio::sync::oneshot;

use super::dice::Dice;
use super::executor::{Handle, Kind};
use super::faults::{NetworkFaults, Switch};
use super::network::Network;
use super::storage::{Ground, MemorySpools, Sender, State, Table};
use crate::{lock, vendors};

/// How long the coordinator and the pull may run; then they are cut off, most of the time.
const COORDINATOR_TIME: Duration = Duration::from_secs(10 * 60);
const PULL_TIME: Duration = Duration::from_secs(2 * 60);
/// How long a message that is not deleted stays hidden.
const VISIBILITY: Duration = Duration::from_secs(10 * 60);
/// Deliveries before a message is set aside.
const MAX_DELIVERIES: u32 = 8;
/// Pollers of each queue.
const POLLERS: usize = 2;
/// Messages handed to one invocation.
const MESSAGES: usize = 5;
/// Pause of a poller whose queue is empty.
const EMPTY_QUEUE_PAUSE: Duration = Duration::from_secs(7);
const MINUTE: Duration = Duration::from_secs(60);

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    /// Marketo.
    pub world: World,
    /// How to get in.
    pub config: Config,
    /// The people table as it is.
    pub people: Arc<MemoryPeople>,
    /// The register of opt-outs as it is; the people flow only adds to it.
    pub opt_outs: Arc<MemoryOptOuts>,
    /// Documents and receipts as they are.
    pub state: Arc<MemoryState>,
    /// Queue `people-batches`.
    pub batches: Arc<MemoryQueue>,
    /// Queue `people-reads`.
    pub reads: Arc<MemoryQueue>,
    /// Storage's ways.
    pub ground: Ground,
    /// The network's ways.
    pub network: Arc<Switch<NetworkFaults>>,
    /// By how much the clocks of all machines are off Marketo's.
    pub clock_off_by: SignedDuration,
    /// Of a hundred scheduled events, how many come twice.
    pub doubled_events: u64,
}

/// Instances that are warm and idle.
type Pool = Arc<Mutex<Vec<PeoplePorts>>>;

impl Deployment {
    /// Ports of a new instance.
    pub fn instance(&self, purpose: Purpose) -> PeoplePorts {
        let (handle, ground) = (&self.ground.handle, &self.ground);
        let clock = handle.clock(self.clock_off_by);
        let chance = Arc::new(Dice::new(ground.dice.roll(u64::MAX), 0));
        let state: Arc<dyn SyncState> =
            Arc::new(State::over(self.state.clone(), self.people.clone(), self.ground.clone()));
        let limits = CallLimits::default();
        let budget = Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), purpose, limits));
        let network = Network::new(
            self.world.clone(),
            handle.clone(),
            Dice::new(ground.dice.roll(u64::MAX), 1),
            self.network.clone(),
            ground.trace.clone(),
        );
        let marketo = vendors::marketo_config(&self.config, vendors::IN_PROCESS, 2);
        let time_limits = TimeLimits::default();
        let client =
            MarketoClient::over(Arc::new(network), marketo, clock.clone(), chance.clone(), budget.clone(), time_limits);
        PeoplePorts {
            marketo: Arc::new(client),
            people: Arc::new(Table::over(self.people.clone(), self.ground.clone())),
            state,
            budget,
            clock,
            chance,
            spools: Arc::new(MemorySpools),
        }
    }

    /// The queues, as functions send to them.
    fn queues(&self) -> PeopleQueues {
        let sender = |queue: &Arc<MemoryQueue>| Arc::new(Sender::to(queue.clone(), self.ground.clone()));
        PeopleQueues { batches: sender(&self.batches), reads: sender(&self.reads) }
    }

    /// Queues whose messages, once handed out and not deleted, come again after ten minutes, and are set aside the eighth time.
    pub fn queue(name: &str, handle: &Handle, dice: &Dice, misbehaviour: Misbehaviour) -> Arc<MemoryQueue> {
        let clock = handle.clock(SignedDuration::ZERO);
        let make = |name: String| MemoryQueue::new(name, VISIBILITY, clock.clone(), Arc::new(dice.clone()));
        let dead_letters = Arc::new(make(format!("{name}-dead-letters")));
        Arc::new(make(name.to_owned()).with_dead_letters(MAX_DELIVERIES, dead_letters).misbehaving(misbehaviour))
    }

    /// Begins the schedules and the pollers.
    pub fn begin(&self) {
        self.schedule("initial-sync-coordinator", Purpose::InitialSync);
        self.schedule("incremental-pull", Purpose::Changes);
        for queue in [&self.batches, &self.reads] {
            for _ in 0..POLLERS {
                self.poll(queue.clone());
            }
        }
    }

    /// An invocation each minute, whether the last one has ended or not.
    fn schedule(&self, name: &'static str, purpose: Purpose) {
        let (this, pool) = (self.clone(), Pool::default());
        let handle = self.ground.handle.clone();
        handle.clone().begin(Kind::Stage, name, async move {
            loop {
                let times = if this.ground.dice.roll(100) < this.doubled_events { 2 } else { 1 };
                for _ in 0..times {
                    let (this, pool) = (this.clone(), pool.clone());
                    handle.begin(Kind::Function, name, async move { this.invoke(name, purpose, &pool).await });
                }
                handle.sleep(MINUTE).await;
            }
        });
    }

    async fn invoke(&self, name: &'static str, purpose: Purpose, pool: &Pool) {
        let ports = self.warm(purpose, pool);
        let time = match purpose {
            Purpose::InitialSync => COORDINATOR_TIME,
            Purpose::Changes => PULL_TIME,
        };
        let deadline = ports.clock.now().checked_add(time - schedule::MARGIN).ok();
        self.tell(|| format!("{name} begins"));
        let queues = self.queues();
        let outcome = {
            let work = pin!(async {
                match purpose {
                    Purpose::InitialSync => people::coordinate(&ports, &queues, CallLimits::default(), deadline).await,
                    Purpose::Changes => people::pull_changes(&ports, &*self.opt_outs, deadline).await.map(drop),
                }
            });
            // Not every one: a machine that sleeps past the end may yet go on when it wakes, and must find that it can move nothing.
            if self.ground.dice.roll(2) == 0 {
                work.await
            } else {
                match select(work, self.ground.handle.sleep(time)).await {
                    Either::Left((outcome, _)) => outcome,
                    Either::Right(_) => return self.tell(|| format!("{name} is cut off at the end of its time")),
                }
            }
        };
        self.tell(|| {
            outcome.as_ref().map_or_else(|failure| format!("{name} ends: {failure}"), |()| format!("{name} ends"))
        });
        self.watch(outcome.err());
        lock(pool).push(ports);
    }

    fn poll(&self, queue: Arc<MemoryQueue>) {
        let (this, pool) = (self.clone(), Pool::default());
        let handle = self.ground.handle.clone();
        handle.clone().begin(Kind::Stage, "poller", async move {
            loop {
                let deliveries = queue.receive(MESSAGES);
                if deliveries.is_empty() {
                    handle.sleep(EMPTY_QUEUE_PAUSE).await;
                    continue;
                }
                let (ended, end) = oneshot::channel();
                let (this, queue, pool) = (this.clone(), queue.clone(), pool.clone());
                handle.begin(Kind::Function, "initial-sync-worker", async move {
                    this.work(&queue, deliveries, &pool).await;
                    let _ = ended.send(());
                });
                // Also when the worker was cut off.
                let _ = end.await;
            }
        });
    }

    /// Messages that were handled are deleted; the others come again when their time is over.
    async fn work(&self, queue: &MemoryQueue, deliveries: Vec<Delivery>, pool: &Pool) {
        let (ports, queues) = (self.warm(Purpose::InitialSync, pool), self.queues());
        for delivery in deliveries {
            let again = delivery.receive_count > 1;
            let outcome = people::store_batch(&ports, &*queues.reads, delivery.body, again).await;
            self.tell(|| {
                let how = outcome.as_ref().map_or_else(ToString::to_string, |counts| format!("{counts:?}"));
                format!("message {} of {}: {how}", delivery.message_id, queue.name())
            });
            match outcome {
                Ok(_) => {
                    queue.delete(&delivery.receipt_handle);
                }
                Err(failure) => self.watch(Some(failure)),
            }
        }
        lock(pool).push(ports);
    }

    fn warm(&self, purpose: Purpose, pool: &Pool) -> PeoplePorts {
        lock(pool).pop().unwrap_or_else(|| self.instance(purpose))
    }

    /// Messages of failures hold no personal data.
    fn watch(&self, failure: Option<domain::Failure>) {
        if let (Some(text), Some(witness)) =
            (failure.map(|failure| failure.to_string()).filter(|text| text.contains('@')), &self.ground.witness)
        {
            witness.says(format!("a failure names an address: {text}"));
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        self.ground.trace.event(self.ground.handle.now(), self.ground.handle.current(), what);
    }
}
