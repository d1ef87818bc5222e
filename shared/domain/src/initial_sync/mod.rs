//! The initial sync: every qualifying person, by bulk export where the subscription has it, in batches through a queue.
//!
//! [`coordinator`] drives export jobs one step per tick and cuts finished files into batches; [`worker`] stores batches and leaves a
//! receipt for each; the coordinator sees from the receipts when all is stored. The change cursor is taken before anything is exported.

pub mod coordinator;
mod cut;
mod fetch;
mod jobs;
pub mod message;
pub(crate) mod receipts;
mod run;
mod start;
mod sweep;
pub mod worker;

pub use cut::{Cutter, Done};
pub use fetch::{Download, fetch};
pub use receipts::StoredPeople;
pub use run::{Batches, CompletedRun, InitialSync, Job, KEY, Part, PartSource, PartState, Receipts, Run};
pub use start::export_filters;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::lease;
use crate::ports::PeoplePorts;
use crate::{Failure, FailureKind, settings};

/// Key of the document by which others ask for a new run.
const REQUEST_KEY: &str = "initial-sync-request";
/// Most tries against others who ask at the same moment.
const MAX_SAVE_TRIES: usize = 5;

/// A wish for a new run over the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Request {
    /// Goes up with each request; the state of the flow remembers the last one taken up.
    pub number: u64,
    /// Also look for people who are stored and no longer exist: needed after an outage longer than Marketo keeps deletions.
    pub sweep: bool,
}

/// Asks for a new run over the table, at the coordinator's next tick. Asking again before it began changes nothing, but may add the sweep.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn request(ports: &PeoplePorts, sweep: bool) -> Result<(), Failure> {
    for _ in 0..MAX_SAVE_TRIES {
        let (stored, version) = requested(ports).await?;
        let taken_up = peek(ports).await?.request_taken_up;
        let waiting = stored.number > taken_up;
        if waiting && (stored.sweep || !sweep) {
            return Ok(());
        }
        let request = Request { number: taken_up.max(stored.number) + 1, sweep };
        let value =
            serde_json::to_value(request).map_err(|e| Failure::new(FailureKind::CorruptState, e.to_string()))?;
        match ports.state.save(REQUEST_KEY, &value, version).await {
            Ok(_) => return Ok(()),
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::new(FailureKind::Conflict, "others ask for a new initial sync at the same time; try again"))
}

/// The last request, taken up or not, and its version.
async fn requested(ports: &PeoplePorts) -> Result<(Request, Option<u64>), Failure> {
    let Some(document) = ports.state.load(REQUEST_KEY).await? else { return Ok((Request::default(), None)) };
    let request = serde_json::from_value(document.value).map_err(|_| {
        Failure::new(
            FailureKind::CorruptState,
            format!("the stored document `{REQUEST_KEY}` is not in a form this program writes"),
        )
    })?;
    Ok((request, Some(document.version)))
}

/// The state of this flow.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn peek(ports: &PeoplePorts) -> Result<InitialSync, Failure> {
    Ok(lease::peek(&*ports.state, KEY).await?.unwrap_or_default())
}

/// Whether a run is under way, so that data older than now may still be on its way to the table.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn is_running(ports: &PeoplePorts) -> Result<bool, Failure> {
    Ok(peek(ports).await?.run.is_some())
}

/// Longest time between reading something and writing it. No invocation lives longer than 15 minutes; a machine may sleep.
pub const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(1);

/// Whether observations that are older than now may still reach the table: a run is under way, or ended so lately that a worker may still
/// hold a batch of it.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn older_data_may_follow(ports: &PeoplePorts) -> Result<bool, Failure> {
    let state = peek(ports).await?;
    let lately = |run: &CompletedRun| ports.marketo.now().duration_since(run.ended_at) < LONGEST_DELAY;
    Ok(state.run.is_some() || state.completed.as_ref().is_some_and(lately))
}

/// Whether the coordinator has work: a run under way, or one that has to begin.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn is_wanted(ports: &PeoplePorts) -> Result<bool, Failure> {
    let state = peek(ports).await?;
    let settings = settings::load(&*ports.state).await?.people()?;
    let (request, _) = requested(ports).await?;
    Ok(state.run.is_some() || state.wanted(request, &settings).is_some())
}
