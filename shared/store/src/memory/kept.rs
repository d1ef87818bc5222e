//! Entries in memory as text under a key, each with its revision, and the index over them. Must not know what an entry says.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::ops::Bound;

use domain::ports::PutOutcome;

use super::index::Index;
use crate::places::Span;

/// An entry: its key, its revision, its text.
pub(super) type Entry<'a, K> = (&'a K, &'a (u64, String));

/// Entries and their index, whose shelves are `S`.
#[derive(Debug)]
pub(super) struct Kept<S, K> {
    entries: BTreeMap<K, (u64, String)>,
    index: Index<S, K>,
}

impl<S, K> Default for Kept<S, K> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), index: Index::default() }
    }
}

impl<S: Copy + Ord, K: Clone + Ord + Hash> Kept<S, K> {
    /// Nothing yet; listings are so many writes behind, see [`Index::lagging`].
    pub fn lagging(writes: usize) -> Self {
        Self { index: Index::lagging(writes), ..Self::default() }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&mut self) {
        self.index.catch_up();
    }

    /// Puts an entry in the place of the one of revision `seen`, or where there is none.
    pub fn put(&mut self, key: K, seen: Option<u64>, entry: (u64, String), places: Vec<(S, i64)>) -> PutOutcome {
        if self.entries.get(&key).map(|(rev, _)| *rev) != seen {
            return PutOutcome::Conflict;
        }
        self.index.moved(key.clone(), places);
        self.entries.insert(key, entry);
        PutOutcome::Stored
    }

    /// Those of these keys that there are, each once.
    pub fn get(&self, keys: &[K]) -> impl Iterator<Item = Entry<'_, K>> {
        let wanted: BTreeSet<&K> = keys.iter().collect();
        wanted.into_iter().filter_map(|key| self.entries.get_key_value(key))
    }

    /// Those behind a key, or all, in the order of their keys.
    pub fn behind(&self, key: Option<&K>) -> impl Iterator<Item = Entry<'_, K>> {
        let start = key.map_or(Bound::Unbounded, |key| Bound::Excluded(key.clone()));
        self.entries.range((start, Bound::Unbounded))
    }

    /// What lies within a span of a shelf, as listings show it.
    pub fn list(&mut self, shelf: S, span: &Span<'_, K>, limit: usize) -> Vec<(i64, K)> {
        self.index.list(shelf, span, limit)
    }
}
