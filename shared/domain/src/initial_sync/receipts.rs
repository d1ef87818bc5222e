//! Counts the receipts of a run, and finds the batches that were lost on the way.

use jiff::SignedDuration;

use super::run::{Batches, Part, PartState, Receipts, Run};
use crate::ports::{PeoplePorts, SyncState};
use crate::{Failure, budget};

/// Without any receipt for so long, batches must have been lost: about as long as the queue takes to give a message up. One that is cut
/// again while it is still there is stored twice, which changes nothing.
const QUIET: SignedDuration = SignedDuration::from_mins(30);

/// Receipts of a part that have come in, by kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    rows: u32,
    /// Readings of opportunity roles.
    pub roles: u32,
    reads: u32,
}

impl Counted {
    fn all(self) -> u32 {
        self.rows + self.roles + self.reads
    }

    /// About how many of the part's qualifying people are stored.
    pub fn stored_people(self, batches: Batches) -> u64 {
        let all = u64::from(batches.rows) + u64::from(batches.reads);
        let done = u64::from(self.rows) + u64::from(self.reads);
        (batches.qualifying * done.min(all)).checked_div(all).unwrap_or(batches.qualifying)
    }
}

/// People of a run, as far as its exports are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredPeople {
    /// Qualifying people stored, as far as receipts tell.
    pub people: u64,
    /// Qualifying people found so far.
    pub found: u64,
}

impl StoredPeople {
    /// Qualifying people found and not stored yet.
    #[must_use]
    pub fn left(self) -> u64 {
        self.found.saturating_sub(self.people)
    }
}

/// Moves the parts on whose receipts are complete; gives how many people are stored.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn count(ports: &PeoplePorts, run: &mut Run) -> Result<StoredPeople, Failure> {
    let mut stored = StoredPeople::default();
    for index in 0..run.parts.len() {
        let label = run.label(index);
        let (batches, quiet) = match &run.parts[index].state {
            PartState::Cut { batches, quiet, .. } => (*batches, *quiet),
            PartState::Stored { batches } => {
                stored.found += batches.qualifying;
                stored.people += batches.qualifying;
                continue;
            }
            _ => continue,
        };
        let counted = of_part(&*ports.state, &run.id, &label, batches).await?;
        stored.found += batches.qualifying;
        stored.people += counted.stored_people(batches);
        let count = counted.all();
        let now = ports.clock.now();
        let part = &mut run.parts[index];
        if count == 2 * batches.rows + batches.reads {
            part.state = PartState::Stored { batches };
        } else if let Some((since, _)) = quiet.filter(|(_, then)| *then == count) {
            // While nobody may call Marketo, batches wait and are not lost.
            let parked = budget::parked_until(&*ports.state).await?.is_some_and(|until| now < until);
            let part = &mut run.parts[index];
            if now.duration_since(since) > QUIET && !parked {
                tracing::warn!(run.id = run.id, run.part = index, "batches got lost, cutting part {index} again");
                cut_again(part);
            }
        } else if let PartState::Cut { quiet, .. } = &mut part.state {
            *quiet = Some((now, count));
        }
    }
    Ok(stored)
}

/// Receipts of a part that have come in.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn of_part(
    state: &dyn SyncState,
    run: &str,
    label: &str,
    batches: Batches,
) -> Result<Counted, Failure> {
    let mut counted = Counted::default();
    for (kind, end, count) in [
        (Receipts::Rows, batches.rows, &mut counted.rows),
        (Receipts::Roles, batches.rows, &mut counted.roles),
        (Receipts::Reads, batches.reads, &mut counted.reads),
    ] {
        if end > 0 {
            let receipts = state.receipts(&kind.group(run, label), end).await?;
            *count = u32::try_from(receipts.len()).unwrap_or(u32::MAX);
        }
    }
    Ok(counted)
}

/// Has a part cut once more; batches with a receipt are left out then.
pub(super) fn cut_again(part: &mut Part) {
    let PartState::Cut { export, batches, .. } = &part.state else { return };
    part.state = match export {
        Some((job, file)) => PartState::Ready { job: job.clone(), file: file.clone(), before: Some(*batches) },
        None => PartState::Waiting,
    };
}
