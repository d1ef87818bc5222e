//! The ledger of activities in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use super::lock;
use crate::rules::{check_distinct_entries, entry_text, entry_value, stored_entry, to_milliseconds};

/// The ledger of activities in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<ActivityId, (u64, String)>,
    shelves: BTreeMap<(Destination, Shelf), BTreeSet<Shelved>>,
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All entries, in the order of their ids.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<Entry>, Failure> {
        let kept = lock(&self.kept);
        let mut entries: Vec<Entry> = kept.entries.values().map(read).collect::<Result<_, _>>()?;
        entries.sort_by(|a, b| a.id().cmp(b.id()));
        Ok(entries)
    }
}

fn read((rev, text): &(u64, String)) -> Result<Entry, Failure> {
    let entry =
        entry_value(text).ok_or_else(|| Failure::new(FailureKind::CorruptState, "an entry in memory is damaged"))?;
    Ok(Entry { rev: *rev, ..entry })
}

fn places(entry: &Entry) -> Vec<((Destination, Shelf), Shelved)> {
    let place = |destination: Destination| {
        let (shelf, place) = entry.shelved(destination)?;
        Some(((destination, shelf), Shelved { at: to_milliseconds(place.at), ..place }))
    };
    Destination::ALL.into_iter().filter_map(place).collect()
}

impl Kept {
    fn put(&mut self, write: EntryWrite) -> Result<PutOutcome, Failure> {
        let stored = self.entries.get(write.entry.id());
        if stored.map(|(rev, _)| *rev) != write.seen {
            return Ok(PutOutcome::Conflict);
        }
        let before = stored.map(read).transpose()?;
        let entry = stored_entry(write);
        let text = entry_text(&entry)?;
        for (shelf, place) in before.iter().flat_map(places) {
            if let Some(places) = self.shelves.get_mut(&shelf) {
                places.remove(&place);
            }
        }
        for (shelf, place) in places(&entry) {
            self.shelves.entry(shelf).or_default().insert(place);
        }
        self.entries.insert(entry.id().clone(), (entry.rev, text));
        Ok(PutOutcome::Stored)
    }
}

#[async_trait]
impl ActivityLedger for MemoryLedger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        let wanted: BTreeSet<_> = ids.iter().collect();
        let kept = lock(&self.kept);
        wanted.into_iter().filter_map(|id| kept.entries.get(id)).map(read).collect()
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        check_distinct_entries(&writes)?;
        let mut kept = lock(&self.kept);
        writes.into_iter().map(|write| kept.put(write)).collect()
    }

    async fn shelf(
        &self,
        destination: Destination,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Shelved>,
        limit: usize,
    ) -> Result<Vec<Shelved>, Failure> {
        let kept = lock(&self.kept);
        let places = kept.shelves.get(&(destination, shelf)).into_iter().flatten();
        let due = places.filter(|place| from.is_none_or(|from| *place > from)).take_while(|place| place.at <= until);
        Ok(due.take(limit).cloned().collect())
    }
}
