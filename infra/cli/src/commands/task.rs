//! `task add`, `edit`, `complete`, `reopen`, `delete` and `list`: what the app does through its queue, by hand.

use std::path::Path;

use domain::Timestamp;
use domain::people::MarketoId;
use domain::ports::{Chance, PeopleTable};
use domain::tasks::{self, Kind, Priority, Progress, Side, Task, TaskId, TaskMessage};
use jiff::civil::Date;
use runtime::SystemChance;
use serde::Serialize;
use store::DynamoPeople;

use crate::args::{TaskAction, TaskAdd, TaskEdit, TaskKind, TaskPriority};
use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::output;
use crate::state_dir::StateDir;
use crate::tasks::{Tasks, why_not};

pub async fn run(action: TaskAction) -> Result<(), CommandFailure> {
    match action {
        TaskAction::Add(add) => change(&added(&add)?, true, &add.state).await,
        TaskAction::Edit(edit) => change(&edited(&edit)?, false, &edit.state).await,
        TaskAction::Complete { id, state } => change(&stated(&id, Progress::Complete)?, false, &state).await,
        TaskAction::Reopen { id, state } => change(&stated(&id, Progress::Open)?, false, &state).await,
        TaskAction::Delete { id, state } => {
            change(&TaskMessage { deleted: true, ..TaskMessage::about(named(&id)?) }, false, &state).await
        }
        TaskAction::List { all, state } => list(all, &state).await,
    }
}

fn named(id: &str) -> Result<TaskId, CommandFailure> {
    TaskId::of(id).ok_or_else(|| CommandFailure::Usage("that is no id of a task: `task list` shows them".into()))
}

fn day(text: &str) -> Result<Date, CommandFailure> {
    text.parse().map_err(|_| {
        CommandFailure::Usage(format!("`{text}` is no due date; write a day of the calendar, as 2026-01-31"))
    })
}

fn usage(why: &str) -> CommandFailure {
    CommandFailure::Usage(why.to_owned())
}

fn urgency(priority: TaskPriority) -> Priority {
    match priority {
        TaskPriority::Normal => Priority::Normal,
        TaskPriority::High => Priority::High,
    }
}

fn added(add: &TaskAdd) -> Result<TaskMessage, CommandFailure> {
    let mut message = TaskMessage::about(TaskId::new(SystemChance.next_u64()));
    message.person = add.person.map(MarketoId);
    message.kind = Some(match add.kind {
        TaskKind::Email => Kind::Email,
        TaskKind::Call => Kind::Call,
        TaskKind::InMail => Kind::InMail,
        TaskKind::Custom => Kind::Custom,
    });
    message.name(&add.name).map_err(usage)?;
    message.due(add.due.as_deref().map(day).transpose()?);
    message.priority(urgency(add.priority));
    message.details(add.details.as_deref());
    message.status(Progress::Open);
    message.owner(add.owner.as_deref()).map_err(usage)?;
    Ok(message)
}

fn edited(edit: &TaskEdit) -> Result<TaskMessage, CommandFailure> {
    let mut message = TaskMessage::about(named(&edit.id)?);
    if let Some(name) = &edit.name {
        message.name(name).map_err(usage)?;
    }
    match edit.due.as_deref() {
        None => {}
        Some("none") => message.due(None),
        Some(date) => message.due(Some(day(date)?)),
    }
    if let Some(priority) = edit.priority {
        message.priority(urgency(priority));
    }
    if let Some(details) = &edit.details {
        message.details(Some(details));
    }
    if edit.owner.is_some() {
        message.owner(edit.owner.as_deref()).map_err(usage)?;
    }
    if message.named.is_empty() {
        return Err(usage("name what is to be changed: --name, --due, --priority, --details or --owner"));
    }
    Ok(message)
}

fn stated(id: &str, status: Progress) -> Result<TaskMessage, CommandFailure> {
    let mut message = TaskMessage::about(named(id)?);
    message.status(status);
    Ok(message)
}

/// Takes it in, has Salesforce know, and prints the task.
async fn change(message: &TaskMessage, new: bool, state: &Path) -> Result<(), CommandFailure> {
    let opened = Tasks::open(state).await?;
    let ports = &opened.ports;
    let before = tasks::read(&*ports.tasks, [message.id.clone()]).await?.remove(&message.id);
    let alive = before.as_ref().is_some_and(|task| task.deleted.is_none());
    if !new && !alive {
        return Err(CommandFailure::Usage(format!(
            "there is no task {}: `task list` shows those there are",
            message.id
        )));
    }
    tasks::take_in(&*ports.tasks, &*ports.state, &*ports.clock, std::slice::from_ref(message)).await?;
    let done = opened.told("to Salesforce", tasks::push(ports, std::slice::from_ref(&message.id), None)).await?;
    if let Some(why) = why_not(&done) {
        eprintln!("Salesforce does not know of it yet, and follows with a later pass: {why}");
    }
    let task = tasks::read(&*ports.tasks, [message.id.clone()]).await?.remove(&message.id);
    print(&*ports.people, task.into_iter().collect()).await
}

async fn list(all: bool, state: &Path) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(state)?)).await?;
    let people = DynamoPeople::new(tables.dynamodb.clone(), &tables.names.people, std::sync::Arc::new(tables.clock));
    let mut found: Vec<Task> = Vec::new();
    tasks::for_each(&*tables.tasks(), |task| {
        if all || task.deleted.is_none() {
            found.push(task);
        }
        Ok(())
    })
    .await?;
    found.sort_by(|a, b| {
        (a.values.due.is_none(), a.values.due, &a.id).cmp(&(b.values.due.is_none(), b.values.due, &b.id))
    });
    print(&people, found).await
}

/// A task as it is printed; the keys are a contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    task_id: &'a TaskId,
    marketo_id: Option<MarketoId>,
    kind: Kind,
    name: &'a str,
    status: &'static str,
    priority: Priority,
    due: Option<Date>,
    details: Option<&'a str>,
    owner: Option<&'a str>,
    sfdc_task_id: Option<&'a str>,
    origin: Side,
    updated_at: Timestamp,
}

/// Prints tasks; people who were merged are those into whom they were.
async fn print(people: &dyn PeopleTable, found: Vec<Task>) -> Result<(), CommandFailure> {
    let survivors = tasks::survivors(people, found.iter().filter_map(|task| task.person)).await?;
    for task in &found {
        let values = &task.values;
        let status = match (task.deleted, values.status) {
            (Some(_), _) => "deleted",
            (None, Progress::Open) => "open",
            (None, Progress::Complete) => "complete",
        };
        let line = Line {
            task_id: &task.id,
            marketo_id: task.person.map(|id| survivors.get(&id).map_or(id, |row| row.id)),
            kind: task.kind,
            name: &values.name,
            status,
            priority: values.priority,
            due: values.due,
            details: values.details.as_deref(),
            owner: values.owner.as_deref(),
            sfdc_task_id: task.sfdc_id(),
            origin: task.origin,
            updated_at: task.updated_at,
        };
        output::line(serde_json::to_string(&line)?);
    }
    Ok(())
}
