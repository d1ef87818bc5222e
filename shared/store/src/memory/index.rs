//! An index in memory: what lies on which shelf, by time, as listings show it, which may be made to lag behind. Must not know what lies there.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::ops::Bound;

use crate::places::Span;

/// Places by shelf; instants are in milliseconds since 1970.
#[derive(Debug)]
pub(super) struct Index<S, K> {
    places: HashMap<K, Vec<(S, i64)>>,
    shelves: BTreeMap<S, BTreeSet<(i64, K)>>,
    /// Writes that listings do not show yet, in their order.
    unseen: VecDeque<(K, Vec<(S, i64)>)>,
    /// How many those may be.
    lag: usize,
}

impl<S, K> Default for Index<S, K> {
    fn default() -> Self {
        Self { places: HashMap::new(), shelves: BTreeMap::new(), unseen: VecDeque::new(), lag: 0 }
    }
}

impl<S: Copy + Ord, K: Clone + Ord + Hash> Index<S, K> {
    /// An index whose listings are so many writes behind. Each listing lets the next see one write more, so that whoever keeps looking sees
    /// everything.
    pub fn lagging(writes: usize) -> Self {
        Self { lag: writes, ..Self::default() }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&mut self) {
        self.show_all_but(0);
    }

    /// A key has other places than before.
    pub fn moved(&mut self, key: K, places: Vec<(S, i64)>) {
        self.unseen.push_back((key, places));
        self.show_all_but(self.lag);
    }

    /// What lies within a span of a shelf.
    pub fn list(&mut self, shelf: S, span: &Span<'_, K>, limit: usize) -> Vec<(i64, K)> {
        let start = span.from.map_or(Bound::Unbounded, |(at, key)| Bound::Excluded((at, key.clone())));
        let places = self.shelves.get(&shelf);
        let found = places
            .into_iter()
            .flat_map(|places| places.range((start.clone(), Bound::Unbounded)))
            .take_while(|(at, _)| *at <= span.until)
            .take(limit)
            .cloned()
            .collect();
        let unseen = self.unseen.len();
        self.show_all_but(unseen.saturating_sub(1));
        found
    }

    /// Shows the oldest writes, until no more than `lag` are left.
    fn show_all_but(&mut self, lag: usize) {
        while self.unseen.len() > lag
            && let Some((key, places)) = self.unseen.pop_front()
        {
            for (shelf, at) in self.places.remove(&key).unwrap_or_default() {
                if let Some(shelf) = self.shelves.get_mut(&shelf) {
                    shelf.remove(&(at, key.clone()));
                }
            }
            for (shelf, at) in &places {
                self.shelves.entry(*shelf).or_default().insert((*at, key.clone()));
            }
            self.places.insert(key, places);
        }
    }
}
