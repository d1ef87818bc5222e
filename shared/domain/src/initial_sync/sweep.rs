//! Finds stored people who no longer exist in Marketo, by asking for all stored ids, 300 a call. Needed after an outage longer than
//! Marketo keeps its deletions, when the log cannot tell any more.

use std::collections::HashSet;

use jiff::Timestamp;

use super::run::Run;
use crate::Failure;
use crate::people::{MarketoId, Observation, Observed, Seen, Status, apply};
use crate::ports::{MAX_IDS_PER_CALL, PeoplePorts};

/// Sweeps on from where the run stands; gives whether the end was reached before the deadline. The place is kept in the run.
///
/// # Errors
/// Those of Marketo and the table.
pub async fn sweep(ports: &PeoplePorts, run: &mut Run, deadline: Option<Timestamp>) -> Result<bool, Failure> {
    let names = vec!["id".to_owned()];
    loop {
        let (rows, next) = ports.people.scan(run.swept_to).await?;
        let alive: Vec<MarketoId> = rows
            .iter()
            .filter(|r| !r.shadow && matches!(r.status, Status::Active | Status::Unqualified))
            .map(|r| r.id)
            .collect();
        for ids in alive.chunks(MAX_IDS_PER_CALL) {
            let found: HashSet<MarketoId> =
                ports.marketo.people_by_ids(ids, &names).await?.into_iter().map(|r| r.id).collect();
            let as_of = ports.marketo.now();
            let gone = ids.iter().filter(|id| !found.contains(id)).map(|id| Seen {
                person: Observed {
                    id: *id,
                    as_of,
                    changed_at: None,
                    older_data_may_follow: true,
                    what: Observation::Deleted,
                },
                opportunity: None,
            });
            apply(&*ports.people, gone.collect(), false).await?;
        }
        run.swept_to = next;
        if next.is_none() {
            return Ok(true);
        }
        if deadline.is_some_and(|at| ports.clock.now() >= at) {
            return Ok(false);
        }
    }
}
