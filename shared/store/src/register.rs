//! What both registers of opt-outs hold to, said once: sizes, entries as text, and which place they have. Must not know either family, nor
//! what an opt-out means. No text names an address.

use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutWrite, Shelf, ShelvedAddress};
use domain::{Failure, FailureKind, Timestamp};

use crate::places::{self, Span, milliseconds};
use crate::rules::MAX_DOCUMENT_BYTES;

/// An entry as it is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredOptOut {
    pub address: Address,
    pub rev: u64,
    pub body: String,
    /// Where it lies, and the instant in milliseconds since 1970.
    pub place: Option<(Shelf, i64)>,
    /// The revision that it replaces; `None` = there must be none.
    pub seen: Option<u64>,
}

/// The writes as they are to be stored, once all of them can be: none is written where one is refused.
pub(crate) fn stored(writes: Vec<OptOutWrite>) -> Result<Vec<StoredOptOut>, Failure> {
    let mut addresses: Vec<&Address> = writes.iter().map(|write| &write.entry.address).collect();
    addresses.sort_unstable();
    if addresses.windows(2).any(|two| two[0] == two[1]) {
        let text = "an address is written twice in one put: write each address once";
        return Err(Failure::new(FailureKind::BadRequest, text));
    }
    writes.into_iter().map(stored_one).collect()
}

fn stored_one(write: OptOutWrite) -> Result<StoredOptOut, Failure> {
    let OptOutWrite { entry, seen } = write;
    let refused = |why: String| Failure::new(FailureKind::BadRequest, format!("an entry of the register {why}"));
    let body = serde_json::to_string(&entry).map_err(|_| refused("cannot be written as JSON".to_owned()))?;
    if body.len() > MAX_DOCUMENT_BYTES {
        let why = format!("has {} bytes, more than the {MAX_DOCUMENT_BYTES} that are stored", body.len());
        return Err(refused(why));
    }
    let place = entry.shelved().map(|(shelf, at)| (shelf, milliseconds(at)));
    let rev = seen.map_or(1, |seen| seen.saturating_add(1));
    Ok(StoredOptOut { address: entry.address, rev, body, place, seen })
}

/// A stored entry, read back; `None` where the text is none, or is another one's.
pub(crate) fn entry(key: &str, rev: u64, body: &str) -> Option<OptOut> {
    let entry: OptOut = serde_json::from_str(body).ok()?;
    (entry.address.as_str() == key).then_some(OptOut { rev, ..entry })
}

/// The span of a listing; `None` where it begins behind its end.
pub(crate) fn span(until: Timestamp, from: Option<&ShelvedAddress>) -> Option<Span<'_, Address>> {
    places::span(until, from.map(|from| (from.at, &from.address)))
}

/// What a listing gives of an entry; `None` where there is no such instant.
pub(crate) fn shelved(at: i64, address: Address) -> Option<ShelvedAddress> {
    Some(ShelvedAddress { at: Timestamp::from_millisecond(at).ok()?, address })
}
