//! A deployed function that has both a schedule and a queue: events that come twice, pollers, instances that come and go. Must not know what
//! the function does, nor what goes wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::ports::{Chance, Clock};
use domain::{Failure, Timestamp};
use jiff::SignedDuration;
use runtime::queue::{Around, Handled, LeftAsTheyAre};
use runtime::schedule;
use salesforce::SalesforceClient;
use simulator_salesforce as s;
use store::MemoryQueue;
use store::memory::{Delivery, Misbehaviour};
use tokio::sync::oneshot;

use super::deployment::Deployment;
use super::dice::Dice;
use super::executor::{Handle, Kind};
use super::faults::{NetworkFaults, StorageFaults, Switch};
use super::storage::Ground;
use super::trace::Trace;
use super::way::Way;
use crate::lock;
use crate::vendors::{self, IN_PROCESS, Vendor};

/// Pollers of the queue, and messages handed to one invocation.
const POLLERS: usize = 2;
const MESSAGES: usize = 10;
/// Pause of a poller whose queue is empty.
const EMPTY_QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// What all instances of a function share.
#[derive(Clone)]
pub struct Fleet {
    pub queue: Arc<MemoryQueue>,
    pub ground: Ground,
    pub network: Arc<Switch<NetworkFaults>>,
    /// By how much the clocks of all machines are off.
    pub clock_off_by: SignedDuration,
    /// Of a hundred scheduled events, how many come twice.
    pub doubled_events: u64,
    /// The first invariant that was broken.
    pub broken: Arc<Mutex<Option<String>>>,
}

/// What goes wrong around a fleet, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    pub storage: StorageFaults,
    pub network: NetworkFaults,
    pub clock_off_by: SignedDuration,
    pub doubled_events: u64,
}

impl Fleet {
    /// Over a queue of this name, whose dice, like those of storage, follow from the seed.
    pub fn new(queue: (&str, Misbehaviour), seed: u64, handle: &Handle, trace: Arc<Trace>, ways: Ways) -> Self {
        let ground = Ground {
            handle: handle.clone(),
            dice: Dice::new(seed, 3),
            faults: Arc::new(Switch::new(ways.storage)),
            witness: None,
            trace,
        };
        Self {
            queue: Deployment::queue(queue.0, handle, &Dice::new(seed, 4), queue.1),
            ground,
            network: Arc::new(Switch::new(ways.network)),
            clock_off_by: ways.clock_off_by,
            doubled_events: ways.doubled_events,
            broken: Arc::default(),
        }
    }

    /// From here on storage and network have their ways, or none.
    pub fn rough(&self, on: bool) {
        self.ground.faults.set(on);
        self.network.set(on);
    }

    /// Clock and chance of a new machine.
    pub fn machine(&self) -> (Arc<dyn Clock>, Arc<dyn Chance>) {
        (self.ground.handle.clock(self.clock_off_by), Arc::new(Dice::new(self.ground.dice.roll(u64::MAX), 0)))
    }

    /// A new machine's way to a vendor.
    pub fn way(&self, vendor: Vendor) -> Arc<Way> {
        Arc::new(Way {
            vendor,
            handle: self.ground.handle.clone(),
            dice: Dice::new(self.ground.dice.roll(u64::MAX), 1),
            faults: self.network.clone(),
            trace: self.ground.trace.clone(),
        })
    }

    /// A new machine's client of Salesforce.
    pub fn salesforce(&self, world: s::World, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> SalesforceClient {
        let config = vendors::salesforce_config(&s::Config::default(), IN_PROCESS, 2);
        let way = self.way(vendors::salesforce(world));
        SalesforceClient::over(way, config, clock, chance, salesforce::TimeLimits::default())
    }

    /// Messages of failures hold no personal data.
    pub fn watch(&self, failure: Option<&Failure>) {
        if let Some(text) = failure.map(ToString::to_string).filter(|text| text.contains('@')) {
            self.says(format!("a failure names an address: {text}"));
        }
    }

    pub fn says(&self, what: String) {
        let at = self.ground.handle.now();
        lock(&self.broken).get_or_insert_with(|| format!("at {at}: {what}"));
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        self.ground.trace.event(self.ground.handle.now(), self.ground.handle.current(), what);
    }
}

/// A function.
pub trait Function: Clone + Send + Sync + 'static {
    /// What an instance holds.
    type Ports: Send + Sync + 'static;
    /// What messages say.
    type Taken: Send;
    const NAME: &'static str;
    /// How long an invocation may take.
    const TIME: Duration;
    /// Between events of the schedule.
    const PERIOD: Duration;

    fn fleet(&self) -> &Fleet;
    /// A new instance.
    fn instance(&self) -> Self::Ports;
    fn clock(ports: &Self::Ports) -> &Arc<dyn Clock>;
    /// A scheduled event; gives what it did.
    fn tick(ports: &Self::Ports, stop: Option<Timestamp>) -> impl Future<Output = Result<String, Failure>> + Send;
    /// Stores what messages say.
    fn take(
        ports: &Self::Ports,
        event: SqsEvent,
        around: Around<'_>,
    ) -> impl Future<Output = (Handled, Vec<Self::Taken>)> + Send;
    /// Works on what was taken.
    fn work(
        ports: &Self::Ports,
        taken: Vec<Self::Taken>,
        stop: Option<Timestamp>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Instances that are warm and idle.
type Pool<F> = Arc<Mutex<Vec<<F as Function>::Ports>>>;

/// Begins the schedule and the pollers.
pub fn begin<F: Function>(function: &F) {
    let (this, pool, handle) = (function.clone(), Pool::<F>::default(), function.fleet().ground.handle.clone());
    handle.clone().begin(Kind::Stage, "schedule", async move {
        loop {
            let doubled = this.fleet().ground.dice.roll(100) < this.fleet().doubled_events;
            for _ in 0..if doubled { 2 } else { 1 } {
                let (this, pool) = (this.clone(), pool.clone());
                handle.begin(Kind::Function, F::NAME, async move { tick(&this, &pool).await });
            }
            handle.sleep(F::PERIOD).await;
        }
    });
    for _ in 0..POLLERS {
        poll(function);
    }
}

async fn tick<F: Function>(function: &F, pool: &Pool<F>) {
    let (fleet, ports) = (function.fleet(), warm(function, pool));
    fleet.tell(|| "tick begins".to_owned());
    let outcome = F::tick(&ports, deadline::<F>(&ports)).await;
    fleet.tell(|| format!("tick ends: {:?}", outcome.as_ref().map_err(ToString::to_string)));
    fleet.watch(outcome.err().as_ref());
    lock(pool).push(ports);
}

fn poll<F: Function>(function: &F) {
    let (this, pool, handle) = (function.clone(), Pool::<F>::default(), function.fleet().ground.handle.clone());
    handle.clone().begin(Kind::Stage, "poller", async move {
        loop {
            let deliveries = this.fleet().queue.receive(MESSAGES);
            if deliveries.is_empty() {
                handle.sleep(EMPTY_QUEUE_PAUSE).await;
                continue;
            }
            let (ended, end) = oneshot::channel();
            let (invoked, pool) = (this.clone(), pool.clone());
            handle.begin(Kind::Function, F::NAME, async move {
                messages(&invoked, deliveries, &pool).await;
                let _ = ended.send(());
            });
            // Also when the function was cut off.
            let _ = end.await;
        }
    });
}

/// Messages that are not reported are deleted once the invocation ends; the others come again when their time is over.
async fn messages<F: Function>(function: &F, deliveries: Vec<Delivery>, pool: &Pool<F>) {
    let (fleet, ports) = (function.fleet(), warm(function, pool));
    let mut event = SqsEvent::default();
    for delivery in &deliveries {
        let mut message = SqsMessage::default();
        message.message_id = Some(delivery.message_id.clone());
        message.body = Some(delivery.body.clone());
        message.attributes.insert("ApproximateReceiveCount".into(), delivery.receive_count.to_string());
        event.records.push(message);
    }
    let around = Around { clock: &**F::clock(&ports), redelivery: &LeftAsTheyAre, ends: None };
    let (handled, taken) = F::take(&ports, event, around).await;
    fleet.tell(|| format!("{} messages taken, {} failed", taken.len(), handled.failed));
    let outcome = F::work(&ports, taken, deadline::<F>(&ports)).await;
    fleet.watch(outcome.err().as_ref());
    let failed = |id: &str| handled.response.batch_item_failures.iter().any(|failure| failure.item_identifier == id);
    for delivery in deliveries.iter().filter(|delivery| !failed(&delivery.message_id)) {
        fleet.queue.delete(&delivery.receipt_handle);
    }
    lock(pool).push(ports);
}

fn deadline<F: Function>(ports: &F::Ports) -> Option<Timestamp> {
    F::clock(ports).now().checked_add(F::TIME - schedule::MARGIN).ok()
}

fn warm<F: Function>(function: &F, pool: &Pool<F>) -> F::Ports {
    let kept = if function.fleet().ground.dice.roll(3) == 0 { None } else { lock(pool).pop() };
    kept.unwrap_or_else(|| function.instance())
}
