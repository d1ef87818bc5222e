//! One fault at a time through the whole activity flow, over real HTTP: what it does once, and what it does until it is lifted. In every
//! case the other destination is current, something is said where something is wrong, and after the fault each activity stands at both
//! destinations exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::activities::{self, ActivityId, Destination, Progress, Work};
use domain::people::{Field, MarketoId, PersonRow};
use domain::ports::{Clock, LogPorts, PeopleTable, RowWrite};
use domain::{Failure, Timestamp};
use serde_json::{Value, json};
use simulator_app::{Expected, Someone};
use simulator_marketo as m;
use simulator_salesforce as s;
use store::{MemoryLedger, MemoryPeople};

use crate::vendor_faults::{self, AtMarketo, AtSalesforce, Outcome, Story, Trouble};

/// Activities of a story.
const ACTIVITIES: usize = 40;
/// Rounds of logging, some seconds apart, within which a fault that strikes once is overcome, or a lasting one has shown itself.
const ROUNDS: usize = 30;
/// Rounds after a fault was lifted; five minutes is the longest that a destination is left alone.
const ROUNDS_AFTER: usize = 60;
const BETWEEN: Duration = Duration::from_secs(20);
const SETTLE: Duration = Duration::from_secs(1);

/// All stories.
#[must_use]
pub fn stories() -> Vec<Story> {
    use simulator_marketo::FaultAction;
    const ADD: &str = "POST /rest/v1/activities/external.json";
    let mut stories = vendor_faults::of_marketo(&AtMarketo {
        places: &[ADD, "GET /rest/v1/activities/external/types.json", "GET /identity/oauth/token"],
        writes: &[ADD],
        codes: &["601", "602", "603", "604", "606", "607", "608", "610", "611", "614", "615", "713", "1002"],
        more: &[("no result", FaultAction::NoResult), ("fewer results", FaultAction::FewerResults)],
    });
    stories.extend(vendor_faults::of_salesforce(&AtSalesforce {
        places: &[
            "PATCH /composite/sobjects/{object}/{field}",
            "PATCH /composite/sobjects",
            "GET /sobjects/{object}/describe",
            "GET /query",
            "POST /services/oauth2/token",
        ],
        of_records: &[
            "UNABLE_TO_LOCK_ROW",
            "ENTITY_IS_LOCKED",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "REQUIRED_FIELD_MISSING",
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "UNKNOWN_EXCEPTION",
        ],
        every: 3,
    }));
    stories
}

/// Where a story plays.
struct Stage {
    vendors: vendor_faults::Stage,
    ledger: Arc<MemoryLedger>,
    ports: LogPorts,
    people: Vec<Someone>,
}

impl Stage {
    async fn set() -> Self {
        let vendors = vendor_faults::Stage::set(60).await;
        let (people, table) = people(&vendors.marketo, &vendors.salesforce).await;
        let ledger = Arc::new(MemoryLedger::new());
        let ports = LogPorts {
            ledger: ledger.clone(),
            people: table,
            state: vendors.state.clone(),
            marketo: vendors.marketo_client.clone(),
            salesforce: vendors.salesforce_client.clone(),
            clock: vendors.clock.clone(),
            chance: vendors.chance.clone(),
        };
        activities::provision_marketo(&*ports.marketo, activities::TypeLayout::Eight).await.unwrap();
        Self { vendors, ledger, ports, people }
    }

    async fn round(&self) -> Result<[Work; 2], Failure> {
        let marketo = activities::log_to_marketo(&self.ports, &[], SETTLE, None).await?;
        let salesforce = activities::log_to_salesforce(&self.ports, &[], SETTLE, None).await?;
        self.vendors.clock.advance(BETWEEN);
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
        let activities = self.vendors.marketo.world().custom_activities();
        let found: Vec<_> =
            activities.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect();
        let mut wrong = expected.wrong_in_marketo(&found);
        wrong.extend(expected.wrong_in_salesforce(&self.vendors.salesforce.world().records("Task")));
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
    let start = stage.vendors.clock.now().checked_sub(Duration::from_secs(3_600)).map_err(|e| e.to_string())?;
    let day = simulator_app::day(11, &stage.people, ACTIVITIES, start);
    let expected = Expected::of(&day);
    // Half of it is logged before, so that flags on tasks that are there are set while the fault is in force.
    let (before, during) = day.split_at(ACTIVITIES / 2);
    accept(&stage, before).await?;
    for _ in 0..3 {
        stage.round().await.map_err(|f| f.to_string())?;
    }
    stage.vendors.begin(&story.trouble);
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

    stage.vendors.lift();
    activities::retry(&*stage.ports.ledger, &*stage.ports.clock).await.map_err(|failure| failure.to_string())?;
    for _ in 0..ROUNDS_AFTER {
        let works = stage.round().await.map_err(|failure| failure.to_string())?;
        if let Some(until) = works.iter().filter_map(|work| work.closed_until).max() {
            let left = until.duration_since(stage.vendors.clock.now());
            stage.vendors.clock.advance(Duration::try_from(left).unwrap_or_default());
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
