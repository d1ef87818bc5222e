//! The activity flow as a whole — messages, loggers, ledger, simulated Marketo and Salesforce — under one seed, as the people flow is in the
//! module above: crashes at any await, machines that sleep, answers that get lost, storage that fails, vendors that refuse, records that
//! show late. Each activity must end exactly once at each destination, and the same messages again must write nothing.

mod deployment;
pub(super) mod scenario;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::Timestamp;
use domain::activities::Progress;
use domain::people::{Field, MarketoId, PersonRow};
use domain::ports::{PeopleTable, RowWrite};
use serde_json::{Value, json};
use simulator_app::{Expected, Someone};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryLedger, MemoryPeople, MemoryState};

use super::dice::Dice;
use super::executor::{Executor, Handle, Kind, Roughness};
use super::fleet::{self, Fleet};
use super::trace::Trace;
use super::{MINUTE, Run};
use crate::lock;
use deployment::Deployment;
use scenario::Scenario;

/// Minutes within which everything has to be logged once nothing goes wrong any more: what was lost last may be in the hands of a logger that
/// is found dead after its lease, then in a message that comes again, then be waited for in Marketo, and a refusal may have to wait its hour out.
const MOST_MINUTES: u64 = 150;
/// After this long nothing that was begun goes on.
const QUIET: Duration = Duration::from_secs(30 * 60);
/// What an unusable message holds, which must be in no text.
const CANARY: &str = "canary.person@example.com";

/// Runs a seed; `spoken` runs print what happens.
pub fn run(seed: u64, spoken: bool) -> Run {
    let timers = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = timers.enter();
    let scenario = Scenario::drawn(seed, &Dice::new(seed, 1));
    let trace = Arc::new(Trace::new(spoken));
    let marketo = m::World::without_network(scenario.marketo.clone());
    let salesforce = s::World::without_network(scenario.salesforce.clone()).unwrap();
    let start = Timestamp::from_millisecond(marketo.now_milliseconds()).unwrap();
    let executor = Executor::new(start, Dice::new(seed, 2), trace.clone());
    let stage =
        Arc::new(Stage::set(seed, scenario, (marketo.clone(), salesforce.clone()), executor.handle(), trace.clone()));
    let directed = stage.clone();
    executor.handle().begin(Kind::Stage, "director", async move { directed.direct().await });
    executor.run(|milliseconds| {
        marketo.advance_milliseconds(milliseconds);
        salesforce.advance_milliseconds(milliseconds);
    });
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
    people: Vec<Someone>,
    minutes: AtomicU64,
}

impl Stage {
    fn set(seed: u64, scenario: Scenario, worlds: (m::World, s::World), handle: Handle, trace: Arc<Trace>) -> Self {
        let (people, table) = people(&worlds, scenario.people);
        let deployment = Deployment {
            marketo: worlds.0,
            salesforce: worlds.1,
            people: table,
            state: Arc::new(MemoryState::new()),
            ledger: Arc::new(MemoryLedger::lagging(scenario.listings_lag)),
            fleet: Fleet::new(("sales-activities", scenario.queue), seed, &handle, trace, scenario.ways),
        };
        Self { scenario, dice: Dice::new(seed, 6), handle, deployment, people, minutes: AtomicU64::new(0) }
    }

    async fn direct(&self) {
        let deployment = &self.deployment;
        deployment.fleet.rough(false);
        deployment.provision().await;
        let now = deployment.fleet.ground.handle.now();
        let day = simulator_app::day(self.dice.roll(u64::MAX), &self.people, self.scenario.activities, now);
        let expected = Expected::of(&day);
        fleet::begin(&self.deployment);
        self.rough_time(&day).await;
        self.calm();
        if self.converges(&expected).await {
            self.second_pass(&day).await;
        }
        self.limits_were_kept();
        self.handle.stop();
    }

    /// The app sends its messages, in another order and some of them twice, while things go wrong.
    async fn rough_time(&self, day: &[Value]) {
        let deployment = &self.deployment;
        deployment.fleet.rough(true);
        self.handle.treat(self.scenario.roughness);
        let mut sent = simulator_app::duplicated(self.dice.roll(u64::MAX), day, 10);
        if self.scenario.shuffled {
            sent = simulator_app::shuffled(self.dice.roll(u64::MAX), sent);
        }
        let mut bodies: Vec<String> = sent.iter().map(Value::to_string).collect();
        bodies.insert(self.dice.below(bodies.len()), json!({ "v": 1, "user": CANARY }).to_string());
        for some in bodies.chunks(bodies.len().div_ceil(self.scenario.rough_minutes).max(1)) {
            deployment.send(some.to_vec());
            if self.dice.chance(self.scenario.vendor_faults) {
                if self.dice.chance(500) {
                    let fault = Scenario::marketo_fault(&self.dice);
                    deployment.fleet.tell(|| format!("{fault:?}"));
                    deployment.marketo.set_faults(vec![fault]);
                } else {
                    let fault = Scenario::salesforce_fault(&self.dice);
                    deployment.fleet.tell(|| format!("{fault:?}"));
                    deployment.salesforce.set_faults(vec![fault]);
                }
            }
            self.handle.sleep(Duration::from_millis(self.dice.roll(120_000))).await;
        }
    }

    /// From here on nothing goes wrong.
    fn calm(&self) {
        let deployment = &self.deployment;
        deployment.marketo.set_faults(Vec::new());
        deployment.salesforce.set_faults(Vec::new());
        deployment.fleet.rough(false);
        deployment.ledger.catch_up();
        self.handle.treat(Roughness::default());
        self.handle.wake_paused();
        deployment.fleet.tell(|| "the faults are over".to_owned());
    }

    /// Invariants 3 and 7.
    async fn converges(&self, expected: &Expected) -> bool {
        let mut wrong = Vec::new();
        for minute in 0..MOST_MINUTES {
            self.handle.sleep(MINUTE).await;
            wrong = self.wrong(expected);
            if wrong.is_empty() {
                self.minutes.store(minute + 1, Ordering::Relaxed);
                return true;
            }
        }
        self.says(format!("{MOST_MINUTES} minutes after the faults: {wrong:?}"));
        false
    }

    fn wrong(&self, expected: &Expected) -> Vec<String> {
        let deployment = &self.deployment;
        let activities = deployment.marketo.custom_activities();
        let found: Vec<_> =
            activities.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect();
        let mut wrong = expected.wrong_in_marketo(&found);
        wrong.extend(expected.wrong_in_salesforce(&deployment.salesforce.records("Task")));
        let open = |progress: &Progress| !matches!(progress, Progress::Done { .. } | Progress::Skipped { .. });
        let entries = deployment.ledger.all().unwrap();
        wrong.extend(
            entries.iter().filter(|e| open(&e.marketo) || open(&e.salesforce)).map(|e| format!("{} is open", e.id())),
        );
        wrong.truncate(6);
        wrong
    }

    /// Invariant 5: the same messages again write nothing at either vendor. Invariant 9: what nobody understands is kept.
    async fn second_pass(&self, day: &[Value]) {
        let deployment = &self.deployment;
        self.handle.sleep(QUIET).await;
        let before = deployment.vendor_writes();
        deployment.send(day.iter().map(Value::to_string).collect());
        self.handle.sleep(QUIET).await;
        let after = deployment.vendor_writes();
        if after != before {
            self.says(format!("the same messages again wrote: {before:?} became {after:?}"));
        }
        let counts = deployment.fleet.queue.counts();
        // It comes again until it is set aside; a queue that delivers twice makes more of it.
        if counts.is_idle() && counts.dead == 0 {
            self.says(format!("the message that nobody understands is not kept: {counts:?}"));
        }
    }

    /// Invariant 6. A paused function holds its call open for longer than Marketo would, so runs with pauses say nothing of this.
    fn limits_were_kept(&self) {
        let (stats, limits) = (self.deployment.marketo.stats(), self.deployment.marketo.limits());
        let (calls, at_once) = (stats.max_calls_in_20s, stats.max_in_flight);
        if self.scenario.roughness.pauses == 0 && (calls > limits.calls_per_window || at_once > limits.in_flight) {
            self.says(format!("{calls} calls in 20 seconds, {at_once} at once"));
        }
    }

    fn says(&self, what: String) {
        self.deployment.fleet.says(what);
    }
}

/// People of the simulated Marketo, stored here and known to Salesforce: contacts, leads, and some whom only their address finds.
fn people((marketo, salesforce): &(m::World, s::World), count: usize) -> (Vec<Someone>, Arc<MemoryPeople>) {
    let table = Arc::new(MemoryPeople::new());
    let mut people = Vec::new();
    let (mut writes, mut contacts, mut leads) = (Vec::new(), Vec::new(), Vec::new());
    for (number, id) in marketo.truth().map(|person| person.marketo_id).take(count).enumerate() {
        let email = format!("person.{id}@example.com");
        let prefix = if number % 3 == 1 { "00Q5e00000" } else { "0035e00000" };
        let record = domain::people::to_18_characters(&format!("{prefix}{number:05}")).into_owned();
        people.push(Someone { marketo_id: id, email: Some(email.clone()) });
        let values = json!({ "Id": record, "LastName": "Person", "Email": email, "Company": "Acme" });
        let mut fields = vec![(Field::Email, email)];
        match number % 3 {
            0 => fields.push((Field::SfdcContactId, record)),
            1 => fields.push((Field::SfdcLeadId, record)),
            _ => {}
        }
        if number % 3 == 1 {
            leads.push(values);
        } else {
            contacts.push(json!({ "Id": values["Id"], "LastName": "Person", "Email": values["Email"] }));
        }
        let row = PersonRow::active(MarketoId(id), Timestamp::UNIX_EPOCH, fields.into_iter().collect());
        writes.push(RowWrite { row, seen: None });
    }
    super::now(table.put(writes)).unwrap();
    salesforce.put("Contact", &contacts).unwrap();
    salesforce.put("Lead", &leads).unwrap();
    (people, table)
}
