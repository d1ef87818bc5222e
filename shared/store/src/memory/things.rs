//! A table of things with a place on a shelf in memory: the register of opt-outs, the table of tasks. Things are kept as text, so that what is read
//! went through JSON as it does on DynamoDB; listings may be made to lag behind, as they do there.

use std::sync::Mutex;

use domain::ports::{PutOutcome, Shelf};
use domain::{Failure, FailureKind, Timestamp};

use super::kept::{Entry, Kept};
use super::lock;
use crate::things::{self, Stored, Thing};

/// Things of one scanned page: few enough that tests see several pages.
const SCAN_PAGE: usize = 500;

/// A table of things.
#[derive(Debug)]
pub(super) struct Things<T: Thing> {
    kept: Mutex<Kept<Shelf, T::Key>>,
}

impl<T: Thing> Default for Things<T> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<T: Thing> Things<T> {
    /// An empty table, whose listings are so many stored writes behind.
    pub fn lagging(writes: usize) -> Self {
        Self { kept: Mutex::new(Kept::lagging(writes)) }
    }

    pub fn catch_up(&self) {
        lock(&self.kept).catch_up();
    }

    pub fn all(&self) -> Result<Vec<T>, Failure> {
        lock(&self.kept).behind(None).map(read).collect()
    }

    pub fn get(&self, keys: &[T::Key]) -> Result<Vec<T>, Failure> {
        lock(&self.kept).get(keys).map(read).collect()
    }

    pub fn put(&self, writes: Vec<T::Write>) -> Result<Vec<PutOutcome>, Failure> {
        let things = things::stored::<T>(writes)?;
        let mut kept = lock(&self.kept);
        let put = |thing: Stored<T::Key>| {
            let places = thing.place.into_iter().collect();
            kept.put(thing.key, thing.seen, (thing.rev, thing.body), places)
        };
        Ok(things.into_iter().map(put).collect())
    }

    pub fn shelf(&self, shelf: Shelf, until: Timestamp, from: Option<&T::Place>, limit: usize) -> Vec<T::Place> {
        let Some(span) = things::span::<T>(until, from) else { return Vec::new() };
        let found = lock(&self.kept).list(shelf, &span, limit);
        found.into_iter().filter_map(|(at, key)| things::shelved::<T>(at, key)).collect()
    }

    pub fn scan(&self, from: Option<&T::Key>) -> Result<(Vec<T>, Option<T::Key>), Failure> {
        let page: Vec<T> = lock(&self.kept).behind(from).take(SCAN_PAGE).map(read).collect::<Result<_, _>>()?;
        let next = page.last().filter(|_| page.len() == SCAN_PAGE).map(|thing| thing.key().clone());
        Ok((page, next))
    }
}

fn read<T: Thing>((key, (rev, body)): Entry<'_, T::Key>) -> Result<T, Failure> {
    let damaged = || Failure::new(FailureKind::CorruptState, format!("{} in memory is damaged", T::WHAT));
    things::thing(T::text(key), *rev, body).ok_or_else(damaged)
}
