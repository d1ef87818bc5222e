//! What the rules need from Marketo: people, the streams of changes, and bulk exports.
//!
//! Wire shapes stay in the adapter. Every method makes at least one call against the subscription's limits.

use std::io::Read;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Values;
use crate::Failure;
use crate::people::MarketoId;

/// Most ids that one read of people or of opportunity roles may name.
pub const MAX_IDS_PER_CALL: usize = 300;

/// All of Marketo that the people flow uses.
pub trait Marketo: MarketoPeople + MarketoChanges + MarketoExports {}
impl<T: MarketoPeople + MarketoChanges + MarketoExports> Marketo for T {}

/// One person as Marketo gave it: the values of the fields asked for, in the order asked. Absent, `null` and empty are all `None`;
/// numbers and booleans are given as their JSON text. Text is as Marketo has it, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Marketo id.
    pub id: MarketoId,
    /// One value per field asked for, same order.
    pub values: Values,
}

/// One row of an export file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportRow {
    /// The person.
    pub record: Record,
    /// The file's bytes cannot be trusted to give the text exactly (they held NUL bytes): read this person again over REST.
    pub doubtful: bool,
}

/// A role that links a person to an opportunity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpportunityRole {
    /// The person.
    pub person: MarketoId,
    /// The Salesforce opportunity id, 15 or 18 characters.
    pub opportunity: String,
    /// Whether this is the person's primary role.
    pub primary: bool,
    /// When the role was made, where Marketo says.
    pub created: Option<Timestamp>,
}

/// Reading people.
#[async_trait]
pub trait MarketoPeople: Send + Sync {
    /// Now on Marketo's clock, as far as its answers showed it. Observations are ordered by this clock, so that a wrong clock on one
    /// machine orders nothing wrongly.
    fn now(&self) -> Timestamp;

    /// Makes sure that [`Self::now`] is Marketo's time, by getting in where that has not happened yet. Counts against no limit.
    ///
    /// # Errors
    /// `BadCredentials`, `Unreachable`, `Unavailable`.
    async fn connect(&self) -> Result<(), Failure>;

    /// REST names of all lead fields that can be asked for (describe).
    ///
    /// # Errors
    /// Any [`Failure`]; `BadCredentials` and `AccessDenied` when the service may not read.
    async fn lead_fields(&self) -> Result<Vec<String>, Failure>;

    /// The people with these ids (at most [`MAX_IDS_PER_CALL`]); ids that do not exist, or cannot be seen, are absent from the answer.
    ///
    /// # Errors
    /// `UnknownField` when a field is not known.
    async fn people_by_ids(&self, ids: &[MarketoId], fields: &[String]) -> Result<Vec<Record>, Failure>;

    /// Ids of all people with this email address; duplicates are legal in Marketo.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn ids_by_email(&self, email: &str) -> Result<Vec<MarketoId>, Failure>;

    /// All opportunity roles of these people (at most [`MAX_IDS_PER_CALL`]), every page.
    ///
    /// # Errors
    /// `AccessDenied` or `Unsupported` where the subscription refuses this API, as CRM-connected ones may.
    async fn opportunity_roles(&self, ids: &[MarketoId]) -> Result<Vec<OpportunityRole>, Failure>;

    /// When the subscription's oldest folder was created: no person is older.
    ///
    /// # Errors
    /// `NotFound` when the subscription shows no folder.
    async fn oldest_folder(&self) -> Result<Timestamp, Failure>;
}

/// An opaque position in Marketo's activity log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PagingToken(pub String);

/// One page of a stream of activities. A page may be empty and still not be the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityPage {
    /// What happened.
    pub activities: Vec<Activity>,
    /// Whether the answer held a list at all. Marketo leaves the list out of empty pages, but has also been seen to lose it.
    pub listed: bool,
    /// Where to go on, also when `more` is false.
    pub next: PagingToken,
    /// Whether there is more to read now.
    pub more: bool,
}

/// One activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// `marketoGUID`, the only unique key of an activity; empty where Marketo left it out.
    pub guid: String,
    /// Whose activity; for a merge, the survivor.
    pub person: MarketoId,
    /// When it happened, to the second. The order of the log is not the order of this time.
    pub at: Timestamp,
    /// What it was.
    pub kind: ActivityKind,
}

/// Kinds of activity that matter to the people flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActivityKind {
    /// New Lead (12).
    NewPerson,
    /// Change Data Value (13).
    FieldChange,
    /// Change Owner (23).
    OwnerChange,
    /// Merge Leads (32); the losers.
    Merge(Vec<MarketoId>),
    /// Add to, remove from, update opportunity (34, 35, 36).
    OpportunityChange,
    /// Delete Lead (37).
    Deletion,
    /// Change Lead Partition (100).
    PartitionChange,
    /// Any other activity type.
    Other(i64),
}

/// Streams of changes.
#[async_trait]
pub trait MarketoChanges: Send + Sync {
    /// The position of `since` (whole seconds) in the log.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn paging_token(&self, since: Timestamp) -> Result<PagingToken, Failure>;

    /// New people and changes of the named fields (types 12 and 13).
    ///
    /// # Errors
    /// `UnknownField`; `BadRequest` when the token is refused (make a new one).
    async fn field_changes(&self, from: &PagingToken, fields: &[String]) -> Result<ActivityPage, Failure>;

    /// Merges and changes of owner, partition and opportunities (types 23, 32, 34, 35, 36, 100).
    ///
    /// # Errors
    /// As for [`Self::field_changes`].
    async fn person_activities(&self, from: &PagingToken) -> Result<ActivityPage, Failure>;

    /// New Lead activities alone (type 12), oldest first.
    ///
    /// # Errors
    /// As for [`Self::field_changes`].
    async fn new_people(&self, from: &PagingToken) -> Result<ActivityPage, Failure>;

    /// Deleted people (type 37). Marketo keeps these for 14 days.
    ///
    /// # Errors
    /// As for [`Self::field_changes`].
    async fn deletions(&self, from: &PagingToken) -> Result<ActivityPage, Failure>;
}

/// Which people an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum ExportFilter {
    /// Created from `start` to `end`, both included, at most 31 days.
    CreatedAt {
        /// First second.
        start: Timestamp,
        /// Last second.
        end: Timestamp,
    },
    /// Members of the smart list with this id.
    SmartListId {
        /// The id.
        id: i64,
    },
    /// Members of the smart list with this name.
    SmartListName {
        /// The name.
        name: String,
    },
}

/// The id of an export job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExportId(pub String);

/// Where an export job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportStatus {
    /// Made, queued or running.
    Pending,
    /// The file can be fetched.
    Completed(ExportFile),
    /// Marketo gave up; the job has to be made again.
    Failed(String),
}

/// What Marketo says about a finished file; the download is checked against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFile {
    /// Rows without the header.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hex, where given.
    pub sha256: Option<String>,
}

/// Rows of an export file, read lazily.
pub type ExportRows = Box<dyn Iterator<Item = Result<ExportRow, Failure>> + Send>;

/// Bulk exports of people.
#[async_trait]
pub trait MarketoExports: Send + Sync {
    /// Makes a job; it does nothing until it is queued.
    ///
    /// # Errors
    /// `Unsupported` when the filter is not available here (1035), `AccessDenied` without bulk rights, `ExportQueueFull`.
    async fn create_export(&self, filter: &ExportFilter, fields: &[String]) -> Result<ExportId, Failure>;

    /// Queues a job; queueing it twice is one success.
    ///
    /// # Errors
    /// `ExportQueueFull`, `DailyExport`, `NotFound`.
    async fn enqueue_export(&self, job: &ExportId) -> Result<(), Failure>;

    /// Where the job is. Marketo refreshes this once a minute.
    ///
    /// # Errors
    /// `NotFound` when the job is unknown (30 days, another API user).
    async fn export_status(&self, job: &ExportId) -> Result<ExportStatus, Failure>;

    /// The bytes of the file from `from` on. The stream may break off; ask again from the offset reached.
    ///
    /// # Errors
    /// `NotFound` when there is no file.
    async fn export_file(
        &self,
        job: &ExportId,
        from: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, Failure>>, Failure>;

    /// Cancels a job that is no longer wanted.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn cancel_export(&self, job: &ExportId) -> Result<(), Failure>;

    /// Reads the rows of a file made with `fields`, which must start with `id`. Makes no call.
    ///
    /// # Errors
    /// Each item can be `BadAnswer`: a row that does not fit the header.
    fn export_rows(&self, file: Box<dyn Read + Send>, fields: &[String]) -> ExportRows;
}
