//! What the rules need from our own storage: the people table, small versioned documents, receipts, and queues.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;

use crate::Failure;
use crate::people::{MarketoId, PersonRow};

/// A row to write, and the revision of the row it was decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWrite {
    /// The row; its `rev` is set by the store.
    pub row: PersonRow,
    /// Revision of the stored row that was seen; `None` = there was no row.
    pub seen: Option<u64>,
}

/// What became of one [`RowWrite`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// Stored, durably.
    Stored,
    /// The stored row is not the one that was seen; nothing was written. Read it and decide again.
    Conflict,
}

/// The people table.
#[async_trait]
pub trait PeopleTable: Send + Sync {
    /// The stored rows of these ids, in any order, absent ones left out.
    ///
    /// # Errors
    /// `Unavailable` when the table throttles or does not answer; `CorruptState` when an item is not one of ours.
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure>;

    /// Writes each row if the stored one is still the one seen; one outcome per write, same order. Ids must be distinct.
    ///
    /// # Errors
    /// `Unavailable`; some of the rows may then have been written, which a repeat finds as conflicts.
    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure>;

    /// One page of all rows, in any order, starting after `from` (the second value of the page before).
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure>;

    /// All rows with this email address, upper and lower case alike.
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure>;

    /// All rows with this contact or lead id of 18 characters.
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure>;
}

/// A stored document and its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The document.
    pub value: Value,
    /// Goes up by one with each save; the first is 1.
    pub version: u64,
}

/// Small versioned documents, and sets of receipts.
#[async_trait]
pub trait SyncState: Send + Sync {
    /// The document, read consistently.
    ///
    /// # Errors
    /// `Unavailable`, `CorruptState`.
    async fn load(&self, key: &str) -> Result<Option<Document>, Failure>;

    /// Saves the document if its version is still `seen` (`None` = there is none); gives the new version.
    ///
    /// # Errors
    /// `Conflict` when somebody saved in between; `Unavailable`, after which the save may or may not have happened.
    async fn save(&self, key: &str, value: &Value, seen: Option<u64>) -> Result<u64, Failure>;

    /// Adds receipts to a group. Adding one twice is adding it once.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn add_receipt(&self, group: &str, receipt: u32) -> Result<(), Failure>;

    /// The receipts of a group below `end`.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn receipts(&self, group: &str, end: u32) -> Result<BTreeSet<u32>, Failure>;
}

/// Sends messages; delivery is at least once and in any order.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues all bodies, each at most [`MAX_MESSAGE_BYTES`].
    ///
    /// # Errors
    /// `Unavailable`; some may have been sent, so that sending all again sends them twice.
    async fn send(&self, bodies: Vec<String>) -> Result<(), Failure>;
}

/// Largest message body, bytes: a quarter of SQS's limit of 1 MiB, because endpoints that copy SQS still hold to its former 256 KiB.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
