//! Takes messages of sales activities into the ledger. Once an entry is stored, its message is done with.

use std::collections::BTreeSet;

use super::entry::Entry;
use super::message::{Activity, ActivityId, Unusable};
use crate::Failure;
use crate::ports::{ActivityLedger, Clock, EntryWrite, PutOutcome};

/// What came of some messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// Ids of the distinct activities, in the order of their messages; those that were known already included.
    pub ids: Vec<ActivityId>,
    /// How many of them were not known before.
    pub new: u64,
    /// Places of messages that cannot be used, and why.
    pub unusable: Vec<(usize, Unusable)>,
}

/// Takes messages. Of two with one id the first is kept; what an id stood for once, it stands for always.
///
/// # Errors
/// Those of the ledger; taking the same messages again does no harm.
pub async fn accept(ledger: &dyn ActivityLedger, clock: &dyn Clock, bodies: &[&str]) -> Result<Accepted, Failure> {
    let now = clock.now();
    let mut accepted = Accepted::default();
    let mut seen = BTreeSet::new();
    let mut writes = Vec::new();
    for (place, body) in bodies.iter().enumerate() {
        match Activity::parse(body) {
            Ok(activity) => {
                if seen.insert(activity.id.clone()) {
                    accepted.ids.push(activity.id.clone());
                    writes.push(EntryWrite { entry: Entry::accepted(activity, now), seen: None });
                }
            }
            Err(unusable) => accepted.unusable.push((place, unusable)),
        }
    }
    if !writes.is_empty() {
        let outcomes = ledger.put(writes).await?;
        accepted.new = outcomes.iter().filter(|outcome| **outcome == PutOutcome::Stored).count() as u64;
    }
    Ok(accepted)
}
