//! The document of the initial sync: the run, its parts, and where each part is. Data, and what follows from it alone.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Request;
use crate::people::{FieldPlan, MarketoId};
use crate::ports::{ExportFile, ExportFilter, ExportId};
use crate::settings::{PeopleSettings, Scope};
use crate::status::Problem;
use crate::{Failure, FailureKind};

/// Key of the document with the lease and the state of this flow.
pub const KEY: &str = "initial-sync";

/// State of the initial sync.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InitialSync {
    /// The run under way.
    pub run: Option<Run>,
    /// The last run that ended well.
    pub completed: Option<CompletedRun>,
    /// Number of the last request taken up.
    pub request_taken_up: u64,
    /// The last tick's problem, until one ends well.
    pub problem: Option<Problem>,
    /// Things an admin should know about the way taken.
    pub notices: Vec<String>,
}

/// A new run is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Whether it is to look for people who no longer exist.
    pub sweep: bool,
}

impl InitialSync {
    /// Whether a new run has to begin: somebody asked, none was ever made, or the last one was made for other settings.
    #[must_use]
    pub fn wanted(&self, request: Request, settings: &PeopleSettings) -> Option<Wanted> {
        let asked = request.number > self.request_taken_up;
        let scope = settings.scope();
        let due = match (&self.run, &self.completed) {
            (Some(run), _) => run.scope != scope,
            (None, Some(done)) => done.scope != scope,
            (None, None) => settings.auto_start,
        };
        (asked || due).then_some(Wanted { sweep: asked && request.sweep })
    }
}

/// Failed jobs of one part after which an operator is told.
const MANY_FAILURES: u32 = 5;
/// Seconds before the second job of a part, and how often they double.
const FIRST_PAUSE: i64 = 5;
const MOST_DOUBLINGS: u32 = 6;

/// One run over all people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id, part of each batch and receipt.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// Who is synced and what of them.
    pub scope: Scope,
    /// The fields asked for.
    pub plan: FieldPlan,
    /// Whether the table was empty when the run began: rows are then written without looking first.
    pub fresh: bool,
    /// Whether to look, at the end, for stored people who no longer exist.
    pub sweep: bool,
    /// How far that look has come.
    pub swept_to: Option<MarketoId>,
    /// The parts, in the order of creation dates.
    pub parts: Vec<Part>,
}

/// A run that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CompletedRun {
    /// Its id.
    pub id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When all its people were stored.
    pub ended_at: Timestamp,
    /// Who was synced and what of them.
    pub scope: Scope,
    /// People in the exports, qualifying or not.
    pub people: u64,
}

/// A part of a run: one export, or one range of ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// Whose people.
    pub source: PartSource,
    /// Where it is.
    pub state: PartState,
    /// Jobs that failed, or whose file was wrong or gone. Each new job has receipts of its own, as its file may be cut differently.
    pub failures: u32,
    /// Why the last of them failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Not to be touched before.
    pub not_before: Option<Timestamp>,
}

/// Where the people of a part come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartSource {
    /// A bulk export.
    Export(ExportFilter),
    /// All ids from the first to the second, read 300 a call.
    Ids(MarketoId, MarketoId),
}

/// An export job of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id at Marketo.
    pub id: ExportId,
    /// The instant before it was created: its rows are observations of that time.
    pub as_of: Timestamp,
}

/// Where a part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum PartState {
    /// Not begun.
    Waiting,
    /// The job is made, not queued.
    Created {
        /// The job.
        job: Job,
    },
    /// The job is queued or running.
    Queued {
        /// The job.
        job: Job,
    },
    /// The file can be fetched.
    Ready {
        /// The job.
        job: Job,
        /// What the file must be.
        file: ExportFile,
        /// What it was cut into before; batches with a receipt are not sent again.
        before: Option<Batches>,
    },
    /// All batches are in the queues.
    Cut {
        /// The job and its file, for cutting again when batches are lost; ranges of ids need neither.
        export: Option<(Job, ExportFile)>,
        /// What was cut.
        batches: Batches,
        /// Since when no receipt has come in, and how many there were.
        quiet: Option<(Timestamp, u32)>,
    },
    /// Every batch is stored.
    Stored {
        /// What was cut.
        batches: Batches,
    },
}

/// What a part was cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batches {
    /// Batches of rows; each also means one reading of opportunity roles.
    pub rows: u32,
    /// Batches of ids to be read over REST.
    pub reads: u32,
    /// People in the export, qualifying or not.
    pub people: u64,
    /// People who qualify.
    pub qualifying: u64,
}

impl Part {
    /// A part not begun.
    #[must_use]
    pub fn new(source: PartSource) -> Self {
        Self { source, state: PartState::Waiting, failures: 0, last_failure: None, not_before: None }
    }

    /// Begins again with a new job, after a pause that grows with the failures.
    pub fn begin_again(&mut self, why: impl ToString, now: Timestamp) {
        let pause = SignedDuration::from_secs(FIRST_PAUSE << self.failures.min(MOST_DOUBLINGS));
        self.not_before = Some(now.checked_add(pause).unwrap_or(now));
        self.last_failure = Some(why.to_string());
        self.failures += 1;
        self.state = PartState::Waiting;
    }

    /// What an operator has to hear of: a job that fails again and again. It is tried on nevertheless.
    #[must_use]
    pub fn trouble(&self) -> Option<Failure> {
        let failed = self.failures >= MANY_FAILURES
            && matches!(self.state, PartState::Waiting | PartState::Created { .. } | PartState::Queued { .. });
        let why = self.last_failure.as_deref().filter(|_| failed)?;
        let text = format!("an export failed {} times and is tried again; the last time: {why}", self.failures);
        Some(Failure::new(FailureKind::BadAnswer, text))
    }
}

impl Run {
    /// Name of a part in batches and receipts.
    #[must_use]
    pub fn label(&self, part: usize) -> String {
        let failures = self.parts.get(part).map_or(0, |p| p.failures);
        format!("{part}.{failures}")
    }

    /// What has been cut so far, over all parts.
    #[must_use]
    pub fn batches(&self) -> Batches {
        let mut sum = Batches::default();
        for part in &self.parts {
            if let PartState::Cut { batches, .. } | PartState::Stored { batches } = &part.state {
                sum.rows += batches.rows;
                sum.reads += batches.reads;
                sum.people += batches.people;
                sum.qualifying += batches.qualifying;
            }
        }
        sum
    }
}

/// Groups of receipts of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// Stored batches of rows.
    Rows,
    /// Opportunity roles read for a batch of rows.
    Roles,
    /// Stored batches of people read over REST.
    Reads,
}

impl Receipts {
    /// Key of the group.
    #[must_use]
    pub fn group(self, run: &str, part_label: &str) -> String {
        let kind = match self {
            Self::Rows => "rows",
            Self::Roles => "roles",
            Self::Reads => "reads",
        };
        format!("{run}/{part_label}/{kind}")
    }
}
