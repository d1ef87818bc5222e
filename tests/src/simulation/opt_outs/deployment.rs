//! The deployed reconciler: a schedule, a queue, and instances that come and go. Must not know what goes wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutPorts, OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, Timestamp};
use jiff::SignedDuration;
use runtime::opt_outs::{push, take_in, tick};
use runtime::queue::{Around, LeftAsTheyAre};
use runtime::schedule;
use salesforce::{Login, LoginUrl, SalesforceClient, SalesforceConfig, Version};
use simulator_salesforce as s;
use store::memory::Delivery;
use store::{MemoryOptOuts, MemoryPeople, MemoryQueue, MemoryState};
use tokio::sync::oneshot;

use super::super::dice::Dice;
use super::super::executor::Kind;
use super::super::faults::{NetworkFaults, Switch};
use super::super::storage::{Fate, Ground, State, at_once, unavailable};
use super::super::way::Way;
use crate::lock;

/// How long an invocation may take.
const TIME: Duration = Duration::from_secs(4 * 60);
/// Between events of the schedule.
const PERIOD: Duration = Duration::from_secs(5 * 60);
/// Pollers of the queue, and messages handed to one invocation.
const POLLERS: usize = 2;
const MESSAGES: usize = 10;
/// Pause of a poller whose queue is empty.
const EMPTY_QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    pub salesforce: s::World,
    pub state: Arc<MemoryState>,
    pub register: Arc<MemoryOptOuts>,
    pub queue: Arc<MemoryQueue>,
    pub ground: Ground,
    pub network: Arc<Switch<NetworkFaults>>,
    pub clock_off_by: SignedDuration,
    pub doubled_events: u64,
    /// The first invariant that was broken.
    pub broken: Arc<Mutex<Option<String>>>,
}

/// Instances that are warm and idle.
type Pool = Arc<Mutex<Vec<OptOutPorts>>>;

impl Deployment {
    /// Ports of a new instance.
    pub fn instance(&self) -> OptOutPorts {
        let (handle, ground) = (&self.ground.handle, &self.ground);
        let clock = handle.clock(self.clock_off_by);
        let chance = Arc::new(Dice::new(ground.dice.roll(u64::MAX), 0));
        let org = s::Config::default();
        let login = Login::ClientCredentials { client_id: org.client_id, client_secret: org.client_secret.into() };
        let config = SalesforceConfig {
            login_url: LoginUrl::parse("http://localhost").unwrap(),
            version: Version::default(),
            credentials: salesforce::PlainCredentials::shared(login),
            max_in_flight: 2,
        };
        let world = self.salesforce.clone();
        let way = Way {
            vendor: Arc::new(move |request| {
                let world = world.clone();
                Box::pin(async move { world.answer(request).await })
            }),
            handle: handle.clone(),
            dice: Dice::new(ground.dice.roll(u64::MAX), 1),
            faults: self.network.clone(),
            trace: ground.trace.clone(),
        };
        let times = salesforce::TimeLimits::default();
        let salesforce = SalesforceClient::over(Arc::new(way), config, clock.clone(), chance.clone(), times);
        OptOutPorts {
            register: Arc::new(Register { ground: ground.clone(), inner: self.register.clone() }),
            state: Arc::new(State::over(self.state.clone(), Arc::new(MemoryPeople::new()), ground.clone())),
            salesforce: Arc::new(salesforce),
            clock,
            chance,
        }
    }

    /// Begins the schedule and the pollers.
    pub fn begin(&self) {
        let (this, pool, handle) = (self.clone(), Pool::default(), self.ground.handle.clone());
        handle.clone().begin(Kind::Stage, "schedule", async move {
            loop {
                let times = if this.ground.dice.roll(100) < this.doubled_events { 2 } else { 1 };
                for _ in 0..times {
                    let (this, pool) = (this.clone(), pool.clone());
                    handle.begin(Kind::Function, "unsubscribe-reconciler", async move { this.tick(&pool).await });
                }
                handle.sleep(PERIOD).await;
            }
        });
        for _ in 0..POLLERS {
            self.poll();
        }
    }

    async fn tick(&self, pool: &Pool) {
        let ports = self.warm(pool);
        let outcome = tick(&ports, self.deadline(&ports)).await;
        self.tell(|| format!("tick ends: {:?}", outcome.as_ref().map_err(ToString::to_string)));
        self.watch(outcome.err().as_ref());
        lock(pool).push(ports);
    }

    fn poll(&self) {
        let (this, pool, handle) = (self.clone(), Pool::default(), self.ground.handle.clone());
        handle.clone().begin(Kind::Stage, "poller", async move {
            loop {
                let deliveries = this.queue.receive(MESSAGES);
                if deliveries.is_empty() {
                    handle.sleep(EMPTY_QUEUE_PAUSE).await;
                    continue;
                }
                let (ended, end) = oneshot::channel();
                let (invoked, pool) = (this.clone(), pool.clone());
                handle.begin(Kind::Function, "unsubscribe-reconciler", async move {
                    invoked.messages(deliveries, &pool).await;
                    let _ = ended.send(());
                });
                // Also when the function was cut off.
                let _ = end.await;
            }
        });
    }

    /// Messages that are not reported are deleted once the invocation ends; the others come again when their time is over.
    async fn messages(&self, deliveries: Vec<Delivery>, pool: &Pool) {
        let ports = self.warm(pool);
        let mut event = SqsEvent::default();
        for delivery in &deliveries {
            let mut message = SqsMessage::default();
            message.message_id = Some(delivery.message_id.clone());
            message.body = Some(delivery.body.clone());
            message.attributes.insert("ApproximateReceiveCount".into(), delivery.receive_count.to_string());
            event.records.push(message);
        }
        let around = Around { clock: &*ports.clock, redelivery: &LeftAsTheyAre, ends: None };
        let (handled, addresses) = take_in(&ports, event, around).await.unwrap();
        self.tell(|| format!("{} opt-outs taken, {} failed", addresses.len(), handled.failed));
        let outcome = push(&ports, &addresses, self.deadline(&ports)).await;
        self.watch(outcome.err().as_ref());
        let failed =
            |id: &str| handled.response.batch_item_failures.iter().any(|failure| failure.item_identifier == id);
        for delivery in deliveries.iter().filter(|delivery| !failed(&delivery.message_id)) {
            self.queue.delete(&delivery.receipt_handle);
        }
        lock(pool).push(ports);
    }

    fn deadline(&self, ports: &OptOutPorts) -> Option<Timestamp> {
        ports.clock.now().checked_add(TIME - schedule::MARGIN).ok()
    }

    fn warm(&self, pool: &Pool) -> OptOutPorts {
        let kept = if self.ground.dice.roll(3) == 0 { None } else { lock(pool).pop() };
        kept.unwrap_or_else(|| self.instance())
    }

    /// Invariant 8.
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

/// The register as a function sees it.
struct Register {
    ground: Ground,
    inner: Arc<MemoryOptOuts>,
}

#[async_trait]
impl OptOutRegister for Register {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("get {} opt-outs", addresses.len()));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let entries = at_once(self.inner.get(addresses));
        self.ground.pass().await;
        entries
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let what = format!("put {} opt-outs", writes.len());
        self.ground.put(what, writes, |writes| at_once(self.inner.put(writes))).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("{shelf:?} of opt-outs"));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        at_once(self.inner.shelf(shelf, until, from, limit))
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.ground.pass().await;
        at_once(self.inner.scan(from))
    }
}
