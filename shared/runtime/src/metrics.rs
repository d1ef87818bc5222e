//! Metrics as lines of the embedded metric format, one an invocation, which CloudWatch reads from the logs: no call, and nothing to wait
//! for. Counts, ages and yes or no; nothing of a person. Decides nothing.
//!
//! Recording goes through the `metrics` facade, so that it does nothing where no [`Metrics`] were started, as in the embedded run. Each
//! value is a histogram: it is written once, with the invocation that recorded it, and is absent from those that do not know it.

use std::io::{Write, stdout};

use domain::Timestamp;
use domain::activities::{Destination, Work};
use domain::initial_sync::coordinator::Tick;
use domain::pull::Pulled;
use domain::{opt_outs, tasks};
use metrics_cloudwatch_embedded::{Builder, Collector};

use ::metrics::{Unit, describe_histogram, histogram};

use crate::Error;
use crate::queue::Handled;

/// The namespace of all metrics.
pub const NAMESPACE: &str = "ActionsSync";
/// The one dimension: the stack's name.
pub const DIMENSION: &str = "Stack";

const PULL_SUCCEEDED: &str = "PullSucceeded";
const PULL_CURSOR_LAG: &str = "PullCursorLagSeconds";
const PEOPLE_READ: &str = "PeopleRead";
const PEOPLE_PUT: &str = "PeoplePut";
const PEOPLE_UNCHANGED: &str = "PeopleUnchanged";
const PEOPLE_STALE: &str = "PeopleStale";
const COORDINATOR_SUCCEEDED: &str = "CoordinatorSucceeded";
const CALLS_LEFT_TODAY: &str = "CallsLeftToday";
const INITIAL_SYNC_PEOPLE_LEFT: &str = "InitialSyncPeopleLeft";
const INITIAL_SYNC_PEOPLE_STORED: &str = "InitialSyncPeopleStored";
const MESSAGES_FAILED: &str = "MessagesFailed";
const MESSAGES_REJECTED: &str = "MessagesRejected";
const MARKETO_LOGGED: &str = "MarketoActivitiesLogged";
const MARKETO_REJECTED: &str = "MarketoActivitiesRejected";
const MARKETO_LOG_LAG: &str = "MarketoLogLagSeconds";
const MARKETO_LOG_OPEN: &str = "MarketoLogOpen";
const SALESFORCE_LOGGED: &str = "SalesforceActivitiesLogged";
const SALESFORCE_REJECTED: &str = "SalesforceActivitiesRejected";
const SALESFORCE_LOG_LAG: &str = "SalesforceLogLagSeconds";
const SALESFORCE_LOG_OPEN: &str = "SalesforceLogOpen";

const OPT_OUT_SUCCEEDED: &str = "OptOutReconcilerSucceeded";
const OPT_OUT_LAG: &str = "OptOutLagSeconds";
const OPT_OUT_READ_LAG: &str = "OptOutReadLagSeconds";
const OPT_OUTS_TAKEN_IN: &str = "OptOutsTakenIn";
const OPT_OUT_BOXES_TICKED: &str = "OptOutBoxesTicked";
const OPT_OUT_BOXES_RESTORED: &str = "OptOutBoxesRestored";
const OPT_OUT_BOXES_REJECTED: &str = "OptOutBoxesRejected";
const OPT_OUT_SYNC_OPEN: &str = "OptOutSyncOpen";

const TASK_SUCCEEDED: &str = "TaskReconcilerSucceeded";
const TASK_LAG: &str = "TaskLagSeconds";
const TASK_READ_LAG: &str = "TaskReadLagSeconds";
const TASKS_IN_ACTIONS: &str = "TasksWrittenInActions";
const TASKS_IN_SALESFORCE: &str = "TasksWrittenInSalesforce";
const TASKS_REJECTED: &str = "TasksRejected";
const TASKS_ANNOUNCED: &str = "TasksAnnounced";
const TASK_SYNC_OPEN: &str = "TaskSyncOpen";

/// Every metric that a function may emit.
pub const NAMES: [&str; 36] = [
    PULL_SUCCEEDED,
    PULL_CURSOR_LAG,
    PEOPLE_READ,
    PEOPLE_PUT,
    PEOPLE_UNCHANGED,
    PEOPLE_STALE,
    COORDINATOR_SUCCEEDED,
    CALLS_LEFT_TODAY,
    INITIAL_SYNC_PEOPLE_LEFT,
    INITIAL_SYNC_PEOPLE_STORED,
    MESSAGES_FAILED,
    MESSAGES_REJECTED,
    MARKETO_LOGGED,
    MARKETO_REJECTED,
    MARKETO_LOG_LAG,
    MARKETO_LOG_OPEN,
    SALESFORCE_LOGGED,
    SALESFORCE_REJECTED,
    SALESFORCE_LOG_LAG,
    SALESFORCE_LOG_OPEN,
    OPT_OUT_SUCCEEDED,
    OPT_OUT_LAG,
    OPT_OUT_READ_LAG,
    OPT_OUTS_TAKEN_IN,
    OPT_OUT_BOXES_TICKED,
    OPT_OUT_BOXES_RESTORED,
    OPT_OUT_BOXES_REJECTED,
    OPT_OUT_SYNC_OPEN,
    TASK_SUCCEEDED,
    TASK_LAG,
    TASK_READ_LAG,
    TASKS_IN_ACTIONS,
    TASKS_IN_SALESFORCE,
    TASKS_REJECTED,
    TASKS_ANNOUNCED,
    TASK_SYNC_OPEN,
];

/// Those of them that are counted in seconds.
const IN_SECONDS: [&str; 7] =
    [PULL_CURSOR_LAG, MARKETO_LOG_LAG, SALESFORCE_LOG_LAG, OPT_OUT_LAG, OPT_OUT_READ_LAG, TASK_LAG, TASK_READ_LAG];

/// The metrics of this process.
pub struct Metrics {
    collector: &'static Collector,
}

impl Metrics {
    /// Starts them, once a process, under the stack's name.
    ///
    /// # Errors
    /// When they were started before.
    pub fn start(stack_name: &str) -> Result<Self, Error> {
        let builder = Builder::new().cloudwatch_namespace(NAMESPACE).with_dimension(DIMENSION, stack_name.to_owned());
        let collector = builder.init().map_err(|e| format!("metrics cannot be started: {e}"))?;
        for name in NAMES {
            let unit = if IN_SECONDS.contains(&name) { Unit::Seconds } else { Unit::Count };
            describe_histogram!(name, unit, "");
        }
        Ok(Self { collector })
    }

    /// Writes what was recorded since the last time, as one line to standard output. At the end of each invocation.
    pub fn flush(&self) {
        let mut line = Vec::new();
        // In one piece, so that no log line gets in between.
        let written = self.collector.flush(&mut line).and_then(|()| stdout().lock().write_all(&line));
        if let Err(error) = written {
            tracing::warn!("metrics cannot be written: {error}");
        }
    }
}

/// A pull. One that found another holder at work counts as a success: nothing is wrong with it, and how the holder is doing shows in the
/// age of the cursor, which is told in any case.
pub(crate) fn of_pull(pulled: &Pulled, succeeded: bool, now: Timestamp) {
    record(PULL_SUCCEEDED, u64::from(succeeded));
    if let Some(read_to) = pulled.read_to {
        record(PULL_CURSOR_LAG, now.duration_since(read_to).as_secs().max(0).unsigned_abs());
    }
    record(PEOPLE_READ, pulled.read);
    record(PEOPLE_PUT, pulled.writes.put);
    record(PEOPLE_UNCHANGED, pulled.writes.unchanged);
    record(PEOPLE_STALE, pulled.writes.stale);
}

/// A tick of the coordinator.
pub(crate) fn of_tick(tick: &Tick, succeeded: bool, calls_left: Option<u64>) {
    record(COORDINATOR_SUCCEEDED, u64::from(succeeded));
    if let Some(calls) = calls_left {
        record(CALLS_LEFT_TODAY, calls);
    }
    if let Some(stored) = tick.stored {
        record(INITIAL_SYNC_PEOPLE_LEFT, stored.left());
        record(INITIAL_SYNC_PEOPLE_STORED, stored.people);
    }
}

/// A batch of messages.
pub(crate) fn of_batch(handled: &Handled) {
    record(PEOPLE_PUT, handled.writes.put);
    record(PEOPLE_UNCHANGED, handled.writes.unchanged);
    record(PEOPLE_STALE, handled.writes.stale);
    record(MESSAGES_FAILED, handled.failed);
    record(MESSAGES_REJECTED, handled.rejected);
}

/// A batch of messages that were taken into the ledger or the register, or were not.
pub(crate) fn of_messages(handled: &Handled) {
    record(MESSAGES_FAILED, handled.failed);
    record(MESSAGES_REJECTED, handled.rejected);
}

/// A round of logging at a destination; `None` when our own store failed. `lag` is for how long the oldest activity has been due, seconds.
pub(crate) fn of_logging(destination: Destination, work: Option<&Work>, lag: Option<u64>) {
    let (logged, rejected, behind, open) = match destination {
        Destination::Marketo => (MARKETO_LOGGED, MARKETO_REJECTED, MARKETO_LOG_LAG, MARKETO_LOG_OPEN),
        Destination::Salesforce => (SALESFORCE_LOGGED, SALESFORCE_REJECTED, SALESFORCE_LOG_LAG, SALESFORCE_LOG_OPEN),
    };
    if let Some(work) = work {
        record(logged, work.logged);
        record(rejected, work.rejected);
        record(open, u64::from(work.closed.is_none()));
    }
    if let Some(lag) = lag {
        record(behind, lag);
    }
}

/// What was done about opt-outs.
pub(crate) fn of_opt_outs(done: &opt_outs::Reconciled) {
    record(OPT_OUTS_TAKEN_IN, done.in_actions);
    record(OPT_OUT_BOXES_TICKED, done.in_salesforce);
    record(OPT_OUT_BOXES_RESTORED, done.restored);
    record(OPT_OUT_BOXES_REJECTED, done.rejected);
    record(OPT_OUT_SYNC_OPEN, u64::from(done.closed.is_none()));
}

/// A pass of the schedule; `None` when our own store failed. `lag` is for how long the oldest opt-out has been due, `read_lag` for how long
/// Salesforce was not read to the end; both in seconds.
pub(crate) fn of_opt_out_pass(done: Option<&opt_outs::Reconciled>, lag: Option<u64>, read_lag: Option<u64>) {
    record(OPT_OUT_SUCCEEDED, u64::from(done.is_some_and(|done| done.closed.is_none())));
    if let Some(done) = done {
        of_opt_outs(done);
    }
    lags([(OPT_OUT_LAG, lag), (OPT_OUT_READ_LAG, read_lag)]);
}

/// What was done about reminder tasks.
pub(crate) fn of_tasks(done: &tasks::Reconciled) {
    record(TASKS_IN_ACTIONS, done.in_actions);
    record(TASKS_IN_SALESFORCE, done.in_salesforce);
    record(TASKS_REJECTED, done.rejected);
    record(TASKS_ANNOUNCED, done.announced);
    record(TASK_SYNC_OPEN, u64::from(done.closed.is_none()));
}

/// A pass of the schedule over reminder tasks, see [`of_opt_out_pass`].
pub(crate) fn of_task_pass(done: Option<&tasks::Reconciled>, lag: Option<u64>, read_lag: Option<u64>) {
    record(TASK_SUCCEEDED, u64::from(done.is_some_and(|done| done.closed.is_none())));
    if let Some(done) = done {
        of_tasks(done);
    }
    lags([(TASK_LAG, lag), (TASK_READ_LAG, read_lag)]);
}

fn lags(lags: [(&'static str, Option<u64>); 2]) {
    for (name, lag) in lags {
        if let Some(lag) = lag {
            record(name, lag);
        }
    }
}

fn record(name: &'static str, value: u64) {
    histogram!(name).record(value as f64);
}
