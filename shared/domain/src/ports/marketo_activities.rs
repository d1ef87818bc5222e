//! What the rules need from Marketo to log sales activities: custom activity types, adding records of them, and reading those back.
//!
//! Adding has no key by which a repeat would be known: whoever calls [`MarketoActivities::add_activities`] again after an answer that
//! never came has to look with [`MarketoActivities::find_activities`] first.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Failure;
use crate::people::MarketoId;

/// Most records that one call adds (<https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/activities>).
pub const MAX_ACTIVITIES_PER_CALL: usize = 300;
/// Most people, and most types, of one call that reads activities back.
pub const MAX_PEOPLE_PER_SEARCH: usize = 30;
/// As [`MAX_PEOPLE_PER_SEARCH`], for types.
pub const MAX_TYPES_PER_SEARCH: usize = 10;
/// Most bytes of a call that adds records: under Marketo's megabyte, with room for what the adapter puts around them.
pub const MAX_ADDED_BYTES: usize = 900_000;

/// A custom activity type as it stands in the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityType {
    /// Its number, by which records name it.
    pub id: i64,
    /// Its API name.
    pub api_name: String,
    /// Its name in Marketo's pages.
    pub name: String,
    /// Whether records of it are taken.
    pub approved: bool,
    /// Whether there is a draft that differs from what is approved, or that was never approved.
    pub has_draft: bool,
}

/// An attribute of a custom activity type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeSpec {
    /// API name: letters, digits and underscores.
    pub api_name: &'static str,
    /// Name in Marketo's pages.
    pub name: &'static str,
    /// Marketo's data type, such as `string`, `integer`, `link`, `email`.
    pub data_type: &'static str,
}

/// A custom activity type to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivityTypeSpec {
    /// API name.
    pub api_name: &'static str,
    /// Name, name of the trigger, name of the filter.
    pub name: &'static str,
    /// Name of the trigger in smart campaigns.
    pub trigger: &'static str,
    /// Name of the filter in smart campaigns and lists.
    pub filter: &'static str,
    /// The attribute that stands for a record in lists.
    pub primary: AttributeSpec,
    /// The other attributes.
    pub attributes: &'static [AttributeSpec],
}

/// One record to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    /// Whose activity.
    pub person: MarketoId,
    /// When it happened.
    pub at: Timestamp,
    /// The type's number.
    pub type_id: i64,
    /// Value of the primary attribute; not empty.
    pub primary: String,
    /// Other attributes: API name and value.
    pub attributes: Vec<(&'static str, String)>,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It is in Marketo.
    Added {
        /// Its `marketoGUID`.
        guid: String,
    },
    /// Marketo skipped it; nothing was written.
    Refused {
        /// Marketo's code, such as `1004` for a person who is not there; empty where it gives none.
        code: String,
        /// Marketo's words, cut at 200 characters; they may quote values, so they are for the admin and not for logs.
        message: String,
    },
}

/// What is known of a call that is not safe to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent<T> {
    /// It was answered.
    Answered(T),
    /// It was certainly not carried out.
    NotCarriedOut(Failure),
    /// Nobody knows: the request may have been carried out, wholly or in part, and may even be carried out yet.
    Unknown(Failure),
}

/// What to look for among the activities of some people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivitySearch {
    /// Whose, at most [`MAX_PEOPLE_PER_SEARCH`].
    pub people: Vec<MarketoId>,
    /// Of which types, at most [`MAX_TYPES_PER_SEARCH`].
    pub types: Vec<i64>,
    /// From when on, by the time that the records carry. Some from up to a minute before may come along.
    pub since: Timestamp,
    /// API name of the attribute whose value is wanted; not the primary one, which answers do not name.
    pub attribute: &'static str,
    /// Its name in Marketo's pages, by which some answers call it.
    pub attribute_name: &'static str,
}

/// An activity found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundActivity {
    /// `marketoGUID`.
    pub guid: String,
    /// Whose.
    pub person: MarketoId,
    /// Type.
    pub type_id: i64,
    /// Value of the attribute asked for; `None` where the activity has none.
    pub value: Option<String>,
}

/// Custom activities in Marketo. Every method makes at least one call against the subscription's limits.
#[async_trait]
pub trait MarketoActivities: Send + Sync {
    /// All custom activity types, without their attributes.
    ///
    /// # Errors
    /// `AccessDenied` when the API user may not read them.
    async fn activity_types(&self) -> Result<Vec<ActivityType>, Failure>;

    /// API names of the attributes of a type, the primary one first; of its draft where it has one.
    ///
    /// # Errors
    /// `NotFound` when there is no such type.
    async fn activity_attributes(&self, api_name: &str) -> Result<Vec<String>, Failure>;

    /// Makes a type, as a draft, with its primary attribute only.
    ///
    /// # Errors
    /// `AccessDenied` without the permission "Read-Write Activity Metadata"; `BadRequest` when a name is taken or no slot is free.
    async fn create_activity_type(&self, spec: &ActivityTypeSpec) -> Result<(), Failure>;

    /// Adds attributes to a type's draft.
    ///
    /// # Errors
    /// As for [`Self::create_activity_type`].
    async fn add_activity_attributes(&self, api_name: &str, attributes: &[AttributeSpec]) -> Result<(), Failure>;

    /// Approves a type's draft: from then on records are taken.
    ///
    /// # Errors
    /// As for [`Self::create_activity_type`].
    async fn approve_activity_type(&self, api_name: &str) -> Result<(), Failure>;

    /// Adds at most [`MAX_ACTIVITIES_PER_CALL`] records in one call; one outcome per record, same order. What certainly was not carried
    /// out is tried again within the call (a new token, a busy limit); nothing is sent when `not_after`, on this machine's clock, is over.
    /// A request sent at the last moment may take ten seconds to connect, and Marketo 90 to carry it out.
    async fn add_activities(&self, records: &[NewActivity], not_after: Timestamp) -> Sent<Vec<Added>>;

    /// Activities of some people, all pages. Of somebody merged away they may come under the id that they had.
    ///
    /// # Errors
    /// `Unavailable` also when the log since then is longer than a search should read; `BadRequest` for too many people or types.
    async fn find_activities(&self, search: &ActivitySearch) -> Result<Vec<FoundActivity>, Failure>;
}
