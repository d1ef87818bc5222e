//! The deployed logger. Must not know what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::SqsEvent;
use domain::activities::{self, ActivityId, Destination, Entry, TypeLayout};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{ActivityLedger, Clock, EntryWrite, LogPorts, PutOutcome, Shelf, Shelved, SyncState};
use domain::{Failure, Timestamp};
use marketo::MarketoClient;
use runtime::activities::{log_due, take_in};
use runtime::queue::{Around, Handled};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryLedger, MemoryPeople, MemoryState};

use super::super::MINUTE;
use super::super::fleet::{Fleet, Function};
use super::super::storage::{Fate, Ground, State, Table, at_once, unavailable};
use crate::vendors::{self, IN_PROCESS};

/// What all instances share.
#[derive(Clone)]
pub struct Deployment {
    pub marketo: m::World,
    pub salesforce: s::World,
    pub people: Arc<MemoryPeople>,
    pub state: Arc<MemoryState>,
    pub ledger: Arc<MemoryLedger>,
    pub fleet: Fleet,
}

impl Deployment {
    /// Makes the custom activity types, before anything goes wrong.
    pub async fn provision(&self) {
        activities::provision_marketo(&*self.instance().marketo, TypeLayout::Eight).await.unwrap();
    }

    /// What the app sends.
    pub fn send(&self, bodies: Vec<String>) {
        at_once(domain::ports::Queue::send(&*self.fleet.queue, bodies)).unwrap();
    }

    /// Records that vendors hold: custom activities, and what was written to Salesforce.
    pub fn vendor_writes(&self) -> (usize, u64) {
        (self.marketo.custom_activities().len(), self.salesforce.stats().written)
    }
}

impl Function for Deployment {
    type Ports = LogPorts;
    type Taken = ActivityId;
    const NAME: &'static str = "activity-logger";
    const TIME: Duration = Duration::from_secs(2 * 60);
    const PERIOD: Duration = MINUTE;

    fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    fn instance(&self) -> LogPorts {
        let (ground, (clock, chance)) = (&self.fleet.ground, self.fleet.machine());
        let state: Arc<dyn SyncState> = Arc::new(State::over(self.state.clone(), self.people.clone(), ground.clone()));
        let limits = CallLimits::default();
        let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
        let config = vendors::marketo_config(&m::Config::default(), IN_PROCESS, 2);
        let (way, times) = (self.fleet.way(vendors::marketo(self.marketo.clone())), marketo::TimeLimits::default());
        let marketo = MarketoClient::over(way, config, clock.clone(), chance.clone(), Arc::new(budget), times);
        let salesforce = self.fleet.salesforce(self.salesforce.clone(), clock.clone(), chance.clone());
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

    fn clock(ports: &LogPorts) -> &Arc<dyn Clock> {
        &ports.clock
    }

    async fn tick(ports: &LogPorts, stop: Option<Timestamp>) -> Result<String, Failure> {
        log_due(ports, &[], stop).await.map(|works| format!("{works:?}"))
    }

    async fn take(ports: &LogPorts, event: SqsEvent, around: Around<'_>) -> (Handled, Vec<ActivityId>) {
        take_in(ports, event, around).await.unwrap()
    }

    async fn work(ports: &LogPorts, ids: Vec<ActivityId>, stop: Option<Timestamp>) -> Result<(), Failure> {
        log_due(ports, &ids, stop).await.map(drop)
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
