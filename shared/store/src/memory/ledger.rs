//! The ledger of activities in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB; listings
//! may be made to lag behind, as they do there.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use super::lock;
use crate::entries::{self, Place, StoredEntry, stored_entries};

/// The ledger of activities in memory.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<ActivityId, (u64, String)>,
    index: Index,
}

/// Where entries stand, as listings show it.
#[derive(Debug, Default)]
struct Index {
    places: HashMap<ActivityId, Vec<Place>>,
    shelves: BTreeMap<(Destination, Shelf), BTreeSet<(i64, ActivityId)>>,
    /// Writes that listings do not show yet, in their order.
    unseen: VecDeque<(ActivityId, Vec<Place>)>,
    /// How many those may be.
    lag: usize,
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
        let index = Index { lag: writes, ..Index::default() };
        Self { kept: Mutex::new(Kept { index, ..Kept::default() }) }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        lock(&self.kept).index.show_all_but(0);
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
        self.index.unseen.push_back((id.clone(), places));
        self.index.show_all_but(self.index.lag);
        self.entries.insert(id, (rev, body));
        PutOutcome::Stored
    }
}

impl Index {
    /// Shows the oldest writes, until no more than `lag` are left.
    fn show_all_but(&mut self, lag: usize) {
        while self.unseen.len() > lag
            && let Some((id, places)) = self.unseen.pop_front()
        {
            for place in self.places.remove(&id).unwrap_or_default() {
                if let Some(shelf) = self.shelves.get_mut(&(place.destination, place.shelf)) {
                    shelf.remove(&(place.at, id.clone()));
                }
            }
            for place in &places {
                self.shelves.entry((place.destination, place.shelf)).or_default().insert((place.at, id.clone()));
            }
            self.places.insert(id, places);
        }
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
        let start = span.from.map_or(Bound::Unbounded, |(at, id)| Bound::Excluded((at, id.clone())));
        let mut kept = lock(&self.kept);
        let places = kept.index.shelves.get(&(destination, shelf));
        let found = places
            .into_iter()
            .flat_map(|places| places.range((start.clone(), Bound::Unbounded)))
            .take_while(|(at, _)| *at <= span.until)
            .take(limit)
            .filter_map(|(at, id)| entries::shelved(*at, id.clone()))
            .collect();
        let unseen = kept.index.unseen.len();
        kept.index.show_all_but(unseen.saturating_sub(1));
        Ok(found)
    }
}
