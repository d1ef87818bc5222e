//! What an admin sees of reminder tasks: how the flow is doing, what Salesforce refuses, the tasks of one person. Reads the table and the
//! reconciler's document; calls no vendor.

use jiff::Timestamp;
use serde::Serialize;

use super::state::{self, Reconciler};
use super::task::{Side, Task, TaskId};
use super::values::Progress;
use super::{book, is_invertible};
use crate::gate::Gate;
use crate::people::MarketoId;
use crate::ports::{Clock, Shelf, SyncState, TaskTable};
use crate::status::{FlowState, Problem, flow_state, resting};
use crate::{Failure, Push, settings};

/// Name of the flow.
pub const FLOW: &str = "tasks";

/// How reminder tasks are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// State.
    pub state: FlowState,
    /// When both sides were last found in step, or brought there.
    pub last_success: Option<Timestamp>,
    /// What keeps Salesforce from being read or written.
    pub problem: Option<Problem>,
    /// Nothing is tried before this.
    pub closed_until: Option<Timestamp>,
    /// Tasks that have to be looked into in Salesforce.
    pub waiting: usize,
    /// For how long the one that is due longest has been due, seconds.
    pub lag_seconds: i64,
    /// For how long Salesforce has not been read to the end, seconds.
    pub read_lag_seconds: Option<i64>,
    /// Tasks that Salesforce refuses until somebody changes something.
    pub rejected: usize,
    /// Things to know.
    pub notices: Vec<String>,
}

/// How reminder tasks are doing.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn status(table: &dyn TaskTable, state: &dyn SyncState, now: Timestamp) -> Result<TaskStatus, Failure> {
    let Reconciler { gate, in_step_at, .. } = state::peek(state).await?;
    let Gate { closed_until, problem, last_success, .. } = gate;
    let due = book::places(table, Shelf::Due).await?;
    let settings = settings::load(state).await?.reminders()?;
    let mut notices = Vec::new();
    if !settings.sync {
        notices.push("the setting reminders.sync is off: reminder tasks stay in Actions".to_owned());
    }
    if settings.sync && !is_invertible(&settings.subject_template) {
        notices.push(
            "names of reminder tasks go to Salesforce only: the name cannot be read back from the subject that the setting \
             log.salesforce.subjectTemplate makes"
                .to_owned(),
        );
    }
    if settings.sync && settings.backfill {
        notices.push(
            "the setting reminders.backfill is on: open tasks from before the switch go to Salesforce, too".to_owned(),
        );
    }
    let since = |at: Timestamp| now.duration_since(at).as_secs().max(0);
    Ok(TaskStatus {
        state: flow_state(problem.as_ref(), resting(in_step_at.or(last_success), due.len())),
        last_success: in_step_at,
        problem,
        closed_until,
        waiting: due.len(),
        lag_seconds: due.first().map_or(0, |oldest| since(oldest.at)),
        read_lag_seconds: in_step_at.map(since),
        rejected: book::places(table, Shelf::Rejected).await?.len(),
        notices,
    })
}

/// A task that Salesforce refuses. The keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskReject {
    /// `tasks`.
    pub flow: &'static str,
    /// The task.
    pub key: TaskId,
    /// Always `salesforce`.
    pub target: &'static str,
    /// Salesforce's code, or ours.
    pub code: String,
    /// What it means and what to do.
    pub message: String,
    /// Refusals so far.
    pub attempts: u32,
    /// When it was last refused, or is tried again.
    pub at: Timestamp,
    /// When it is tried again by itself; `None` = when somebody asks.
    pub next_try: Option<Timestamp>,
}

/// Tasks that Salesforce refused, those that are tried again by themselves included.
///
/// # Errors
/// Those of the table.
pub async fn rejects(table: &dyn TaskTable) -> Result<Vec<TaskReject>, Failure> {
    let mut ids = Vec::new();
    for shelf in [Shelf::Rejected, Shelf::Due] {
        ids.extend(book::places(table, shelf).await?.into_iter().map(|place| place.id));
    }
    let tasks = book::read(table, ids).await?;
    Ok(tasks.into_values().filter_map(reject).collect())
}

fn reject(task: Task) -> Option<TaskReject> {
    let trouble = task.trouble?;
    let (at, attempts, next_try) = match task.push {
        Push::Done => return None,
        Push::Due { at, attempts } => (at, attempts, Some(at)),
        Push::Rejected { at, attempts } => (at, attempts, None),
    };
    let (code, message) = (trouble.code, trouble.message);
    Some(TaskReject { flow: FLOW, key: task.id, target: "salesforce", code, message, attempts, at, next_try })
}

/// Has everything that Salesforce refused tried again at once; gives how much that is.
///
/// # Errors
/// Those of the table.
pub async fn retry(table: &dyn TaskTable, clock: &dyn Clock) -> Result<Vec<TaskId>, Failure> {
    let now = clock.now();
    let ids: Vec<TaskId> = rejects(table).await?.into_iter().map(|reject| reject.key).collect();
    book::alter(table, ids.clone(), |task| {
        let again = task.trouble.is_some() && task.push != Push::Done;
        if again {
            task.due(now);
        }
        again
    })
    .await?;
    Ok(ids)
}

/// What there is to say of the tasks about a person, without what they say.
///
/// # Errors
/// Those of the table.
pub async fn explain(table: &dyn TaskTable, person: MarketoId) -> Result<Vec<String>, Failure> {
    let mut sentences = Vec::new();
    book::for_each(table, |task| {
        if task.person == Some(person) && task.deleted.is_none() {
            sentences.push(sentence(&task));
        }
        Ok(())
    })
    .await?;
    Ok(sentences)
}

fn sentence(task: &Task) -> String {
    let what = if task.values.status == Progress::Complete { "complete" } else { "open" };
    let from = match task.origin {
        Side::Actions => "made in Actions",
        Side::Salesforce => "made in Salesforce",
    };
    let there = match (&task.push, task.sfdc_id(), task.shared) {
        (Push::Rejected { .. }, ..) => "refused by Salesforce; see `rejects list`".to_owned(),
        (Push::Due { .. }, ..) => "still to be looked into in Salesforce".to_owned(),
        (Push::Done, Some(id), _) => format!("in step with {id}"),
        (Push::Done, None, true) => {
            "in Actions only: it is gone in Salesforce, or its owner is not among reminders.owners".to_owned()
        }
        (Push::Done, None, false) => "in Actions only: it was made while reminders.sync was off".to_owned(),
    };
    format!("reminder task {}: {what}, {from}, {there}", task.id)
}
