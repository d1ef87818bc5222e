//! The part of the demonstration in which sellers and Salesforce users work on reminder tasks: make, edit, complete and delete them on both sides.
//! What must come of it is told here, apart from the rules that bring it about.

use std::collections::BTreeMap;
use std::time::Instant;

use comfy_table::{CellAlignment, Table};
use domain::people::{Field, MarketoId, PersonRow, Status};
use domain::ports::TaskPorts;
use domain::settings;
use domain::tasks::{self, Occasion, Progress, Task, TaskId, TaskMessage};
use serde::Serialize;
use serde_json::{Map, Value, json};
use simulator_salesforce::{Edit, Population, World};

use crate::failure::CommandFailure;
use crate::logging::Logging;
use crate::output;
use crate::tasks::ports;

/// Tasks for so many people, within bounds.
const PEOPLE_PER_TASK: usize = 100;
const FEWEST: usize = 50;
const MOST: usize = 1_000;

/// What happens to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Story {
    /// Made in the app.
    Made,
    /// Made in the app, completed in Salesforce.
    CompletedThere,
    /// Made in the app, edited on both sides in different fields.
    EditedOnBoth,
    /// Made in the app, deleted there.
    DeletedThere,
    /// Made in Salesforce.
    Taken,
    /// Made in Salesforce, completed in the app.
    CompletedHere,
    /// Made in Salesforce, deleted in the app while somebody edits it there.
    DeletedAndEdited,
    /// Made in Salesforce without a date, so that it stays there alone.
    Undated,
}

impl Story {
    const ALL: [Self; 8] = [
        Self::Made,
        Self::CompletedThere,
        Self::EditedOnBoth,
        Self::DeletedThere,
        Self::Taken,
        Self::CompletedHere,
        Self::DeletedAndEdited,
        Self::Undated,
    ];

    fn is_made_here(self) -> bool {
        matches!(self, Self::Made | Self::CompletedThere | Self::EditedOnBoth | Self::DeletedThere)
    }

    /// In words.
    fn name(self) -> &'static str {
        match self {
            Self::Made => "made in Actions",
            Self::CompletedThere => "made in Actions, completed in Salesforce",
            Self::EditedOnBoth => "edited on both sides, in different fields",
            Self::DeletedThere => "made in Actions, deleted in Salesforce",
            Self::Taken => "made in Salesforce",
            Self::CompletedHere => "made in Salesforce, completed in Actions",
            Self::DeletedAndEdited => "deleted in Actions while edited in Salesforce",
            Self::Undated => "made in Salesforce without a date: stays there",
        }
    }
}

/// What the part came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reminded {
    seconds: f64,
    /// What, expected, found.
    rows: Vec<(&'static str, usize, usize)>,
    wrong: Vec<String>,
}

/// A task of a story: whom it is about, and its id here.
struct Told {
    story: Story,
    id: TaskId,
    who: String,
}

/// Sellers and Salesforce users work, and both sides are brought in step.
pub async fn run(logging: &Logging, rows: &[PersonRow]) -> Result<Reminded, CommandFailure> {
    let began = Instant::now();
    let missing = || CommandFailure::Wrong("the demonstration needs its simulators".into());
    let salesforce = logging.salesforce.simulator.as_ref().ok_or_else(missing)?.world();
    let population = Population { seed: 7, users: 1, ..Population::default() };
    let seller = salesforce.populate(population).map_err(CommandFailure::Wrong)?.users.remove(0);
    let email =
        salesforce.record(&seller).and_then(|user| user["Email"].as_str().map(str::to_owned)).ok_or_else(missing)?;
    let (ports, _) = ports(&logging.embedded.tables, &logging.salesforce);
    settings::set(&*ports.state, &*ports.clock, "reminders.sync", "on", "demonstration").await?;
    pass(&ports).await?;

    let people = people(rows);
    eprintln!("reminder tasks: {} are made, edited, completed and deleted on both sides", people.len());
    let mut told = Vec::new();
    for (number, ((person, who), story)) in people.into_iter().zip(Story::ALL.iter().cycle()).enumerate() {
        let id = if story.is_made_here() {
            let message = json!({
                "taskId": format!("demo-{number}"), "name": format!("call {number}"), "due": "2027-01-15", "owner": email,
                "marketoId": person, "status": "open"
            });
            say(&ports, &message).await?
        } else {
            let date = if *story == Story::Undated { Value::Null } else { "2027-01-15".into() };
            let record = json!({
                "Subject": format!("call {number}"), "Status": "Not Started", "Priority": "Low", "ActivityDate": date, "OwnerId": seller,
                "WhoId": who
            });
            TaskId::imported(&salesforce.put("Task", &[record]).map_err(CommandFailure::Wrong)?[0])
        };
        told.push(Told { story: *story, id, who });
    }
    pass(&ports).await?;
    let now = all(&ports).await?;
    for Told { story, id, .. } in &told {
        let there = now.get(id).and_then(Task::sfdc_id).unwrap_or_default();
        match story {
            Story::CompletedThere => edit(&salesforce, there, json!({ "Status": "Completed" }))?,
            Story::DeletedThere => salesforce.delete(there, None).map_err(CommandFailure::Wrong)?,
            Story::EditedOnBoth => {
                edit(&salesforce, there, json!({ "ActivityDate": "2027-02-20" }))?;
                say(&ports, &json!({ "taskId": id, "name": "call again" })).await?;
            }
            Story::CompletedHere => drop(say(&ports, &json!({ "taskId": id, "status": "complete" })).await?),
            Story::DeletedAndEdited => {
                edit(&salesforce, there, json!({ "Subject": "still wanted" }))?;
                say(&ports, &json!({ "taskId": id, "status": "deleted" })).await?;
            }
            Story::Made | Story::Taken | Story::Undated => {}
        }
    }
    pass(&ports).await?;
    let again = pass(&ports).await?;
    let mut wrong = Vec::new();
    if again.planned > 0 || !again.complete {
        wrong.push(format!("a pass over unchanged sides finds {} things to do", again.planned));
    }
    let rows = compared(&all(&ports).await?, &salesforce, &told);
    Ok(Reminded { seconds: began.elapsed().as_secs_f64(), rows, wrong })
}

/// Some people with a contact or lead.
fn people(rows: &[PersonRow]) -> Vec<(MarketoId, String)> {
    let of = |row: &PersonRow| {
        let record = row.fields.get(Field::SfdcContactId).or(row.fields.get(Field::SfdcLeadId))?;
        Some((row.id, record.to_owned()))
    };
    let count = (rows.len() / PEOPLE_PER_TASK).clamp(FEWEST, MOST);
    rows.iter().rev().filter(|row| row.status == Status::Active).filter_map(of).take(count).collect()
}

async fn say(ports: &TaskPorts, body: &Value) -> Result<TaskId, CommandFailure> {
    let message = TaskMessage::parse(&body.to_string()).map_err(|why| CommandFailure::Wrong(why.to_string()))?;
    tasks::take_in(&*ports.tasks, &*ports.state, &*ports.clock, std::slice::from_ref(&message)).await?;
    Ok(message.id)
}

/// A Salesforce user edits a task.
fn edit(salesforce: &World, id: &str, fields: Value) -> Result<(), CommandFailure> {
    let fields: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
    salesforce.edit(&Edit { id: id.to_owned(), fields, ..Edit::default() }).map_err(CommandFailure::Wrong)
}

async fn pass(ports: &TaskPorts) -> Result<tasks::Reconciled, CommandFailure> {
    let done = tasks::reconcile(ports, Occasion::Asked, None).await?;
    match &done.closed {
        Some(problem) => Err(CommandFailure::Wrong(problem.message.clone())),
        None => Ok(done),
    }
}

async fn all(ports: &TaskPorts) -> Result<BTreeMap<TaskId, Task>, CommandFailure> {
    let mut found = BTreeMap::new();
    tasks::for_each(&*ports.tasks, |task| {
        found.insert(task.id.clone(), task);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// How many tasks of each story are on both sides as they must be.
fn compared(here: &BTreeMap<TaskId, Task>, salesforce: &World, told: &[Told]) -> Vec<(&'static str, usize, usize)> {
    let mut rows: BTreeMap<Story, (usize, usize)> = BTreeMap::new();
    for one in told {
        let row = rows.entry(one.story).or_default();
        row.0 += 1;
        row.1 += usize::from(is_right(here.get(&one.id), salesforce, one));
    }
    rows.into_iter().map(|(story, (expected, found))| (story.name(), expected, found)).collect()
}

fn is_right(task: Option<&Task>, salesforce: &World, told: &Told) -> bool {
    let Some(task) = task else { return told.story == Story::Undated };
    let there = task.sfdc_id().and_then(|id| salesforce.record(id)).filter(|record| record["IsDeleted"] != true);
    if told.story == Story::DeletedThere {
        return task.deleted.is_some() && there.is_none();
    }
    let Some(there) = there else { return false };
    let values = &task.values;
    let alike = there["Subject"] == values.name.as_str()
        && there["ActivityDate"].as_str().map(str::to_owned) == values.due.map(|due| due.to_string())
        && (there["IsClosed"] == true) == (values.status == Progress::Complete)
        && there["WhoId"] == told.who.as_str();
    let done = matches!(told.story, Story::CompletedThere | Story::CompletedHere);
    let says = match told.story {
        Story::EditedOnBoth => values.name == "call again" && there["ActivityDate"] == "2027-02-20",
        Story::DeletedAndEdited => values.name == "still wanted",
        _ => true,
    };
    // Salesforce's own words stay where nobody changed them.
    let own_words = told.story.is_made_here() || there["Priority"] == "Low";
    task.deleted.is_none() && alike && says && own_words && (values.status == Progress::Complete) == done
}

impl Reminded {
    /// Whether everything is as it must be.
    pub fn is_right(&self) -> bool {
        self.wrong.is_empty() && self.rows.iter().all(|(_, expected, found)| expected == found)
    }

    /// Prints it.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
        table.set_header(["reminder tasks", "expected", "as they must be"]);
        for (what, expected, found) in &self.rows {
            table.add_row([what, expected.to_string().as_str(), &found.to_string()]);
        }
        for index in 1..3 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        output::line(table);
        for wrong in &self.wrong {
            output::line(format!("wrong: {wrong}"));
        }
    }
}
