//! Stored things that others may alter at the same time: read some or all of them, list what is due or given up, and alter: write on condition
//! that each is still the one read, and go round again for those that somebody else wrote meanwhile. Knows no thing, and decides nothing about
//! what is altered.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::ports::{PutOutcome, Shelf};
use crate::{Failure, FailureKind};

/// Rounds against other writers of the same things.
const MAX_ROUNDS: usize = 20;
/// Things altered at a time.
const AT_ONCE: usize = 500;
/// Pages of a shelf that are read at most: a listing in which entries move while it is read has to end.
const MAX_PAGES: usize = 4_000;

/// Where things are kept by key and revision.
#[async_trait]
pub(crate) trait Kept: Send + Sync {
    /// What a thing is named by.
    type Key: Ord + Clone + Send + Sync;
    /// A thing.
    type Thing: Send;
    /// The place of a thing on a shelf.
    type Place: Send + Sync;

    /// The key of a thing.
    fn key(thing: &Self::Thing) -> Self::Key;

    /// The revision of a thing that was read.
    fn rev(thing: &Self::Thing) -> u64;

    /// Since when a thing stands at its place.
    fn since(place: &Self::Place) -> Timestamp;

    /// Reads things; absent ones are left out.
    async fn read(&self, keys: &[Self::Key]) -> Result<Vec<Self::Thing>, Failure>;

    /// Writes each thing where the stored one has the revision that was seen.
    async fn write(&self, things: Vec<(Self::Thing, Option<u64>)>) -> Result<Vec<PutOutcome>, Failure>;

    /// The places of a shelf whose time is not after `until`, by that time, at most `limit`, beginning after `from`.
    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Self::Place>,
        limit: usize,
    ) -> Result<Vec<Self::Place>, Failure>;

    /// One page of all things, beginning after `from`, and where the next begins.
    async fn scan(&self, from: Option<&Self::Key>) -> Result<(Vec<Self::Thing>, Option<Self::Key>), Failure>;
}

/// Every place of a shelf.
pub(crate) async fn places<K: Kept>(kept: &K, shelf: Shelf) -> Result<Vec<K::Place>, Failure> {
    let mut all = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = kept.shelf(shelf, Timestamp::MAX, all.last(), AT_ONCE).await?;
        let last = page.len() < AT_ONCE;
        all.extend(page);
        if last {
            break;
        }
    }
    Ok(all)
}

/// For how long the thing that is due longest has been due; zero where nothing is.
pub(crate) async fn lag<K: Kept>(kept: &K, now: Timestamp) -> Result<SignedDuration, Failure> {
    let due = kept.shelf(Shelf::Due, now, None, 1).await?;
    Ok(due
        .first()
        .map_or(SignedDuration::ZERO, |oldest| now.duration_since(K::since(oldest)).max(SignedDuration::ZERO)))
}

/// Every thing, page by page.
pub(crate) async fn for_each<K: Kept>(
    kept: &K,
    mut each: impl FnMut(K::Thing) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let (things, next) = kept.scan(from.as_ref()).await?;
        for thing in things {
            each(thing)?;
        }
        from = next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// The things with these keys; one of which nothing is kept is absent.
pub(crate) async fn read<K: Kept>(
    kept: &K,
    keys: impl IntoIterator<Item = K::Key>,
) -> Result<BTreeMap<K::Key, K::Thing>, Failure> {
    let keys: Vec<K::Key> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeMap::new();
    for some in keys.chunks(AT_ONCE) {
        found.extend(kept.read(some).await?.into_iter().map(|thing| (K::key(&thing), thing)));
    }
    Ok(found)
}

/// Alters things: `change` gets each as it is kept, where it is, and gives what is to be written, if anything; it may be asked again for one that
/// somebody else wrote meanwhile. Gives how many were written.
///
/// # Errors
/// Those of the store; `Conflict` when others do not stop writing.
pub(crate) async fn alter<K: Kept>(
    kept: &K,
    keys: Vec<K::Key>,
    mut change: impl FnMut(&K::Key, Option<K::Thing>) -> Option<K::Thing> + Send,
) -> Result<u64, Failure> {
    let mut written = 0;
    for some in keys.chunks(AT_ONCE) {
        let mut left = some.to_vec();
        for _ in 0..MAX_ROUNDS {
            if left.is_empty() {
                break;
            }
            let mut stored = read(kept, left.iter().cloned()).await?;
            let (mut writes, mut asked) = (Vec::new(), Vec::new());
            for key in left {
                let found = stored.remove(&key);
                let seen = found.as_ref().map(K::rev);
                if let Some(thing) = change(&key, found) {
                    writes.push((thing, seen));
                    asked.push(key);
                }
            }
            let count = writes.len();
            let outcomes = if writes.is_empty() { Vec::new() } else { kept.write(writes).await? };
            left =
                asked.into_iter().zip(outcomes).filter(|(_, o)| *o == PutOutcome::Conflict).map(|(k, _)| k).collect();
            written += (count - left.len()) as u64;
        }
        if !left.is_empty() {
            let text = "stored entries are being changed by others all the time; nothing is lost, try again";
            return Err(Failure::new(FailureKind::Conflict, text));
        }
    }
    Ok(written)
}
