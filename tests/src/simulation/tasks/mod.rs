//! The keeping of reminder tasks as a whole — messages, reconcilers, table, simulated Salesforce — under one seed, as the other flows are in the
//! modules beside: people edit, complete, open again and delete on both sides at any time, machines crash and sleep, answers get lost, changes are
//! committed late. In the end both sides must say the same, which somebody said last; no task may be lost, or be there twice; and once nothing goes
//! wrong any more, each edit must come to what the rule says.

mod deployment;
mod people;
mod scenario;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Timestamp;
use domain::tasks::{Progress, Side, Task, TaskId};
use serde_json::Value;
use simulator_salesforce as s;
use store::{MemoryState, MemoryTasks};

use super::deployment::Deployment as People;
use super::dice::Dice;
use super::executor::{Executor, Handle, Kind, Roughness};
use super::fleet::{self, Fleet};
use super::storage::at_once;
use super::trace::Trace;
use super::{MINUTE, Run};
use crate::lock;
use deployment::Deployment;
use people::{Said, Sayings};
use scenario::Scenario;

/// Minutes within which both sides have to agree once nothing goes wrong any more: a refusal may have to wait its hour out.
const MOST_MINUTES: u64 = 150;
/// After this long nothing that was begun goes on, and nothing that changed is read again.
const QUIET: Duration = Duration::from_secs(40 * 60);
/// Between two edits of which it has to be clear which is the later: clocks are learned from whole seconds.
const CLEARLY: Duration = Duration::from_secs(8);
/// Rounds of edits in calm.
const CALM_ROUNDS: usize = 3;

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
    /// Users of Salesforce who own tasks, with their addresses.
    users: Vec<(String, String)>,
    /// What was said of each task.
    sayings: Mutex<BTreeMap<TaskId, Sayings>>,
    /// Counts what is said, so that no two sayings are alike.
    said: AtomicU64,
    minutes: AtomicU64,
}

impl Stage {
    fn set(seed: u64, scenario: Scenario, salesforce: s::World, handle: Handle, trace: Arc<Trace>) -> Self {
        let population = s::Population { seed, users: 3, ..s::Population::default() };
        salesforce.populate(population).unwrap();
        let user = |record: &Value| (text(record, "Id"), text(record, "Email"));
        let users =
            salesforce.records("User").iter().map(user).filter(|(_, email)| email.starts_with("seller")).collect();
        let events = People::queue("task-events", &handle, &Dice::new(seed, 5), scenario.queue);
        let deployment = Deployment {
            salesforce,
            state: Arc::new(MemoryState::new()),
            tasks: Arc::new(MemoryTasks::lagging(scenario.listings_lag)),
            events,
            fleet: Fleet::new(("reminder-tasks", scenario.queue), seed, &handle, trace, scenario.ways),
        };
        Self {
            scenario,
            dice: Dice::new(seed, 6),
            handle,
            deployment,
            users,
            sayings: Mutex::default(),
            said: AtomicU64::new(0),
            minutes: AtomicU64::new(0),
        }
    }

    async fn direct(&self) {
        self.switch_on();
        fleet::begin(&self.deployment);
        self.deployment.fleet.rough(true);
        self.handle.treat(self.scenario.roughness);
        for _ in 0..self.scenario.rough_pieces {
            while self.dice.chance(self.scenario.happenings) {
                self.something_happens();
                // No two people do something at the very same moment.
                self.handle.sleep(Duration::from_millis(1 + self.dice.roll(self.scenario.apart))).await;
            }
            if self.dice.chance(self.scenario.vendor_faults) {
                let fault = Scenario::fault(&self.dice);
                self.deployment.fleet.tell(|| format!("{fault:?}"));
                self.deployment.salesforce.set_faults(vec![fault]);
            }
            self.handle.sleep(Duration::from_millis(self.dice.roll(400_000))).await;
        }
        self.calm();
        if self.converges().await && self.second_pass().await {
            self.edits_in_calm().await;
        }
        self.handle.stop();
    }

    fn switch_on(&self) {
        let clock = self.handle.clock(self.scenario.ways.clock_off_by);
        at_once(domain::settings::set(&*self.deployment.state, &*clock, "reminders.sync", "on", "admin")).unwrap();
    }

    /// From here on nothing goes wrong.
    fn calm(&self) {
        let deployment = &self.deployment;
        deployment.salesforce.set_faults(Vec::new());
        deployment.fleet.rough(false);
        deployment.tasks.catch_up();
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

    /// Invariant 5.
    async fn second_pass(&self) -> bool {
        let deployment = &self.deployment;
        self.handle.sleep(QUIET).await;
        let before = (deployment.salesforce.stats().written, self.rows());
        self.handle.sleep(QUIET).await;
        let mut wrong = self.wrong();
        if (deployment.salesforce.stats().written, self.rows()) != before {
            wrong.push("passes over unchanged sides wrote something".to_owned());
        }
        if !wrong.is_empty() {
            deployment.fleet.says(format!("after a second pass: {wrong:?}"));
        }
        wrong.is_empty()
    }

    /// Edits that are clearly one after the other: each field says in the end what was said last.
    async fn edits_in_calm(&self) {
        for _ in 0..CALM_ROUNDS {
            for _ in 0..self.dice.below(6) {
                self.somebody_edits();
                self.handle.sleep(CLEARLY + Duration::from_millis(self.dice.roll(60_000))).await;
            }
            self.handle.sleep(QUIET).await;
            let mut wrong = self.wrong();
            wrong.extend(self.not_the_last_word());
            if !wrong.is_empty() {
                self.deployment.fleet.says(format!("after edits in calm: {wrong:?}"));
                return;
            }
        }
    }

    fn rows(&self) -> BTreeMap<TaskId, Task> {
        self.deployment.tasks.all().unwrap().into_iter().map(|task| (task.id.clone(), task)).collect()
    }

    /// Salesforce's tasks, but those that log activities.
    fn records(&self) -> Vec<Value> {
        let mut records = self.deployment.salesforce.records("Task");
        records.retain(|record| !people::is_of_others(record));
        records
    }

    /// Where both sides differ, what was lost, what is there twice.
    fn wrong(&self) -> Vec<String> {
        let (rows, records) = (self.rows(), self.records());
        let mut wrong = Vec::new();
        let mut there: BTreeMap<TaskId, Vec<&Value>> = BTreeMap::new();
        for record in &records {
            there.entry(people::task_of(record)).or_default().push(record);
        }
        for (id, records) in &there {
            let alive: Vec<&&Value> = records.iter().filter(|record| record["IsDeleted"] != true).collect();
            if alive.len() > 1 {
                wrong.push(format!("{id} is there {} times", alive.len()));
            }
            let Some(record) = alive.first() else { continue };
            match rows.get(id) {
                None if people::is_to_be_taken_in(record) => wrong.push(format!("{id} was not taken in")),
                None => {}
                Some(task) if task.deleted.is_some() => wrong.push(format!("{id} is deleted here and not there")),
                Some(task) => wrong.extend(self.differences(task, record)),
            }
        }
        for task in rows.values().filter(|task| task.deleted.is_none()) {
            let alive = there.get(&task.id).is_some_and(|records| records.iter().any(|r| r["IsDeleted"] != true));
            if !alive && task.shared && !task.values.name.is_empty() {
                wrong.push(format!("{} is here and not there", task.id));
            }
        }
        wrong.extend(rows.values().filter(|task| task.shelved().is_some()).map(|task| format!("{} is due", task.id)));
        for (id, sayings) in lock(&self.sayings).iter() {
            wrong.extend(sayings.lost(id, rows.get(id)));
        }
        if !self.deployment.fleet.queue.counts().is_idle() {
            wrong.push("messages wait".to_owned());
        }
        if let Some(touched) = people::touched_of_others(&self.deployment.salesforce) {
            wrong.push(touched);
        }
        wrong.truncate(5);
        wrong
    }

    fn differences(&self, task: &Task, record: &Value) -> Vec<String> {
        let values = &task.values;
        let owner = self.users.iter().find(|(id, _)| *id == text(record, "OwnerId")).map(|(_, email)| email.as_str());
        let pairs = [
            ("name", Some(values.name.clone()), Some(text(record, "Subject"))),
            (
                "done",
                Some((values.status == Progress::Complete).to_string()),
                Some((record["IsClosed"] == true).to_string()),
            ),
            ("due", values.due.map(|due| due.to_string()), record["ActivityDate"].as_str().map(str::to_owned)),
            ("details", values.details.clone(), record["Description"].as_str().map(str::to_owned)),
            ("owner", values.owner.clone(), owner.map(str::to_owned)),
        ];
        let differ = |(what, here, there): (&str, Option<String>, Option<String>)| {
            (here != there).then(|| format!("{}: {what} is {here:?} here and {there:?} there", task.id))
        };
        pairs.into_iter().filter_map(differ).collect()
    }

    /// Fields that do not say what was said last.
    fn not_the_last_word(&self) -> Vec<String> {
        let rows = self.rows();
        let sayings = lock(&self.sayings);
        let last =
            sayings.iter().flat_map(|(id, sayings)| sayings.last.iter().map(move |(field, said)| (id, field, said)));
        last.filter_map(|(id, field, Said { text, calm })| {
            let task = rows.get(id).filter(|task| *calm && task.deleted.is_none())?;
            let says = people::text_of(&task.values, *field);
            (says != *text).then(|| format!("{id}: {} is {says:?}, and {text:?} was said last", field.name()))
        })
        .collect()
    }

    fn by(side: Side) -> &'static str {
        match side {
            Side::Actions => "h",
            Side::Salesforce => "s",
        }
    }
}

fn text(record: &Value, name: &str) -> String {
    record[name].as_str().unwrap_or_default().to_owned()
}
