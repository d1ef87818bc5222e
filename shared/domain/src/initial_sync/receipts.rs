//! Counts the receipts of a run, and finds the batches that were lost on the way.

use jiff::SignedDuration;

use super::run::{Batches, Part, PartState, Receipts, Run};
use crate::ports::{PeoplePorts, SyncState};
use crate::{Failure, budget};

/// Without any receipt for so long, batches must have been lost: longer than the queue takes to give a message up.
const QUIET: SignedDuration = SignedDuration::from_mins(30);

/// Moves the parts on whose receipts are complete.
///
/// # Errors
/// `Unavailable`.
pub(super) async fn count(ports: &PeoplePorts, run: &mut Run) -> Result<(), Failure> {
    for index in 0..run.parts.len() {
        let label = run.label(index);
        let PartState::Cut { batches, quiet, .. } = &run.parts[index].state else { continue };
        let (batches, quiet) = (*batches, *quiet);
        let count = of_part(&*ports.state, &run.id, &label, batches).await?;
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
    Ok(())
}

/// Receipts of a part that have come in, of all three kinds.
///
/// # Errors
/// `Unavailable`.
pub(crate) async fn of_part(state: &dyn SyncState, run: &str, label: &str, batches: Batches) -> Result<u32, Failure> {
    let mut count = 0;
    for (kind, end) in
        [(Receipts::Rows, batches.rows), (Receipts::Roles, batches.rows), (Receipts::Reads, batches.reads)]
    {
        if end > 0 {
            let receipts = state.receipts(&kind.group(run, label), end).await?;
            count += u32::try_from(receipts.len()).unwrap_or(u32::MAX);
        }
    }
    Ok(count)
}

/// Has a part cut once more; batches with a receipt are left out then.
pub(super) fn cut_again(part: &mut Part) {
    let PartState::Cut { export, batches, .. } = &part.state else { return };
    part.state = match export {
        Some((job, file)) => PartState::Ready { job: job.clone(), file: file.clone(), before: Some(*batches) },
        None => PartState::Waiting,
    };
}
