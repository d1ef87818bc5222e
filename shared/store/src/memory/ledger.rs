//! The ledger of activities in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB; listings
//! may be made to lag behind, as they do there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use super::index::Index;
use super::lock;
use crate::entries::{self, StoredEntry, stored_entries};

/// The ledger of activities in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<ActivityId, (u64, String)>,
    index: Index<(Destination, Shelf), ActivityId>,
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
        Self { kept: Mutex::new(Kept { index: Index::lagging(writes), ..Kept::default() }) }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        lock(&self.kept).index.catch_up();
    }

    /// All entries, in the order of their ids.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<Entry>, Failure> {
        let kept = lock(&self.kept);
        let mut entries: Vec<Entry> = kept.entries.iter().map(read).collect::<Result<_, _>>()?;
        entries.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(entries)
    }
}

fn read((id, (rev, body)): (&ActivityId, &(u64, String))) -> Result<Entry, Failure> {
    entries::entry(id, *rev, body)
        .ok_or_else(|| Failure::new(FailureKind::CorruptState, format!("activity {id} in memory is damaged")))
}

impl Kept {
    fn put(&mut self, entry: StoredEntry) -> PutOutcome {
        let StoredEntry { id, rev, body, places, seen } = entry;
        if self.entries.get(&id).map(|(rev, _)| *rev) != seen {
            return PutOutcome::Conflict;
        }
        let places = places.into_iter().map(|place| ((place.destination, place.shelf), place.at));
        self.index.moved(id.clone(), places.collect());
        self.entries.insert(id, (rev, body));
        PutOutcome::Stored
    }
}

#[async_trait]
impl ActivityLedger for MemoryLedger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        let wanted: BTreeSet<_> = ids.iter().collect();
        let kept = lock(&self.kept);
        wanted.into_iter().filter_map(|id| kept.entries.get_key_value(id)).map(read).collect()
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let entries = stored_entries(writes)?;
        let mut kept = lock(&self.kept);
        Ok(entries.into_iter().map(|entry| kept.put(entry)).collect())
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
        let found = lock(&self.kept).index.list((destination, shelf), &span, limit);
        Ok(found.into_iter().filter_map(|(at, id)| entries::shelved(at, id)).collect())
    }
}
