//! A small world for opt-outs: two people in a simulated Marketo, their records in a simulated Salesforce, the rules in between, and a switch
//! that cuts whoever is at work off. Must not know what should come of anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::initial_sync::message::PeopleMessage;
use domain::initial_sync::{self, coordinator, worker};
use domain::opt_outs::{Address, OptOut};
use domain::people::{Field, MarketoId, PersonRow};
use domain::ports::{
    CheckPorts, Clock, OptOutPorts, OptOutRegister, OptOutWrite, PeoplePorts, PeopleQueues, PeopleTable, PutOutcome,
    RowWrite, Shelf, ShelvedAddress,
};
use domain::pull::{self, Overlap, Pulled};
use domain::{Failure, Timestamp};
use futures_util::future::{Either, select};
use marketo::MarketoClient;
use reqwest::{Request, Response};
use runtime::DiskSpools;
use salesforce::SalesforceClient;
use serde_json::{Value, json};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryOptOuts, MemoryPeople, MemoryQueue, MemoryState};
use tokio::sync::Notify;
use transport::{SendError, Transport};

use crate::lock;
use crate::vendors::{self, IN_PROCESS, Vendor};
use crate::world::Seeded;

/// When the world begins: 2026-07-01, noon.
const START: i64 = 1_782_907_200;
/// Ticks and pulls within which something has to end.
const MOST: usize = 200;

/// Where whoever is at work is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At the so-manieth write of the register, before or after it is done.
    Register { nth: u64, after: bool },
    /// At the so-manieth write to Salesforce.
    Salesforce { nth: u64, after: bool },
}

/// The switch.
#[derive(Default)]
struct Switch {
    cut: Mutex<Option<Cut>>,
    register: AtomicU64,
    salesforce: AtomicU64,
    struck: Notify,
}

impl Switch {
    /// Passes, or never comes back.
    async fn pass(&self, is: impl Fn(Cut) -> bool) {
        if lock(&self.cut).is_some_and(is) {
            self.struck.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// Time of everybody.
struct Time {
    now: Mutex<Timestamp>,
    marketo: m::World,
    salesforce: s::World,
}

impl Time {
    fn advance(&self, by: Duration) {
        let milliseconds = i64::try_from(by.as_millis()).unwrap();
        *lock(&self.now) += by;
        self.marketo.advance_milliseconds(milliseconds);
        self.salesforce.advance_milliseconds(milliseconds);
    }
}

#[async_trait]
impl Clock for Time {
    fn now(&self) -> Timestamp {
        *lock(&self.now)
    }

    async fn sleep(&self, pause: Duration) {
        self.advance(pause);
        tokio::task::yield_now().await;
    }
}

/// The way to a vendor.
struct Way {
    vendor: Vendor,
    switch: Arc<Switch>,
}

#[async_trait]
impl Transport for Way {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let request = vendors::request(request)?;
        let number = if request.method() == axum::http::Method::PATCH {
            self.switch.salesforce.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            0
        };
        let is = |when: bool| move |cut: Cut| matches!(cut, Cut::Salesforce { nth, after } if nth == number && after == when);
        self.switch.pass(is(false)).await;
        let answer = (self.vendor)(request).await;
        self.switch.pass(is(true)).await;
        let (head, body) = answer.into_parts();
        Ok(vendors::response(head, vendors::body(body).await?))
    }
}

/// The register, behind the switch.
struct Register {
    inner: Arc<MemoryOptOuts>,
    switch: Arc<Switch>,
}

#[async_trait]
impl OptOutRegister for Register {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.inner.get(addresses).await
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let number = self.switch.register.fetch_add(1, Ordering::Relaxed) + 1;
        let is =
            |when: bool| move |cut: Cut| matches!(cut, Cut::Register { nth, after } if nth == number && after == when);
        self.switch.pass(is(false)).await;
        let outcomes = self.inner.put(writes).await;
        self.switch.pass(is(true)).await;
        outcomes
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        self.inner.shelf(shelf, until, from, limit).await
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.inner.scan(from).await
    }
}

/// The world.
pub struct Small {
    pub marketo: m::World,
    pub salesforce: s::World,
    pub people: Arc<MemoryPeople>,
    pub entries: Arc<MemoryOptOuts>,
    pub ports: OptOutPorts,
    pub check: CheckPorts,
    /// Whom the stories are about, and the other one.
    pub person: i64,
    pub other: i64,
    pull: PeoplePorts,
    initial: PeoplePorts,
    queues: [Arc<MemoryQueue>; 2],
    time: Arc<Time>,
    switch: Arc<Switch>,
}

impl Small {
    /// A person with a lead and a contact of one address, another person with a contact; both are stored.
    pub async fn new() -> Self {
        let clock = m::ClockMode::Manual(Some(START));
        let config = m::Config { people: 2, days_of_history: 2, clock, ..m::Config::default() };
        let org = s::Config { clock: s::ClockMode::Manual(Some(START)), ..s::Config::default() };
        let (marketo, salesforce) =
            (m::World::without_network(config.clone()), s::World::without_network(org.clone()).unwrap());
        let now = Mutex::new(Timestamp::from_second(START).unwrap());
        let time = Arc::new(Time { now, marketo: marketo.clone(), salesforce: salesforce.clone() });
        let (switch, state) = (Arc::new(Switch::default()), Arc::new(MemoryState::new()));
        let (people, entries) = (Arc::new(MemoryPeople::new()), Arc::new(MemoryOptOuts::new()));
        let register: Arc<dyn OptOutRegister> = Arc::new(Register { inner: entries.clone(), switch: switch.clone() });
        let client = |purpose, seed| {
            let (chance, vendor) = (Seeded::new(seed), vendors::marketo(marketo.clone()));
            let limits = CallLimits { per_20_seconds: 100_000, per_day: 10_000_000 };
            let budget = SharedBudget::new(state.clone(), time.clone(), chance.clone(), purpose, limits);
            let budget = Arc::new(budget);
            let to = vendors::marketo_config(&config, IN_PROCESS, 2);
            let way = Arc::new(Way { vendor, switch: switch.clone() });
            let times = marketo::TimeLimits::default();
            let client = MarketoClient::over(way, to, time.clone(), chance.clone(), budget.clone(), times);
            let client = Arc::new(client);
            let ports = PeoplePorts {
                marketo: client.clone(),
                people: people.clone(),
                state: state.clone(),
                budget,
                clock: time.clone(),
                chance,
                spools: Arc::new(DiskSpools::default()),
            };
            (ports, client)
        };
        let ((initial, _), (pull, consent)) = (client(Purpose::InitialSync, 1), client(Purpose::Changes, 2));
        let check =
            CheckPorts { register: register.clone(), state: state.clone(), marketo: consent, clock: time.clone() };
        let ports = OptOutPorts {
            register,
            state,
            salesforce: Arc::new(salesforce_client(&org, &salesforce, &switch, &time)),
            clock: time.clone(),
            chance: Seeded::new(3),
        };
        let queue = |name: &str, seed| {
            Arc::new(MemoryQueue::new(name, Duration::from_secs(600), time.clone(), Seeded::new(seed)))
        };
        let queues = [queue("people-batches", 4), queue("people-reads", 5)];
        let ids: Vec<i64> = (0..2).map(|nth| m::FIRST_ID + nth).collect();
        let small = Self {
            marketo,
            salesforce,
            people,
            entries,
            ports,
            check,
            person: ids[0],
            other: ids[1],
            pull,
            initial,
            queues,
            time,
            switch,
        };
        small.furnish().await;
        small
    }

    async fn furnish(&self) {
        let mut writes = Vec::new();
        for (person, name, object, record) in
            [(self.person, "a", "Lead", "00Q5e0000000001"), (self.other, "b", "Contact", "0035e0000000002")]
        {
            let (email, record) = (email(name), domain::people::to_18_characters(record).into_owned());
            let id_field = if object == "Lead" {
                ("sfdcLeadId", Field::SfdcLeadId)
            } else {
                ("sfdcContactId", Field::SfdcContactId)
            };
            for (field, value) in [
                ("email", email.clone().into()),
                ("unsubscribed", false.into()),
                ("blackListed", false.into()),
                ("emailInvalid", false.into()),
                ("sfdcLeadId", Value::Null),
                ("sfdcContactId", Value::Null),
                (id_field.0, record.clone().into()),
                ("sfdcLeadOwnerId", "0055e00000AbCdE".into()),
            ] {
                self.marketo.set_field(person, field, value);
            }
            self.put(object, &record, &email);
            let fields = [(Field::Email, email), (id_field.1, record)].into_iter().collect();
            let as_of = Timestamp::from_second(START).unwrap();
            writes.push(RowWrite { row: PersonRow::active(MarketoId(person), as_of, fields), seen: None });
        }
        // Several records with one address.
        self.put("Contact", "0035e0000000001", &email("a"));
        self.people.put(writes).await.unwrap();
        self.advance(60);
        pull::ensure_cursor(&self.pull, None).await.unwrap();
        self.advance(60);
    }

    /// Puts a record of this address into Salesforce.
    pub fn put(&self, object: &str, id: &str, email: &str) {
        let mut record = json!({ "Id": id, "LastName": "Somebody", "Email": email });
        if object == "Lead" {
            record["Company"] = "Somewhere".into();
        }
        self.salesforce.put(object, &[record]).unwrap();
    }

    pub fn advance(&self, seconds: u64) {
        self.time.advance(Duration::from_secs(seconds));
    }

    /// Runs an initial sync to its end.
    pub async fn initial_sync(&self) -> Result<(), String> {
        let queues = PeopleQueues { batches: self.queues[0].clone(), reads: self.queues[1].clone() };
        initial_sync::request(&self.initial, false).await.map_err(|f| f.to_string())?;
        for _ in 0..MOST {
            let tick = coordinator::tick(&self.initial, &queues, None).await.map_err(|f| f.to_string())?;
            if !tick.running && !tick.held {
                return Ok(());
            }
            for queue in &self.queues {
                for delivery in queue.receive(10) {
                    let message = PeopleMessage::from_body(&delivery.body).map_err(|f| f.to_string())?;
                    let reads = &*self.queues[1];
                    worker::handle(&self.initial, reads, message, false).await.map_err(|f| f.to_string())?;
                    queue.delete(&delivery.receipt_handle);
                }
            }
            self.advance(30);
        }
        Err("the initial sync does not end".to_owned())
    }

    /// Pulls until caught up; gives whether it came to that.
    pub async fn pull(&self) -> Result<bool, String> {
        for _ in 0..MOST {
            let pulled: Pulled = pull::pull(&self.pull, &*self.ports.register, Overlap::WhenDue, None)
                .await
                .map_err(|failure| failure.to_string())?;
            if pulled.held {
                return Ok(false);
            }
            if pulled.caught_up {
                return Ok(true);
            }
        }
        Err("the pull does not catch up".to_owned())
    }

    /// The outcome of some work, or `None` where it was cut off.
    pub async fn cut_off<T>(&self, cut: Cut, work: impl Future<Output = T>) -> Option<T> {
        *lock(&self.switch.cut) = Some(cut);
        for failures in [&self.switch.register, &self.switch.salesforce] {
            failures.store(0, Ordering::Relaxed);
        }
        let (work, struck) = (std::pin::pin!(work), std::pin::pin!(self.switch.struck.notified()));
        let outcome = match select(struck, work).await {
            Either::Left(_) => None,
            Either::Right((outcome, _)) => Some(outcome),
        };
        *lock(&self.switch.cut) = None;
        outcome
    }
}

/// An address by its letter.
pub fn email(letter: &str) -> String {
    format!("{letter}@example.com")
}

fn salesforce_client(org: &s::Config, world: &s::World, switch: &Arc<Switch>, time: &Arc<Time>) -> SalesforceClient {
    let config = vendors::salesforce_config(org, IN_PROCESS, 2);
    let way = Arc::new(Way { vendor: vendors::salesforce(world.clone()), switch: switch.clone() });
    SalesforceClient::over(way, config, time.clone(), Seeded::new(6), salesforce::TimeLimits::default())
}
