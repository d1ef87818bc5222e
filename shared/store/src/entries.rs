//! What both ledgers hold to, said once: which ids and sizes are stored, entries as text, and which places they have. Must not know either
//! family, nor what an activity says.

use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{EntryWrite, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use crate::places::{self, Span, milliseconds};
use crate::rules::{MAX_DOCUMENT_BYTES, MAX_KEY_BYTES, check_distinct};

/// An entry on a shelf of a destination; the instant is in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub destination: Destination,
    pub shelf: Shelf,
    pub at: i64,
}

/// An entry as it is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredEntry {
    pub id: ActivityId,
    pub rev: u64,
    pub body: String,
    pub places: Vec<Place>,
    /// The revision that it replaces; `None` = there must be none.
    pub seen: Option<u64>,
}

/// The writes as they are to be stored, once all of them can be: none is written where one is refused.
pub(crate) fn stored_entries(writes: Vec<EntryWrite>) -> Result<Vec<StoredEntry>, Failure> {
    if !writes.iter().all(|write| is_storable(write.entry.id())) {
        return Err(unstorable());
    }
    check_distinct("activity", writes.iter().map(|write| write.entry.id()))?;
    writes.into_iter().map(stored_entry).collect()
}

fn stored_entry(write: EntryWrite) -> Result<StoredEntry, Failure> {
    let EntryWrite { entry, seen } = write;
    let refused = |why: String| Failure::new(FailureKind::BadRequest, format!("activity {} {why}", entry.id()));
    let body = serde_json::to_string(&entry).map_err(|_| refused("cannot be written as JSON".to_owned()))?;
    if body.len() > MAX_DOCUMENT_BYTES {
        let why =
            format!("has {} bytes with its progress, more than the {MAX_DOCUMENT_BYTES} that are stored", body.len());
        return Err(refused(why));
    }
    let place = |destination: Destination| {
        let (shelf, place) = entry.shelved(destination)?;
        Some(Place { destination, shelf, at: milliseconds(place.at) })
    };
    let places = Destination::ALL.into_iter().filter_map(place).collect();
    let rev = seen.map_or(1, |seen| seen.saturating_add(1));
    Ok(StoredEntry { id: entry.id().clone(), rev, body, places, seen })
}

/// A stored entry, read back; `None` where the text is none, or is another one's.
pub(crate) fn entry(id: &ActivityId, rev: u64, body: &str) -> Option<Entry> {
    let entry: Entry = serde_json::from_str(body).ok()?;
    (entry.id() == id).then_some(Entry { rev, ..entry })
}

/// Whether a key may be this. One that may not is in no ledger; asking for it would spoil the request for all others.
pub(crate) fn is_storable(id: &ActivityId) -> bool {
    (1..=MAX_KEY_BYTES).contains(&id.0.len())
}

/// Says nothing of the id, which may be of any length.
fn unstorable() -> Failure {
    Failure::new(FailureKind::BadRequest, format!("the id of an activity must have 1 to {MAX_KEY_BYTES} bytes"))
}

/// The span of a listing; `None` where it begins behind its end, which DynamoDB refuses to look for.
pub(crate) fn span(until: Timestamp, from: Option<&Shelved>) -> Result<Option<Span<'_, ActivityId>>, Failure> {
    if from.is_some_and(|from| !is_storable(&from.id)) {
        return Err(unstorable());
    }
    Ok(places::span(until, from.map(|from| (from.at, &from.id))))
}

/// What a listing gives of an entry; `None` where there is no such instant.
pub(crate) fn shelved(at: i64, id: ActivityId) -> Option<Shelved> {
    Some(Shelved { at: Timestamp::from_millisecond(at).ok()?, id })
}
