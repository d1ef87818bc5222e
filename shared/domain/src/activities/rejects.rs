//! What is not logged and why, for an admin, and another try on request. Reads and writes the ledger; calls no vendor.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::entry::{Destination, Entry, Progress};
use super::message::ActivityId;
use crate::Failure;
use crate::ports::{ActivityLedger, Clock, EntryWrite, PutOutcome, Shelf};

/// Entries read at a time.
const PAGE: usize = 300;
/// Pages of one listing: a million entries and more.
const MAX_PAGES: usize = 4_000;

/// Something that is not logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// Which flow.
    pub flow: &'static str,
    /// Which activity.
    pub activity_id: ActivityId,
    /// Where.
    pub target: &'static str,
    /// The vendor's code, or ours.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it was last tried or given up.
    pub at: Timestamp,
    /// When it is tried next; `None` = when somebody asks.
    pub next_try: Option<Timestamp>,
}

/// Name of the flow of sales activities.
pub const FLOW: &str = "activities";

/// All that is not logged and has been refused at least once: what is given up, and what is tried again.
///
/// # Errors
/// Those of the ledger.
pub async fn rejects(ledger: &dyn ActivityLedger) -> Result<Vec<Reject>, Failure> {
    Ok(with_entries(ledger).await?.into_iter().map(|(_, reject)| reject).collect())
}

/// The same, with the entries.
pub(super) async fn with_entries(ledger: &dyn ActivityLedger) -> Result<Vec<(Entry, Reject)>, Failure> {
    let mut found = Vec::new();
    for destination in Destination::ALL {
        for shelf in [Shelf::Rejected, Shelf::Due] {
            for entry in listed(ledger, destination, shelf).await? {
                let reject = reject(&entry, destination);
                found.extend(reject.map(|reject| (entry, reject)));
            }
        }
    }
    Ok(found)
}

/// What stands in the way of one activity at one destination.
#[must_use]
pub fn reject(entry: &Entry, destination: Destination) -> Option<Reject> {
    let progress = entry.at(destination);
    let trouble = progress.trouble()?;
    let (at, next_try) = match progress {
        Progress::Due { at, .. } => (entry.accepted_at, Some(*at)),
        Progress::Rejected { at, .. } => (*at, None),
        Progress::Done { .. } | Progress::Skipped { .. } => return None,
    };
    Some(Reject {
        flow: FLOW,
        activity_id: entry.id().clone(),
        target: destination.as_str(),
        code: trouble.code.clone(),
        message: trouble.message.clone(),
        attempts: progress.attempts(),
        at,
        next_try,
    })
}

/// Makes everything due at once that was refused; gives how many.
///
/// # Errors
/// Those of the ledger; asking again does no harm.
pub async fn retry(ledger: &dyn ActivityLedger, clock: &dyn Clock) -> Result<u64, Failure> {
    let mut refused = BTreeSet::new();
    for destination in Destination::ALL {
        for shelf in [Shelf::Rejected, Shelf::Due] {
            let entries = listed(ledger, destination, shelf).await?;
            refused
                .extend(entries.into_iter().filter(|e| e.at(destination).trouble().is_some()).map(|e| e.id().clone()));
        }
    }
    retry_some(ledger, clock, &refused.into_iter().collect::<Vec<_>>()).await
}

/// The same of some activities only.
///
/// # Errors
/// As for [`retry`].
pub async fn retry_some(ledger: &dyn ActivityLedger, clock: &dyn Clock, ids: &[ActivityId]) -> Result<u64, Failure> {
    let mut count = 0;
    for ids in ids.chunks(PAGE) {
        let now = clock.now();
        let mut writes = Vec::new();
        for entry in ledger.get(ids).await? {
            let mut fresh = entry.clone();
            for destination in Destination::ALL.into_iter().filter(|d| entry.at(*d).trouble().is_some()) {
                let attempts = entry.at(destination).attempts();
                fresh =
                    fresh.moved(destination, Progress::Due { at: entry.activity.at.min(now), attempts, trouble: None });
            }
            if fresh != entry {
                writes.push(EntryWrite { seen: Some(entry.rev), entry: fresh });
            }
        }
        let outcomes = ledger.put(writes).await?;
        count += outcomes.iter().filter(|outcome| **outcome == PutOutcome::Stored).count() as u64;
    }
    Ok(count)
}
/// All entries of a shelf that are still there.
async fn listed(ledger: &dyn ActivityLedger, destination: Destination, shelf: Shelf) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut from = None;
    for _ in 0..MAX_PAGES {
        let page = ledger.shelf(destination, shelf, Timestamp::MAX, from.as_ref(), PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        let ids: Vec<_> = page.into_iter().map(|shelved| shelved.id).collect();
        let found = ledger.get(&ids).await?;
        entries.extend(found.into_iter().filter(|entry| entry.shelved(destination).is_some_and(|(on, _)| on == shelf)));
        from = Some(last);
    }
    Ok(entries)
}
