//! What all tables of things with a place on a shelf hold to, in both families, said once: sizes, things as text, and which place they have. Must
//! not know either family, nor what a thing means. No text names a key that is personal.

use std::fmt::Debug;
use std::hash::Hash;

use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutWrite, Shelf, ShelvedAddress, ShelvedTask, TaskWrite};
use domain::tasks::{Task, TaskId};
use domain::{Failure, FailureKind, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::places::{self, Span, milliseconds};
use crate::rules::MAX_DOCUMENT_BYTES;

/// A thing that is kept as text under a key, with a revision, and may lie on a shelf.
pub(crate) trait Thing: Serialize + DeserializeOwned + Debug + Send + Sync + 'static {
    type Key: Clone + Ord + Hash + Debug + Send + Sync;
    /// A write of the port.
    type Write: Send;
    /// A place as the port has it.
    type Place: Send + Sync;

    /// What it is called in texts, with its article.
    const WHAT: &'static str;
    /// The attribute that holds the key.
    const KEY: &'static str;

    fn key(&self) -> &Self::Key;
    fn text(key: &Self::Key) -> &str;
    fn parsed(text: &str) -> Option<Self::Key>;
    fn shelved(&self) -> Option<(Shelf, Timestamp)>;
    fn at_rev(self, rev: u64) -> Self;
    fn parts(write: Self::Write) -> (Self, Option<u64>);
    fn place(at: Timestamp, key: Self::Key) -> Self::Place;
    fn of_place(place: &Self::Place) -> (Timestamp, &Self::Key);
}

impl Thing for OptOut {
    type Key = Address;
    type Write = OptOutWrite;
    type Place = ShelvedAddress;

    const WHAT: &'static str = "an opt-out";
    const KEY: &'static str = "email";

    fn key(&self) -> &Address {
        &self.address
    }

    fn text(key: &Address) -> &str {
        key.as_str()
    }

    fn parsed(text: &str) -> Option<Address> {
        Address::of(text)
    }

    fn shelved(&self) -> Option<(Shelf, Timestamp)> {
        self.shelved()
    }

    fn at_rev(self, rev: u64) -> Self {
        Self { rev, ..self }
    }

    fn parts(write: OptOutWrite) -> (Self, Option<u64>) {
        (write.entry, write.seen)
    }

    fn place(at: Timestamp, address: Address) -> ShelvedAddress {
        ShelvedAddress { at, address }
    }

    fn of_place(place: &ShelvedAddress) -> (Timestamp, &Address) {
        (place.at, &place.address)
    }
}

impl Thing for Task {
    type Key = TaskId;
    type Write = TaskWrite;
    type Place = ShelvedTask;

    const WHAT: &'static str = "a reminder task";
    const KEY: &'static str = "id";

    fn key(&self) -> &TaskId {
        &self.id
    }

    fn text(key: &TaskId) -> &str {
        key.as_str()
    }

    fn parsed(text: &str) -> Option<TaskId> {
        TaskId::of(text)
    }

    fn shelved(&self) -> Option<(Shelf, Timestamp)> {
        self.shelved()
    }

    fn at_rev(self, rev: u64) -> Self {
        Self { rev, ..self }
    }

    fn parts(write: TaskWrite) -> (Self, Option<u64>) {
        (write.task, write.seen)
    }

    fn place(at: Timestamp, id: TaskId) -> ShelvedTask {
        ShelvedTask { at, id }
    }

    fn of_place(place: &ShelvedTask) -> (Timestamp, &TaskId) {
        (place.at, &place.id)
    }
}

/// A thing as it is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Stored<K> {
    pub key: K,
    pub rev: u64,
    pub body: String,
    /// Where it lies, and the instant in milliseconds since 1970.
    pub place: Option<(Shelf, i64)>,
    /// The revision that it replaces; `None` = there must be none.
    pub seen: Option<u64>,
}

/// The writes as they are to be stored, once all of them can be: none is written where one is refused.
pub(crate) fn stored<T: Thing>(writes: Vec<T::Write>) -> Result<Vec<Stored<T::Key>>, Failure> {
    let things: Vec<(T, Option<u64>)> = writes.into_iter().map(T::parts).collect();
    let mut keys: Vec<&T::Key> = things.iter().map(|(thing, _)| thing.key()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|two| two[0] == two[1]) {
        let text = format!("{} is written twice in one put: write each once", T::WHAT);
        return Err(Failure::new(FailureKind::BadRequest, text));
    }
    things.iter().map(|(thing, seen)| stored_one(thing, *seen)).collect()
}

fn stored_one<T: Thing>(thing: &T, seen: Option<u64>) -> Result<Stored<T::Key>, Failure> {
    let refused = |why: String| Failure::new(FailureKind::BadRequest, format!("{} {why}", T::WHAT));
    let body = serde_json::to_string(thing).map_err(|_| refused("cannot be written as JSON".to_owned()))?;
    if body.len() > MAX_DOCUMENT_BYTES {
        let why = format!("has {} bytes, more than the {MAX_DOCUMENT_BYTES} that are stored", body.len());
        return Err(refused(why));
    }
    let place = thing.shelved().map(|(shelf, at)| (shelf, milliseconds(at)));
    let rev = seen.map_or(1, |seen| seen.saturating_add(1));
    Ok(Stored { key: thing.key().clone(), rev, body, place, seen })
}

/// A stored thing, read back; `None` where the text is none, or is another one's.
pub(crate) fn thing<T: Thing>(key: &str, rev: u64, body: &str) -> Option<T> {
    let thing: T = serde_json::from_str(body).ok()?;
    (T::text(thing.key()) == key).then(|| thing.at_rev(rev))
}

/// The span of a listing; `None` where it begins behind its end.
pub(crate) fn span<T: Thing>(until: Timestamp, from: Option<&T::Place>) -> Option<Span<'_, T::Key>> {
    places::span(until, from.map(T::of_place))
}

/// What a listing gives of a thing; `None` where there is no such instant.
pub(crate) fn shelved<T: Thing>(at: i64, key: T::Key) -> Option<T::Place> {
    Some(T::place(Timestamp::from_millisecond(at).ok()?, key))
}
