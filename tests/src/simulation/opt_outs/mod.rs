//! The keeping of opt-outs as a whole — messages, reconcilers, register, simulated Salesforce — under one seed, as the other flows are in the
//! modules beside: crashes at any await, machines that sleep, answers that get lost, storage that fails, changes that are committed late, people
//! who tick, untick, merge, convert and delete, and admins who resubscribe. Nobody who said no may get lost, and both sides must agree in the end.

mod deployment;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Timestamp;
use domain::opt_outs::{self, Address, OptOut, Source};
use serde_json::{Value, json};
use simulator_salesforce as s;
use store::{MemoryOptOuts, MemoryState};

use super::dice::Dice;
use super::executor::{Executor, Handle, Kind, Roughness};
use super::fleet::{self, Fleet, Function};
use super::storage::at_once;
use super::trace::Trace;
use super::{MINUTE, Run};
use crate::lock;
use deployment::Deployment;
use scenario::Scenario;

/// Minutes within which both sides have to agree once nothing goes wrong any more: the first hour after the switch may have just begun, and a
/// refusal may have to wait its hour out.
const MOST_MINUTES: u64 = 180;
/// After this long nothing that was begun goes on, and nothing that changed is read again.
const QUIET: Duration = Duration::from_secs(40 * 60);
/// An admin's act takes no longer, pauses and repetitions included.
const ACT: i64 = 45 * 60;
const BOX: &str = "HasOptedOutOfEmail";

/// Runs a seed; `spoken` runs print what happens.
pub fn run(seed: u64, spoken: bool) -> Run {
    let timers = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = timers.enter();
    let scenario = Scenario::drawn(seed, &Dice::new(seed, 1));
    let trace = Arc::new(Trace::new(spoken));
    let salesforce = s::World::without_network(scenario.salesforce.clone()).unwrap();
    let start = Timestamp::from_millisecond(salesforce.now_milliseconds()).unwrap();
    let executor = Executor::new(start, Dice::new(seed, 2), trace.clone());
    let stage = Arc::new(Stage::set(seed, scenario, salesforce.clone(), executor.handle(), trace.clone()));
    let directed = stage.clone();
    executor.handle().begin(Kind::Stage, "director", async move { directed.direct().await });
    executor.run(|milliseconds| salesforce.advance_milliseconds(milliseconds));
    Run {
        told: trace.told(),
        minutes_to_truth: stage.minutes.load(Ordering::Relaxed),
        broken: lock(&stage.deployment.fleet.broken).clone(),
    }
}

struct Stage {
    scenario: Scenario,
    dice: Dice,
    handle: Handle,
    deployment: Deployment,
    /// When each address last said no by a message.
    no: Mutex<BTreeMap<String, Timestamp>>,
    /// When a box of each address was last ticked by somebody.
    ticked: Mutex<BTreeMap<String, Timestamp>>,
    /// When each address was last resubscribed, and when the last try of that began.
    resubscribed: Arc<Mutex<BTreeMap<String, Timestamp>>>,
    tried: Mutex<BTreeMap<String, Timestamp>>,
    minutes: AtomicU64,
}

impl Stage {
    fn set(seed: u64, scenario: Scenario, salesforce: s::World, handle: Handle, trace: Arc<Trace>) -> Self {
        let deployment = Deployment {
            salesforce,
            state: Arc::new(MemoryState::new()),
            register: Arc::new(MemoryOptOuts::lagging(scenario.listings_lag)),
            fleet: Fleet::new(("opt-outs", scenario.queue), seed, &handle, trace, scenario.ways),
        };
        Self {
            scenario,
            dice: Dice::new(seed, 6),
            handle,
            deployment,
            no: Mutex::default(),
            ticked: Mutex::default(),
            resubscribed: Arc::default(),
            tried: Mutex::default(),
            minutes: AtomicU64::new(0),
        }
    }

    async fn direct(&self) {
        for number in 0..self.scenario.addresses {
            for _ in 0..=self.dice.below(3) {
                self.put(&email(number));
            }
        }
        fleet::begin(&self.deployment);
        self.deployment.fleet.rough(true);
        self.handle.treat(self.scenario.roughness);
        for _ in 0..self.scenario.rough_pieces {
            while self.dice.chance(self.scenario.happenings) {
                self.something_happens();
                self.handle.sleep(Duration::from_millis(self.dice.roll(self.scenario.apart))).await;
            }
            if self.dice.chance(self.scenario.vendor_faults) {
                let fault = Scenario::fault(&self.dice);
                self.deployment.fleet.tell(|| format!("{fault:?}"));
                self.deployment.salesforce.set_faults(vec![fault]);
            }
            self.handle.sleep(Duration::from_millis(self.dice.roll(400_000))).await;
            self.nobody_is_lost();
        }
        self.calm();
        if self.converges().await {
            self.second_pass().await;
        }
        self.handle.stop();
    }

    fn put(&self, email: &str) {
        let mut record = json!({ "LastName": "Somebody", "Email": email });
        let object = *self.dice.one_of(&["Lead", "Contact"]);
        if object == "Lead" {
            record["Company"] = "Acme".into();
        }
        self.deployment.salesforce.put(object, &[record]).unwrap();
    }

    fn something_happens(&self) {
        let email = email(self.dice.below(self.scenario.addresses));
        let open: Vec<Value> = self.records(&email).into_iter().filter(is_open).collect();
        let one = (!open.is_empty()).then(|| self.dice.one_of(&open)).map(|record| text(record, "Id"));
        let world = &self.deployment.salesforce;
        let what = self.dice.roll(12);
        self.deployment.fleet.tell(|| format!("happening {what} to {email}, record {one:?}"));
        match (what, one) {
            (0..=2, _) => self.say_no(&email),
            (3..=4, Some(id)) => {
                self.edit(&id, json!({ BOX: true }));
                lock(&self.ticked).insert(email, self.handle.now());
            }
            (5, Some(id)) => self.edit(&id, json!({ BOX: false })),
            (6, _) => self.put(&email),
            (7, Some(id)) => {
                let other = self::email(self.dice.below(self.scenario.addresses));
                if open.iter().any(|record| text(record, "Id") == id && record[BOX] == true) {
                    lock(&self.ticked).insert(other.clone(), self.handle.now());
                }
                self.edit(&id, json!({ "Email": other }));
            }
            (8, Some(id)) => drop(world.delete(&id, None)),
            (9, Some(id)) if id.starts_with("00Q") => drop(world.convert(&id, None, None)),
            (9, Some(id)) => {
                let other = open.iter().map(|record| text(record, "Id")).find(|o| *o != id && o.starts_with("003"));
                if let Some(other) = other {
                    drop(world.merge(&other, &id));
                }
            }
            (10..=11, _) if self.scenario.resubscribes => self.resubscribe(email),
            _ => {}
        }
    }

    fn edit(&self, id: &str, fields: Value) {
        let fields = fields.as_object().cloned().unwrap();
        // Some transactions take minutes.
        let late_seconds = if self.dice.chance(100) { self.dice.roll(300) } else { self.dice.roll(9) };
        drop(self.deployment.salesforce.edit(&s::Edit {
            id: id.to_owned(),
            fields,
            late_seconds,
            ..s::Edit::default()
        }));
    }

    /// The app sends a message, sometimes twice.
    fn say_no(&self, email: &str) {
        let now = self.handle.now();
        let source = self.dice.one_of(&Source::ALL).as_str();
        let body = json!({ "v": 1, "email": email, "source": source, "at": now.to_string() }).to_string();
        let bodies = vec![body; 1 + usize::from(self.dice.chance(200))];
        at_once(domain::ports::Queue::send(&*self.deployment.fleet.queue, bodies)).unwrap();
        lock(&self.no).insert(email.to_owned(), now);
    }

    /// An admin at a machine that may fail like any other.
    fn resubscribe(&self, email: String) {
        let (deployment, known) = (self.deployment.clone(), self.resubscribed.clone());
        lock(&self.tried).insert(email.clone(), self.handle.now());
        self.handle.begin(Kind::Function, "admin", async move {
            let ports = deployment.instance();
            let Some(address) = Address::of(&email) else { return };
            match opt_outs::resubscribe(&ports, &address, "on paper", Some("admin".to_owned())).await {
                Ok(_) => drop(lock(&known).insert(email, deployment.fleet.ground.handle.now())),
                Err(failure) => deployment.fleet.watch(Some(&failure)),
            }
        });
    }

    fn records(&self, email: &str) -> Vec<Value> {
        let mut records = self.all();
        records.retain(|record| record["Email"] == email);
        records
    }

    fn all(&self) -> Vec<Value> {
        ["Contact", "Lead"].into_iter().flat_map(|object| self.deployment.salesforce.records(object)).collect()
    }

    fn entries(&self) -> BTreeMap<String, OptOut> {
        let entries = self.deployment.register.all().unwrap();
        entries.into_iter().map(|entry| (entry.address.as_str().to_owned(), entry)).collect()
    }

    /// Invariant 4, as far as the register goes: nothing but an admin's act clears an entry, and history only grows.
    fn nobody_is_lost(&self) {
        for (email, entry) in self.entries() {
            let last = entry.history.last().filter(|event| !event.opted_out);
            let tried = lock(&self.tried).contains_key(&email);
            if !entry.opted_out && !entry.history.is_empty() && (last.is_none() || !tried) {
                self.deployment.fleet.says(format!("{email} was cleared by nobody"));
            }
        }
    }

    /// From here on nothing goes wrong.
    fn calm(&self) {
        let deployment = &self.deployment;
        deployment.salesforce.set_faults(Vec::new());
        deployment.fleet.rough(false);
        deployment.register.catch_up();
        self.handle.treat(Roughness::default());
        self.handle.wake_paused();
        deployment.fleet.tell(|| "the faults are over".to_owned());
    }

    async fn converges(&self) -> bool {
        let mut wrong = Vec::new();
        for minute in 0..MOST_MINUTES {
            self.handle.sleep(MINUTE).await;
            wrong = self.wrong();
            if wrong.is_empty() {
                self.minutes.store(minute + 1, Ordering::Relaxed);
                return true;
            }
        }
        self.deployment.fleet.says(format!("{MOST_MINUTES} minutes after the faults: {wrong:?}"));
        false
    }

    /// Where both sides differ, and who said no and is not opted out.
    fn wrong(&self) -> Vec<String> {
        let (entries, records) = (self.entries(), self.all());
        let opted_out = |email: &str| entries.get(email).is_some_and(|entry| entry.opted_out);
        let mut wrong = Vec::new();
        for record in records.iter().filter(|record| is_open(record)) {
            let (email, ticked) = (text(record, "Email"), record[BOX] == true);
            if opted_out(&email) != ticked {
                wrong.push(format!("{email}: the register says {}, the box {ticked}", !ticked));
            }
        }
        // Whether an act that may have cleared the address began after it spoke, or so little before that it may have been under way.
        let tried = lock(&self.tried);
        let cleared = |email: &str, said: &Timestamp| {
            tried.get(email).is_some_and(|at| said.duration_since(*at).as_secs() <= ACT)
        };
        // What was said after an admin had looked is not cleared, however long the rest of the act took.
        let looked = |email: &str| {
            let last = entries.get(email)?.history.iter().rfind(|event| !event.opted_out)?;
            last.at.checked_sub(self.deployment.fleet.clock_off_by).ok()
        };
        for (email, said) in lock(&self.no).iter() {
            if !opted_out(email) && looked(email).is_none_or(|looked| *said > looked) {
                wrong.push(format!("{email} said no and is not opted out"));
            }
        }
        // A box that was ticked meanwhile is cleared with the others; one that was unticked, or left the address, may have been seen by nobody.
        let there = |email: &str| records.iter().any(|record| record["Email"] == email && record[BOX] == true);
        for (email, said) in lock(&self.ticked).iter() {
            if !cleared(email, said) && !opted_out(email) && there(email) {
                wrong.push(format!("a box of {email} is ticked, and it is not opted out"));
            }
        }
        wrong.extend(entries.values().filter(|entry| entry.shelved().is_some()).map(|_| "something is due".to_owned()));
        if !self.deployment.fleet.queue.counts().is_idle() {
            wrong.push("messages wait".to_owned());
        }
        wrong.truncate(5);
        wrong
    }

    /// Invariant 5; and what an admin cleared stays clear.
    async fn second_pass(&self) {
        let deployment = &self.deployment;
        self.handle.sleep(QUIET).await;
        let before = (deployment.salesforce.stats().written, self.entries());
        self.handle.sleep(QUIET).await;
        if (deployment.salesforce.stats().written, self.entries()) != before {
            deployment.fleet.says("passes over unchanged sides wrote something".to_owned());
        }
        let wrong = self.wrong();
        if !wrong.is_empty() {
            deployment.fleet.says(format!("after a second pass: {wrong:?}"));
        }
        self.cleared_stays_clear();
    }

    fn cleared_stays_clear(&self) {
        // A request that was held up is carried out after its sender was given up: then a cleared box may be ticked again, and says no.
        if self.scenario.ways.network.held_up > 0 {
            return;
        }
        let (entries, no, ticked) = (self.entries(), lock(&self.no), lock(&self.ticked));
        let moved: BTreeSet<String> = self.all().iter().filter(|r| !is_open(r)).map(|r| text(r, "Email")).collect();
        for (email, at) in lock(&self.resubscribed).iter() {
            // Also what was said before and came in late.
            let late = |said: &Timestamp| said.duration_since(*at).as_secs() > -ACT;
            let said_again = no.get(email).is_some_and(late) || ticked.get(email).is_some_and(late);
            // Whoever took the place of a record of another address has said no with it.
            let inherits = !moved.is_empty();
            if !said_again && !inherits && entries.get(email).is_some_and(|entry| entry.opted_out) {
                self.deployment.fleet.says(format!("{email} was resubscribed and is opted out"));
            }
        }
    }
}

fn email(number: usize) -> String {
    format!("p{number}@example.com")
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}

/// Whether a record can be changed.
fn is_open(record: &Value) -> bool {
    record["IsDeleted"] != true && record["IsConverted"] != true
}
