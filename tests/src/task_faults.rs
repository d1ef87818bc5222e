//! One fault at a time while reminder tasks are edited on both sides, over real HTTP: what it does once, and what it does until it is lifted. In
//! every case no task is there twice or lost, something is said where something is wrong, and after the fault both sides agree and a further pass
//! plans nothing.

use std::sync::Arc;
use std::time::Duration;

use domain::ports::TaskPorts;
use domain::tasks::{self, Field, Occasion, Progress, TaskId, TaskMessage};
use serde_json::{Map, Value, json};
use simulator_salesforce as s;
use store::{MemoryPeople, MemoryQueue, MemoryTasks};

use crate::vendor_faults::{self, AtSalesforce, Outcome, Story};

/// Rounds, some seconds apart, within which a fault that strikes once is overcome, or a lasting one has shown itself.
const ROUNDS: usize = 20;
/// Rounds after a fault was lifted; five minutes is the longest that Salesforce is left alone.
const ROUNDS_AFTER: usize = 40;
const BETWEEN: Duration = Duration::from_secs(20);
/// Tasks of each kind.
const OF_EACH: usize = 3;

/// All stories.
#[must_use]
pub fn stories() -> Vec<Story> {
    let mut stories = vendor_faults::of_salesforce(&AtSalesforce {
        places: &[
            "POST /composite",
            "POST /composite/sobjects",
            "DELETE /composite/sobjects",
            "GET /queryAll",
            "GET /query",
            "GET /sobjects/{object}/describe",
            "POST /services/oauth2/token",
        ],
        of_records: &[
            "UNABLE_TO_LOCK_ROW",
            "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            "INSUFFICIENT_ACCESS_OR_READONLY",
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "UNKNOWN_EXCEPTION",
        ],
        every: 2,
    });
    // These end at every second call of a place, and most places are called once here.
    stories.retain(|story| story.kind != "sessions end" || story.place == "GET /queryAll");
    stories
}

/// Where a story plays.
struct Stage {
    vendors: vendor_faults::Stage,
    tasks: Arc<MemoryTasks>,
    ports: TaskPorts,
    /// A user who owns tasks, with the address.
    owner: (String, String),
}

impl Stage {
    async fn set() -> Self {
        let vendors = vendor_faults::Stage::set(1).await;
        let (tasks, state, clock) = (Arc::new(MemoryTasks::new()), vendors.state.clone(), vendors.clock.clone());
        let events = MemoryQueue::new("task-events", BETWEEN, clock.clone(), vendors.chance.clone());
        let world = vendors.salesforce.world();
        let user = world.populate(s::Population { users: 1, ..s::Population::default() }).unwrap().users.remove(0);
        let email = world.record(&user).unwrap()["Email"].as_str().unwrap().to_lowercase();
        let ports = TaskPorts {
            tasks: tasks.clone(),
            people: Arc::new(MemoryPeople::new()),
            state,
            salesforce: vendors.salesforce_client.clone(),
            events: Arc::new(events),
            clock,
            chance: vendors.chance.clone(),
        };
        domain::settings::set(&*ports.state, &*ports.clock, "reminders.sync", "on", "test").await.unwrap();
        Self { vendors, tasks, ports, owner: (user, email) }
    }

    async fn say(&self, mut body: Value) -> Result<(), String> {
        body["at"] = self.ports.clock.now().to_string().into();
        let message = TaskMessage::parse(&body.to_string()).map_err(|unusable| unusable.to_string())?;
        let taken = tasks::take_in(&*self.tasks, &*self.ports.state, &*self.ports.clock, &[message]).await;
        taken.map(drop).map_err(|failure| failure.to_string())
    }

    fn put(&self, name: &str) -> String {
        let record = json!({
            "Subject": name, "Status": "Not Started", "Priority": "Normal", "ActivityDate": "2027-01-01", "OwnerId": self.owner.0
        });
        self.vendors.salesforce.world().put("Task", &[record]).unwrap().remove(0)
    }

    fn edit(&self, id: &str, fields: &Value) {
        let fields: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
        let edit = s::Edit { id: id.to_owned(), fields, by: Some(self.owner.0.clone()), ..s::Edit::default() };
        self.vendors.salesforce.world().edit(&edit).unwrap();
    }

    /// A pass; gives what it says, where something is wrong, and whether both sides are in step by it.
    async fn round(&self) -> Result<(Option<String>, bool), String> {
        let pass = tasks::reconcile(&self.ports, Occasion::Scheduled, None).await.map_err(|f| f.to_string())?;
        self.vendors.clock.advance(BETWEEN);
        let refused = tasks::rejects(&*self.ports.tasks).await.map_err(|f| f.to_string())?;
        let said = pass.closed.map(|problem| problem.message).or(refused.first().map(|reject| reject.message.clone()));
        Ok((said.clone(), pass.complete && said.is_none()))
    }

    /// What is lost, there twice, or different on both sides.
    fn differences(&self, expected: usize) -> Vec<String> {
        let rows = self.tasks.all().unwrap();
        let records = self.vendors.salesforce.world().records("Task");
        let alive: Vec<&Value> = records.iter().filter(|record| record["IsDeleted"] != true).collect();
        let mut wrong = Vec::new();
        for task in &rows {
            let of = |record: &&&Value| {
                let key = record["Sales_Activity_Key__c"].as_str();
                let own = key.and_then(TaskId::of_key);
                own.unwrap_or_else(|| TaskId::imported(record["Id"].as_str().unwrap_or_default())) == task.id
            };
            let there: Vec<&&Value> = alive.iter().filter(of).collect();
            match (task.deleted.is_some(), there.as_slice()) {
                (true, []) => {}
                (false, [record]) => {
                    let done = task.values.status == Progress::Complete;
                    if record["Subject"] != task.values.name.as_str() || (record["IsClosed"] == true) != done {
                        wrong.push(format!("{} differs: {:?}, {record}", task.id, task.values));
                    }
                }
                (deleted, there) => {
                    wrong.push(format!("{}: deleted here: {deleted}, there {} times", task.id, there.len()))
                }
            }
        }
        if rows.len() != expected {
            wrong.push(format!("{} tasks here, and {expected} are expected", rows.len()));
        }
        wrong
    }

    /// Whether a task is there twice, at any time.
    fn twice(&self) -> Option<String> {
        let records = self.vendors.salesforce.world().records("Task");
        let mut keys: Vec<&str> = records
            .iter()
            .filter(|record| record["IsDeleted"] != true)
            .filter_map(|record| record["Sales_Activity_Key__c"].as_str())
            .collect();
        keys.sort_unstable();
        keys.windows(2).find(|two| two[0] == two[1]).map(|two| format!("{} is there twice", two[0]))
    }
}

/// Plays a story.
///
/// # Errors
/// What was wrong.
pub async fn play(story: &Story) -> Result<Outcome, String> {
    let stage = Stage::set().await;
    let pair = |kind: &str, nth: usize| stage.put(&format!("{kind}{nth}"));
    let kinds = ["edited-here", "edited-there", "completed-here", "deleted-here", "deleted-there"];
    let pairs: Vec<(&str, String)> = kinds
        .iter()
        .flat_map(|kind| (0..OF_EACH).map(move |nth| (*kind, nth)))
        .map(|(kind, nth)| (kind, pair(kind, nth)))
        .collect();
    let first = tasks::reconcile(&stage.ports, Occasion::Asked, None).await.map_err(|failure| failure.to_string())?;
    if first.in_actions != pairs.len() as u64 {
        return Err(format!("the stage is not set: {first:?}"));
    }
    // Longer than the layout and the users are kept.
    stage.vendors.clock.advance(vendor_faults::LONG);
    stage.vendors.begin(&story.trouble);
    let before = stage.vendors.struck();
    for nth in 0..OF_EACH {
        stage.say(json!({ "taskId": format!("new-{nth}"), "name": format!("new {nth}"), "owner": stage.owner.1, "status": "open" })).await?;
        stage.put(&format!("theirs {nth}"));
    }
    for (nth, (kind, id)) in pairs.iter().enumerate() {
        let task = TaskId::imported(id);
        match *kind {
            "edited-here" => stage.say(json!({ "taskId": task, "name": format!("ours {nth}") })).await?,
            "edited-there" => stage.edit(id, &json!({ "Subject": format!("theirs now {nth}") })),
            "completed-here" => stage.say(json!({ "taskId": task, "status": "complete" })).await?,
            "deleted-here" => stage.say(json!({ "taskId": task, "status": "deleted" })).await?,
            _ => stage.vendors.salesforce.world().delete(id, None).map_err(|why| why.clone())?,
        }
    }
    let expected = pairs.len() + 2 * OF_EACH;
    let (mut said, mut right) = (None, false);
    for _ in 0..ROUNDS {
        let (told, in_step) = stage.round().await?;
        said = told.or(said);
        if let Some(twice) = stage.twice() {
            return Err(twice);
        }
        right = in_step && stage.differences(expected).is_empty();
        if right {
            break;
        }
    }
    if stage.vendors.struck() == before {
        return Err("the fault never struck".to_owned());
    }
    let outcome = match (right, said) {
        (true, _) => Outcome::Right,
        (false, Some(said)) if said.contains('@') => return Err(format!("an address is said: {said}")),
        (false, Some(said)) => Outcome::Waits(said),
        (false, None) => {
            return Err(format!("both sides differ, and nothing is said: {:?}", stage.differences(expected)));
        }
    };

    stage.vendors.lift();
    stage.vendors.clock.advance(vendor_faults::LONG);
    tasks::retry(&*stage.ports.tasks, &*stage.vendors.clock).await.map_err(|failure| failure.to_string())?;
    for _ in 0..ROUNDS_AFTER {
        let (_, in_step) = stage.round().await?;
        if in_step && stage.differences(expected).is_empty() {
            break;
        }
    }
    let wrong = stage.differences(expected);
    if !wrong.is_empty() {
        return Err(format!("after the fault: {wrong:?}"));
    }
    let mut spoken = stage.tasks.all().map_err(|failure| failure.to_string())?;
    spoken.retain(|task| task.values.name.starts_with("ours") || task.values.name.starts_with("theirs now"));
    if spoken.len() != 2 * OF_EACH || spoken.iter().any(|task| task.changed_at(Field::Name) < task.created_at) {
        return Err("an edit was lost".to_owned());
    }
    stage.vendors.clock.advance(vendor_faults::LONG);
    let again = tasks::reconcile(&stage.ports, Occasion::Asked, None).await.map_err(|failure| failure.to_string())?;
    if again.planned > 0 || !again.complete {
        return Err(format!("one more pass finds something to do: {again:?}"));
    }
    Ok(outcome)
}
