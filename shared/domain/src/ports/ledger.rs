//! What the rules need from the ledger of sales activities: one entry per activity, conditional writes, and what is due.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PutOutcome;
use crate::Failure;
use crate::activities::{ActivityId, Destination, Entry};

/// An entry to write, and the revision of the stored one it was decided upon.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryWrite {
    /// The entry; its `rev` is set by the store.
    pub entry: Entry,
    /// Revision of the stored entry that was seen; `None` = there was none.
    pub seen: Option<u64>,
}

/// Which entries a listing holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shelf {
    /// Still to be written, whether due now or later.
    Due,
    /// Given up until somebody asks for another try.
    Rejected,
}

/// The ledger of sales activities.
#[async_trait]
pub trait ActivityLedger: Send + Sync {
    /// The entries with these ids, read consistently, in any order, absent ones left out.
    ///
    /// # Errors
    /// `Unavailable`; `CorruptState` when an item is not one of ours.
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure>;

    /// Writes each entry if the stored one is still the one seen; one outcome per write, same order. Ids must be distinct.
    ///
    /// # Errors
    /// `Unavailable`; some may then have been written, which a repeat finds as conflicts.
    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure>;

    /// Ids on a shelf of a destination whose time (see [`Entry::shelved`]) is not after `until`, by that time, at most `limit`, beginning
    /// after `from`. Follows the entries by a moment: what it names may have moved on, and what was just written may be missing.
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn shelf(
        &self,
        destination: Destination,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Shelved>,
        limit: usize,
    ) -> Result<Vec<Shelved>, Failure>;
}

/// An entry's place on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shelved {
    /// When it is due, or was given up.
    pub at: Timestamp,
    /// Which.
    pub id: ActivityId,
}
