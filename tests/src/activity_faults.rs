//! One fault at a time through the whole activity flow, over real HTTP: what it does once, and what it does until it is lifted. In every
//! case the other destination is current, something is said where something is wrong, and after the fault each activity stands at both
//! destinations exactly once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::activities::{self, ActivityId, Destination, Progress, Work};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::people::{Field, MarketoId, PersonRow};
use domain::ports::{Clock, LogPorts, PeopleTable, RowWrite};
use domain::{Failure, Timestamp};
use marketo::{BaseUrl, MarketoClient, MarketoConfig};
use salesforce::{Login, LoginUrl, SalesforceClient, SalesforceConfig, Version};
use serde_json::{Value, json};
use simulator_app::{Expected, Someone};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryLedger, MemoryPeople, MemoryState};

use crate::lock;
use crate::world::Seeded;

/// Activities of a story.
const ACTIVITIES: usize = 40;
/// Rounds of logging, some seconds apart, within which a fault that strikes once is overcome, or a lasting one has shown itself.
const ROUNDS: usize = 30;
/// Rounds after a fault was lifted; five minutes is the longest that a destination is left alone.
const ROUNDS_AFTER: usize = 60;
const BETWEEN: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(1);
/// How long clients wait for an answer.
const PATIENCE: Duration = Duration::from_millis(400);

/// Something that goes wrong at one vendor.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// At Marketo.
    Marketo(m::Fault),
    /// At Salesforce.
    Salesforce(s::Fault),
}

/// A fault, where it strikes, and whether it stays until it is lifted.
#[derive(Debug, Clone)]
pub struct Story {
    /// What goes wrong, in words.
    pub kind: String,
    /// The endpoint.
    pub place: &'static str,
    /// Whether it stays.
    pub lasting: bool,
    trouble: Trouble,
}

/// What came of a story while the fault was in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was logged nevertheless.
    Right,
    /// Activities waited, and this was said.
    Waits(String),
    /// Some were rejected with a reason, and logged when they were tried again after the fault.
    Rejects(String),
}

/// All stories.
#[must_use]
pub fn stories() -> Vec<Story> {
    let mut stories = Vec::new();
    for lasting in [false, true] {
        for_marketo(lasting, &mut stories);
        for_salesforce(lasting, &mut stories);
    }
    stories
}

/// Marketo's word that nothing was carried out; its other codes leave it open.
const REFUSED: [&str; 8] = ["601", "602", "603", "606", "607", "610", "615", "1002"];

fn for_marketo(lasting: bool, stories: &mut Vec<Story>) {
    use m::FaultAction as Action;
    const ADD: &str = "POST /rest/v1/activities/external.json";
    const PLACES: [&str; 3] = [ADD, "GET /rest/v1/activities/external/types.json", "GET /identity/oauth/token"];
    const CODES: [&str; 13] =
        ["601", "602", "603", "604", "606", "607", "608", "610", "611", "614", "615", "713", "1002"];
    let mut faults: Vec<(String, Action)> = Vec::new();
    faults.extend(CODES.map(|code| (code.to_owned(), Action::Error(code.to_owned(), "on purpose".to_owned()))));
    faults.extend([500, 502, 503].map(|status| (format!("HTTP {status}"), Action::Status(status, None))));
    faults.extend([
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
        ("no result".to_owned(), Action::NoResult),
        ("fewer results".to_owned(), Action::FewerResults),
    ]);
    for place in PLACES {
        for (kind, action) in &faults {
            let of_identity = place.contains("identity");
            if of_identity && matches!(action, Action::Error(..) | Action::NoResult | Action::FewerResults) {
                continue;
            }
            for after_work in [false, true] {
                // Only what writes is different after its work.
                if after_work && (place != ADD || REFUSED.contains(&kind.as_str())) {
                    continue;
                }
                let fault = m::Fault::once(place, action.clone()).times(if lasting { None } else { Some(1) });
                let fault = if after_work { fault.after_work() } else { fault };
                let kind = if after_work { format!("{kind}, after the work") } else { kind.clone() };
                stories.push(Story { kind, place, lasting, trouble: Trouble::Marketo(fault) });
            }
        }
    }
}

fn for_salesforce(lasting: bool, stories: &mut Vec<Story>) {
    use s::FaultAction as Action;
    const UPSERT: &str = "PATCH /composite/sobjects/{object}/{field}";
    const UPDATE: &str = "PATCH /composite/sobjects";
    const PLACES: [&str; 5] =
        [UPSERT, UPDATE, "GET /sobjects/{object}/describe", "GET /query", "POST /services/oauth2/token"];
    let error =
        |status: u16, code: &str| (code.to_owned(), Action::Error(status, code.to_owned(), "on purpose".to_owned()));
    let record = |code: &str| (format!("record: {code}"), Action::Record(code.to_owned(), "on purpose".to_owned(), 3));
    let faults = [
        error(401, "INVALID_SESSION_ID"),
        error(403, "REQUEST_LIMIT_EXCEEDED"),
        error(403, "API_CURRENTLY_DISABLED"),
        error(503, "SERVER_UNAVAILABLE"),
        error(400, "QUERY_TIMEOUT"),
        error(400, "INVALID_FIELD"),
        error(500, "UNKNOWN_EXCEPTION"),
        ("HTTP 502".to_owned(), Action::Status(502)),
        ("no answer".to_owned(), Action::Hang(0)),
        ("connection closed".to_owned(), Action::Drop(0)),
        ("empty 200".to_owned(), Action::EmptyBody),
        ("bad JSON".to_owned(), Action::BadJson),
        ("sessions end".to_owned(), Action::SessionEnds(2)),
    ];
    let records = [
        record("UNABLE_TO_LOCK_ROW"),
        record("ENTITY_IS_LOCKED"),
        record("FIELD_CUSTOM_VALIDATION_EXCEPTION"),
        record("REQUIRED_FIELD_MISSING"),
        record("INSUFFICIENT_ACCESS_OR_READONLY"),
        record("UNKNOWN_EXCEPTION"),
    ];
    for place in PLACES {
        let writes = place == UPSERT || place == UPDATE;
        let of_place = faults.iter().chain(records.iter().filter(|_| writes));
        for (kind, action) in of_place {
            if place.contains("oauth2") && matches!(action, Action::SessionEnds(_) | Action::Error(401 | 403, ..)) {
                continue;
            }
            for after_work in [false, true] {
                let spoilt = !matches!(action, Action::Record(..) | Action::SessionEnds(_));
                if after_work && !(writes && spoilt) {
                    continue;
                }
                let fault = s::Fault::once(place, action.clone()).times(if lasting { None } else { Some(1) });
                let fault = if after_work { fault.after_work() } else { fault };
                let kind = if after_work { format!("{kind}, after the work") } else { kind.clone() };
                stories.push(Story { kind, place, lasting, trouble: Trouble::Salesforce(fault) });
            }
        }
    }
}

/// Sleeping moves it on and takes no time.
struct JumpingClock(Mutex<Timestamp>);

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        *lock(&self.0)
    }

    async fn sleep(&self, pause: Duration) {
        *lock(&self.0) += pause;
    }
}

/// Where a story plays.
struct Stage {
    marketo: m::Simulator,
    salesforce: s::Simulator,
    ledger: Arc<MemoryLedger>,
    clock: Arc<JumpingClock>,
    ports: LogPorts,
    people: Vec<Someone>,
}

impl Stage {
    async fn set() -> Self {
        let config = m::Config { people: 60, limits: m::Limits::none(), ..m::Config::default() };
        let credentials = marketo::PlainCredentials::shared(config.client_id.clone(), config.client_secret.clone());
        let marketo = m::Simulator::start(config).await.unwrap();
        let org = s::Config::default();
        let login = Login::ClientCredentials {
            client_id: org.client_id.clone(),
            client_secret: org.client_secret.clone().into(),
        };
        let salesforce = s::Simulator::start(org).await.unwrap();
        let clock = Arc::new(JumpingClock(Mutex::new(Timestamp::now())));
        let (people, table) = people(&marketo, &salesforce).await;
        let (chance, state) = (Seeded::new(7), Arc::new(MemoryState::new()));
        let limits = CallLimits { per_20_seconds: 100_000, per_day: 10_000_000 };
        let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
        let base_url = BaseUrl::parse(&marketo.base_url()).unwrap();
        let config = MarketoConfig { base_url, credentials, max_in_flight: 4 };
        let patience = marketo::TimeLimits { usual: PATIENCE, slow: PATIENCE, stall: PATIENCE, adding: PATIENCE };
        let client = MarketoClient::with_time_limits(config, clock.clone(), chance.clone(), Arc::new(budget), patience);
        let config = SalesforceConfig {
            login_url: LoginUrl::parse(&salesforce.base_url()).unwrap(),
            version: Version::default(),
            credentials: salesforce::PlainCredentials::shared(login),
            max_in_flight: 4,
        };
        let patience = salesforce::TimeLimits { usual: PATIENCE };
        let org = SalesforceClient::with_time_limits(config, clock.clone(), chance.clone(), patience);
        let ledger = Arc::new(MemoryLedger::new());
        let ports = LogPorts {
            ledger: ledger.clone(),
            people: table,
            state,
            marketo: Arc::new(client),
            salesforce: Arc::new(org),
            clock: clock.clone(),
            chance,
        };
        activities::provision_marketo(&*ports.marketo, activities::TypeLayout::Eight).await.unwrap();
        Self { marketo, salesforce, ledger, clock, ports, people }
    }

    fn begin(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Marketo(fault) => self.marketo.world().set_faults(vec![fault.clone()]),
            Trouble::Salesforce(fault) => self.salesforce.world().set_faults(vec![fault.clone()]),
        }
        // Tokens and sessions are got anew, so that faults of getting in strike.
        self.salesforce.world().end_sessions();
        *lock(&self.clock.0) += Duration::from_secs(2 * 3_600);
    }

    async fn round(&self) -> Result<[Work; 2], Failure> {
        let marketo = activities::log_to_marketo(&self.ports, &[], SETTLE, None).await?;
        let salesforce = activities::log_to_salesforce(&self.ports, &[], SETTLE, None).await?;
        *lock(&self.clock.0) += BETWEEN;
        Ok([marketo, salesforce])
    }

    /// Whether everything stands at a destination.
    fn is_logged(&self, destination: Destination) -> bool {
        let entries = self.ledger.all().unwrap();
        entries.iter().all(|entry| matches!(entry.at(destination), Progress::Done { .. } | Progress::Skipped { .. }))
    }

    /// What is given up.
    fn rejected(&self) -> Option<String> {
        let entries = self.ledger.all().unwrap();
        let mut all = entries.iter().flat_map(|entry| Destination::ALL.map(|destination| entry.at(destination)));
        all.find_map(|progress| match progress {
            Progress::Rejected { trouble, .. } => Some(format!("{}: {}", trouble.code, trouble.message)),
            _ => None,
        })
    }

    fn wrong(&self, expected: &Expected) -> Vec<String> {
        let activities = self.marketo.world().custom_activities();
        let found: Vec<_> =
            activities.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect();
        let mut wrong = expected.wrong_in_marketo(&found);
        wrong.extend(expected.wrong_in_salesforce(&self.salesforce.world().records("Task")));
        wrong
    }
}

/// Some of the people of the simulated Marketo, stored here and known to Salesforce as contacts.
async fn people(marketo: &m::Simulator, salesforce: &s::Simulator) -> (Vec<Someone>, Arc<MemoryPeople>) {
    let table = Arc::new(MemoryPeople::new());
    let mut people = Vec::new();
    let (mut writes, mut contacts) = (Vec::new(), Vec::new());
    for (number, id) in marketo.world().truth().map(|person| person.marketo_id).take(10).enumerate() {
        let (email, contact) = (format!("person.{id}@example.com"), format!("0035e00000{number:05}"));
        let contact = domain::people::to_18_characters(&contact).into_owned();
        people.push(Someone { marketo_id: id, email: Some(email.clone()) });
        contacts.push(json!({ "Id": contact, "LastName": "Person", "Email": email }));
        let fields = [(Field::Email, email), (Field::SfdcContactId, contact)].into_iter().collect();
        let row = PersonRow::active(MarketoId(id), Timestamp::UNIX_EPOCH, fields);
        writes.push(RowWrite { row, seen: None });
    }
    table.put(writes).await.unwrap();
    salesforce.world().put("Contact", &contacts).unwrap();
    (people, table)
}

/// Plays a story.
///
/// # Errors
/// What was wrong.
pub async fn play(story: &Story) -> Result<Outcome, String> {
    let stage = Stage::set().await;
    let start = stage.clock.now().checked_sub(Duration::from_secs(3_600)).map_err(|e| e.to_string())?;
    let day = simulator_app::day(11, &stage.people, ACTIVITIES, start);
    let expected = Expected::of(&day);
    // Half of it is logged before, so that flags on tasks that are there are set while the fault is in force.
    let (before, during) = day.split_at(ACTIVITIES / 2);
    accept(&stage, before).await?;
    for _ in 0..3 {
        stage.round().await.map_err(|f| f.to_string())?;
    }
    stage.begin(&story.trouble);
    accept(&stage, during).await?;

    let here = match story.trouble {
        Trouble::Marketo(_) => Destination::Marketo,
        Trouble::Salesforce(_) => Destination::Salesforce,
    };
    let mut said = None;
    for _ in 0..ROUNDS {
        let works = stage.round().await.map_err(|failure| failure.to_string())?;
        said = works.iter().find_map(|work| work.closed.as_ref().map(|problem| problem.message.clone())).or(said);
        if Destination::ALL.iter().all(|destination| stage.is_logged(*destination)) {
            break;
        }
    }
    let other = Destination::ALL.into_iter().find(|destination| *destination != here);
    if other.is_some_and(|other| !stage.is_logged(other)) {
        return Err(format!("{other:?}, which has no fault, is behind"));
    }
    let outcome = match (stage.is_logged(here), stage.rejected()) {
        (true, _) => Outcome::Right,
        (false, Some(reason)) => Outcome::Rejects(reason),
        (false, None) => Outcome::Waits(waiting(&stage, here, said)?),
    };
    // A limit that is used up stays so for a while, however often it is told.
    let is_limit = ["607", "REQUEST_LIMIT_EXCEEDED"].iter().any(|limit| story.kind.starts_with(limit));
    if !story.lasting && !is_limit && matches!(outcome, Outcome::Waits(_)) {
        return Err(format!("a fault that struck once keeps activities waiting: {outcome:?}"));
    }

    stage.marketo.world().set_faults(Vec::new());
    stage.salesforce.world().set_faults(Vec::new());
    activities::retry(&*stage.ports.ledger, &*stage.ports.clock).await.map_err(|failure| failure.to_string())?;
    for _ in 0..ROUNDS_AFTER {
        let works = stage.round().await.map_err(|failure| failure.to_string())?;
        if let Some(until) = works.iter().filter_map(|work| work.closed_until).max() {
            let mut now = lock(&stage.clock.0);
            *now = until.max(*now);
        }
        if stage.is_logged(here) {
            break;
        }
    }
    let wrong = stage.wrong(&expected);
    if wrong.is_empty() { Ok(outcome) } else { Err(format!("after the fault: {wrong:?}; before: {outcome:?}")) }
}

/// Why activities wait: the destination said it, or each of them.
fn waiting(stage: &Stage, here: Destination, said: Option<String>) -> Result<String, String> {
    let entries = stage.ledger.all().map_err(|failure| failure.to_string())?;
    let of_entries =
        entries.iter().find_map(|entry| entry.at(here).trouble().map(|t| format!("{}: {}", t.code, t.message)));
    said.or(of_entries).ok_or_else(|| "activities wait, and nothing says why".to_owned())
}

async fn accept(stage: &Stage, messages: &[Value]) -> Result<(), String> {
    let bodies: Vec<String> = messages.iter().map(Value::to_string).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let accepted = activities::accept(&*stage.ports.ledger, &*stage.ports.clock, &bodies).await;
    let accepted = accepted.map_err(|failure| failure.to_string())?;
    let ids: BTreeSet<ActivityId> = accepted.ids.into_iter().collect();
    if ids.len() == messages.len() { Ok(()) } else { Err("a message was not taken".to_owned()) }
}
