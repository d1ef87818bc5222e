//! What an admin sees of each flow: its state, how far it is, what went wrong and what to do. Reads documents and receipts; calls nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::initial_sync::receipts;
use crate::initial_sync::{self, InitialSync, PartState, Run};
use crate::people::WriteCounts;
use crate::ports::SyncState;
use crate::pull::{self, PullState};
use crate::{Advice, Failure, FailureKind, lease, opportunities};

/// A flow's last problem, as an admin reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What happened and what to do.
    pub message: String,
    /// What kind of failure.
    pub kind: FailureKind,
    /// The vendor's code.
    pub code: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Nothing is tried before this, where a limit is used up.
    pub until: Option<Timestamp>,
    /// Whether an operator has to change something first.
    pub needs_operator: bool,
}

impl Problem {
    /// The problem that a failure is.
    #[must_use]
    pub fn new(failure: &Failure, at: Timestamp) -> Self {
        Self {
            message: failure.to_string(),
            kind: failure.kind,
            code: failure.code.clone(),
            at,
            until: failure.until,
            needs_operator: matches!(failure.advice(), Advice::Halt | Advice::Reject),
        }
    }

    /// The failure again, where an operator has to change something first.
    #[must_use]
    pub fn for_operator(&self) -> Option<Failure> {
        let failure = Failure { code: self.code.clone(), ..Failure::new(self.kind, self.message.clone()) };
        self.needs_operator.then_some(failure)
    }

    /// The failure again, while the day's export megabytes are known to be gone.
    #[must_use]
    pub fn export_quota_gone(&self, now: Timestamp) -> Option<Failure> {
        let until = self.until.filter(|until| self.kind == FailureKind::DailyExport && now < *until)?;
        Some(Failure { kind: self.kind, code: None, message: self.message.clone(), until: Some(until) })
    }
}

/// In which state a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FlowState {
    /// Never begun.
    NotStarted,
    /// At work.
    Running,
    /// At work, but the last try failed; the next may succeed.
    Retrying,
    /// A limit is used up; goes on when it resets.
    WaitingForReset,
    /// An operator has to change something.
    NeedsOperator,
    /// Nothing left to do.
    Done,
}

/// State of the whole people flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The initial sync.
    pub initial_sync: InitialSyncStatus,
    /// The incremental pull.
    pub incremental_pull: PullStatus,
    /// Why opportunities are not read, where Marketo refuses them.
    pub opportunities_refused: Option<String>,
}

/// State of the initial sync.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitialSyncStatus {
    /// State.
    pub state: FlowState,
    /// When a run last ended well.
    pub last_success: Option<Timestamp>,
    /// How far the run under way is.
    pub progress: Option<Progress>,
    /// The last problem.
    pub problem: Option<Problem>,
    /// Things to know about the way taken.
    pub notices: Vec<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Exports finished by Marketo and cut into batches.
    pub exports_done: usize,
    /// All exports.
    pub exports: usize,
    /// Qualifying people stored, as far as receipts tell.
    pub processed: u64,
    /// Qualifying people found so far.
    pub total: u64,
    /// Readings of opportunity roles done.
    pub roles_done: u32,
    /// Readings of opportunity roles to do.
    pub roles: u32,
    /// Seconds since the run began.
    pub seconds: f64,
    /// People a second.
    pub rate: f64,
    /// Seconds until the people found so far are stored and their opportunities read; `None` while nothing can be told from.
    pub eta_seconds: Option<f64>,
}

/// State of the incremental pull.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullStatus {
    /// State.
    pub state: FlowState,
    /// When changes were last caught up with.
    pub last_success: Option<Timestamp>,
    /// Seconds by which the cursor is behind Marketo's clock.
    pub cursor_lag_seconds: Option<i64>,
    /// What all pulls wrote together.
    pub writes: WriteCounts,
    /// The last problem.
    pub problem: Option<Problem>,
}

/// Reads the state of the people flow.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn status(state: &dyn SyncState, now: Timestamp) -> Result<Status, Failure> {
    let initial: InitialSync = lease::peek(state, initial_sync::KEY).await?.unwrap_or_default();
    let pull: PullState = lease::peek(state, pull::KEY).await?.unwrap_or_default();
    let progress = match &initial.run {
        Some(run) => Some(progress(state, now, run).await?),
        None => None,
    };
    let resting = if initial.completed.is_some() { FlowState::Done } else { FlowState::NotStarted };
    let initial_state =
        flow_state(initial.problem.as_ref(), if initial.run.is_some() { FlowState::Running } else { resting });
    let resting = if pull.cursor.is_some() { FlowState::Running } else { FlowState::NotStarted };
    Ok(Status {
        initial_sync: InitialSyncStatus {
            state: initial_state,
            last_success: initial.completed.map(|c| c.ended_at),
            progress,
            problem: initial.problem,
            notices: initial.notices,
        },
        incremental_pull: PullStatus {
            state: flow_state(pull.problem.as_ref(), resting),
            last_success: pull.caught_up_at,
            cursor_lag_seconds: pull.cursor.map(|c| now.duration_since(c.read_to).as_secs().max(0)),
            writes: pull.writes,
            problem: pull.problem,
        },
        opportunities_refused: opportunities::refusal(state).await?.map(|r| r.message),
    })
}

/// How far a run is.
///
/// # Errors
/// `Unavailable`.
pub async fn progress(state: &dyn SyncState, now: Timestamp, run: &Run) -> Result<Progress, Failure> {
    let mut sum = Progress {
        exports_done: 0,
        exports: run.parts.len(),
        processed: 0,
        total: 0,
        roles_done: 0,
        roles: 0,
        seconds: now.duration_since(run.started_at).as_secs_f64().max(0.001),
        rate: 0.0,
        eta_seconds: None,
    };
    for (index, part) in run.parts.iter().enumerate() {
        let label = run.label(index);
        match &part.state {
            PartState::Stored { batches } => {
                sum.exports_done += 1;
                sum.total += batches.qualifying;
                sum.processed += batches.qualifying;
                sum.roles += batches.rows;
                sum.roles_done += batches.rows;
            }
            PartState::Cut { batches, .. } => {
                sum.exports_done += 1;
                sum.total += batches.qualifying;
                sum.roles += batches.rows;
                let counted = receipts::of_part(state, &run.id, &label, *batches).await?;
                sum.roles_done += counted.roles;
                sum.processed += counted.stored_people(*batches);
            }
            _ => {}
        }
    }
    sum.rate = sum.processed as f64 / sum.seconds;
    let people_left = sum.total.saturating_sub(sum.processed) as f64;
    let roles_left = f64::from(sum.roles.saturating_sub(sum.roles_done));
    let roles_rate = f64::from(sum.roles_done) / sum.seconds;
    let eta = |left: f64, rate: f64| if left > 0.0 { left / rate } else { 0.0 };
    sum.eta_seconds = Some(eta(people_left, sum.rate).max(eta(roles_left, roles_rate))).filter(|s| s.is_finite());
    Ok(sum)
}

/// How a flow stands that keeps two sides in step, where no problem stops it: by when it was last in step, and what is due.
#[must_use]
pub(crate) fn resting(in_step_at: Option<Timestamp>, waiting: usize) -> FlowState {
    match (in_step_at, waiting) {
        (None, _) => FlowState::NotStarted,
        (Some(_), 0) => FlowState::Done,
        (Some(_), _) => FlowState::Running,
    }
}

/// The state of a flow with this problem; `without` is what it is in without one.
pub(crate) fn flow_state(problem: Option<&Problem>, without: FlowState) -> FlowState {
    match problem {
        None => without,
        Some(Problem { kind: FailureKind::DailyCalls | FailureKind::DailyExport, until: Some(_), .. }) => {
            FlowState::WaitingForReset
        }
        Some(problem) if problem.needs_operator => FlowState::NeedsOperator,
        Some(_) => FlowState::Retrying,
    }
}
