//! The deployed logger: a schedule, a queue, and instances that come and go. Must not know what goes wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::activities::{self, ActivityId, Destination, Entry, TypeLayout};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{ActivityLedger, EntryWrite, LogPorts, PutOutcome, Shelf, Shelved, SyncState};
use domain::{Failure, Timestamp};
use jiff::SignedDuration;
use marketo::{BaseUrl, MarketoClient, MarketoConfig};
use runtime::activities::{log_due, take_in};
use runtime::queue::{Around, LeftAsTheyAre};
use runtime::schedule;
use salesforce::{Login, LoginUrl, SalesforceClient, SalesforceConfig, Version};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::memory::Delivery;
use store::{MemoryLedger, MemoryPeople, MemoryQueue, MemoryState};
use tokio::sync::oneshot;

use super::super::MINUTE;
use super::super::dice::Dice;
use super::super::executor::Kind;
use super::super::faults::{NetworkFaults, Switch};
use super::super::storage::{Fate, Ground, State, Table, at_once, unavailable};
use super::super::way::Way;
use crate::lock;

/// How long an invocation may take; then it is cut off, most of the time.
const TIME: Duration = Duration::from_secs(2 * 60);
/// Pollers of the queue, and messages handed to one invocation.
const POLLERS: usize = 2;
const MESSAGES: usize = 10;
/// Pause of a poller whose queue is empty.
const EMPTY_QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    pub marketo: m::World,
    pub salesforce: s::World,
    pub people: Arc<MemoryPeople>,
    pub state: Arc<MemoryState>,
    pub ledger: Arc<MemoryLedger>,
    pub queue: Arc<MemoryQueue>,
    pub ground: Ground,
    pub network: Arc<Switch<NetworkFaults>>,
    pub clock_off_by: SignedDuration,
    pub doubled_events: u64,
    /// The first invariant that was broken.
    pub broken: Arc<Mutex<Option<String>>>,
}

/// Instances that are warm and idle.
type Pool = Arc<Mutex<Vec<LogPorts>>>;

impl Deployment {
    /// Ports of a new instance.
    fn instance(&self) -> LogPorts {
        let (handle, ground) = (&self.ground.handle, &self.ground);
        let clock = handle.clock(self.clock_off_by);
        let chance = Arc::new(Dice::new(ground.dice.roll(u64::MAX), 0));
        let state: Arc<dyn SyncState> = Arc::new(State::over(self.state.clone(), self.people.clone(), ground.clone()));
        let limits = CallLimits::default();
        let budget =
            Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits));
        let (config, org) = (m::Config::default(), s::Config::default());
        let marketo = MarketoConfig {
            base_url: BaseUrl::parse("http://localhost").unwrap(),
            credentials: marketo::PlainCredentials::shared(config.client_id, config.client_secret),
            max_in_flight: 2,
        };
        let world = self.marketo.clone();
        let way = self.way(1, move |request| {
            let world = world.clone();
            Box::pin(async move { world.answer(request).await })
        });
        let times = marketo::TimeLimits::default();
        let marketo = MarketoClient::over(way, marketo, clock.clone(), chance.clone(), budget, times);
        let login = Login::ClientCredentials { client_id: org.client_id, client_secret: org.client_secret.into() };
        let salesforce = SalesforceConfig {
            login_url: LoginUrl::parse("http://localhost").unwrap(),
            version: Version::default(),
            credentials: salesforce::PlainCredentials::shared(login),
            max_in_flight: 2,
        };
        let world = self.salesforce.clone();
        let way = self.way(2, move |request| {
            let world = world.clone();
            Box::pin(async move { world.answer(request).await })
        });
        let times = salesforce::TimeLimits::default();
        let salesforce = SalesforceClient::over(way, salesforce, clock.clone(), chance.clone(), times);
        LogPorts {
            ledger: Arc::new(Ledger { ground: ground.clone(), inner: self.ledger.clone() }),
            people: Arc::new(Table::over(self.people.clone(), ground.clone())),
            state,
            marketo: Arc::new(marketo),
            salesforce: Arc::new(salesforce),
            clock,
            chance,
        }
    }

    fn way(
        &self,
        part: u64,
        vendor: impl Fn(axum::extract::Request) -> std::pin::Pin<Box<dyn Future<Output = axum::response::Response> + Send>>
        + Send
        + Sync
        + 'static,
    ) -> Arc<Way> {
        Arc::new(Way {
            vendor: Arc::new(vendor),
            handle: self.ground.handle.clone(),
            dice: Dice::new(self.ground.dice.roll(u64::MAX), part),
            faults: self.network.clone(),
            trace: self.ground.trace.clone(),
        })
    }

    /// Makes the custom activity types, before anything goes wrong.
    pub async fn provision(&self) {
        activities::provision_marketo(&*self.instance().marketo, TypeLayout::Eight).await.unwrap();
    }

    /// What the app sends.
    pub fn send(&self, bodies: Vec<String>) {
        at_once(domain::ports::Queue::send(&*self.queue, bodies)).unwrap();
    }

    /// Records that vendors hold: custom activities, and what was written to Salesforce.
    pub fn vendor_writes(&self) -> (usize, u64) {
        (self.marketo.custom_activities().len(), self.salesforce.stats().written)
    }

    /// Begins the schedule and the pollers.
    pub fn begin(&self) {
        let (this, pool, handle) = (self.clone(), Pool::default(), self.ground.handle.clone());
        handle.clone().begin(Kind::Stage, "schedule", async move {
            loop {
                let times = if this.ground.dice.roll(100) < this.doubled_events { 2 } else { 1 };
                for _ in 0..times {
                    let (this, pool) = (this.clone(), pool.clone());
                    handle.begin(Kind::Function, "activity-logger", async move { this.tick(&pool).await });
                }
                handle.sleep(MINUTE).await;
            }
        });
        for _ in 0..POLLERS {
            self.poll();
        }
    }

    async fn tick(&self, pool: &Pool) {
        let ports = self.warm(pool);
        self.tell(|| "tick begins".to_owned());
        let outcome = log_due(&ports, &[], self.deadline(&ports)).await;
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
                handle.begin(Kind::Function, "activity-logger", async move {
                    invoked.messages(deliveries, &pool).await;
                    let _ = ended.send(());
                });
                // Also when the logger was cut off.
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
        let (handled, ids) = take_in(&ports, event, around).await.unwrap();
        self.tell(|| format!("{} messages taken, {} failed", ids.len(), handled.failed));
        let outcome = log_due(&ports, &ids, self.deadline(&ports)).await;
        self.watch(outcome.err().as_ref());
        let failed =
            |id: &str| handled.response.batch_item_failures.iter().any(|failure| failure.item_identifier == id);
        for delivery in deliveries.iter().filter(|delivery| !failed(&delivery.message_id)) {
            self.queue.delete(&delivery.receipt_handle);
        }
        lock(pool).push(ports);
    }

    fn deadline(&self, ports: &LogPorts) -> Option<Timestamp> {
        ports.clock.now().checked_add(TIME - schedule::MARGIN).ok()
    }

    fn warm(&self, pool: &Pool) -> LogPorts {
        let kept = if self.ground.dice.roll(3) == 0 { None } else { lock(pool).pop() };
        kept.unwrap_or_else(|| self.instance())
    }

    /// Invariant 8.
    fn watch(&self, failure: Option<&Failure>) {
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

/// The ledger as a function sees it.
struct Ledger {
    ground: Ground,
    inner: Arc<MemoryLedger>,
}

#[async_trait]
impl ActivityLedger for Ledger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("get {} entries", ids.len()));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let entries = at_once(self.inner.get(ids));
        self.ground.pass().await;
        entries
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let what = format!("put {} entries", writes.len());
        self.ground.put(what, writes, |writes| at_once(self.inner.put(writes))).await
    }

    async fn shelf(
        &self,
        destination: Destination,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Shelved>,
        limit: usize,
    ) -> Result<Vec<Shelved>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("{shelf:?} of {destination:?}"));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        at_once(self.inner.shelf(destination, shelf, until, from, limit))
    }
}
