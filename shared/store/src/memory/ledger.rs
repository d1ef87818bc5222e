//! The ledger of activities in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB; listings
//! may be made to lag behind, as they do there.

use std::sync::Mutex;

use async_trait::async_trait;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use super::kept::{self, Kept};
use super::lock;
use crate::entries::{self, StoredEntry, stored_entries};

/// The ledger of activities in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    kept: Mutex<Kept<(Destination, Shelf), ActivityId>>,
}

impl MemoryLedger {
    /// An empty ledger, whose listings show every write at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty ledger, whose listings are so many stored writes behind, as the indexes of DynamoDB may be. Each listing lets the next see
    /// one write more, so that whoever keeps looking sees everything.
    #[must_use]
    pub fn lagging(writes: usize) -> Self {
        Self { kept: Mutex::new(Kept::lagging(writes)) }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        lock(&self.kept).catch_up();
    }

    /// All entries, in the order of their ids.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<Entry>, Failure> {
        lock(&self.kept).behind(None).map(read).collect()
    }
}

fn read((id, (rev, body)): kept::Entry<'_, ActivityId>) -> Result<Entry, Failure> {
    entries::entry(id, *rev, body)
        .ok_or_else(|| Failure::new(FailureKind::CorruptState, format!("activity {id} in memory is damaged")))
}

#[async_trait]
impl ActivityLedger for MemoryLedger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        lock(&self.kept).get(ids).map(read).collect()
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let entries = stored_entries(writes)?;
        let mut kept = lock(&self.kept);
        let put = |entry: StoredEntry| {
            let places = entry.places.into_iter().map(|place| ((place.destination, place.shelf), place.at)).collect();
            kept.put(entry.id, entry.seen, (entry.rev, entry.body), places)
        };
        Ok(entries.into_iter().map(put).collect())
    }

    async fn shelf(
        &self,
        destination: Destination,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Shelved>,
        limit: usize,
    ) -> Result<Vec<Shelved>, Failure> {
        let Some(span) = entries::span(until, from)? else { return Ok(Vec::new()) };
        let found = lock(&self.kept).list((destination, shelf), &span, limit);
        Ok(found.into_iter().filter_map(|(at, id)| entries::shelved(at, id)).collect())
    }
}
