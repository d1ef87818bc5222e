//! What the rules need from Salesforce to log sales activities: how tasks look there, who is who, and writing tasks by our own key.
//!
//! A task carries the activity's id in [`KEY_FIELD`]; writing one twice leaves one task. Wire shapes stay in the adapter.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::Failure;

/// The field of a task that holds the id of the activity it logs: text, unique, case-sensitive, external id.
pub const KEY_FIELD: &str = "Sales_Activity_Key__c";

/// A field of a task as the integration user may use it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskField {
    /// Most characters of a text; `None` where the field has no such bound.
    pub length: Option<usize>,
    /// Active values of a picklist; empty for other fields.
    pub values: BTreeSet<String>,
}

/// How tasks look in this organisation, as far as the integration user sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskLayout {
    /// Fields that can be both created and updated, by API name. A field that can only be created is of no use: a repeated write updates.
    pub fields: BTreeMap<String, TaskField>,
    /// Status that closes a task: the organisation's default among the closed ones, else the first.
    pub closed_status: Option<String>,
    /// Whether [`KEY_FIELD`] is there, writable, unique and an external id.
    pub has_key: bool,
}

/// Which object a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonObject {
    /// Contact.
    Contact,
    /// Lead.
    Lead,
}

/// A lead or contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalesforcePerson {
    /// Id, 18 characters.
    pub id: String,
    /// Contact or lead.
    pub object: PersonObject,
    /// Address, as it is there.
    pub email: Option<String>,
    /// Owner's id.
    pub owner: Option<String>,
    /// The contact that this lead was converted into.
    pub converted_to: Option<String>,
    /// Whether it is in the recycle bin, or was merged away.
    pub deleted: bool,
    /// The record that it was merged into.
    pub merged_into: Option<String>,
    /// Day of the last activity.
    pub last_activity: Option<Date>,
    /// When it was created.
    pub created: Timestamp,
}

/// A task to write, or a part of one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskRecord {
    /// Values by API name; the key is not among them.
    pub fields: BTreeMap<String, Value>,
}

/// What to do about a record that Salesforce refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowAdvice {
    /// Passing: a lock, load. Try again later.
    Retry,
    /// The person's record is gone, converted, merged or cannot be reached: look it up and write again.
    Rematch,
    /// The organisation's fields or picklists are not as they were: read the layout again, leave these fields out and write again.
    Reshape(Vec<String>),
    /// The task itself is not there any more.
    Gone,
    /// It will not succeed until somebody changes something in Salesforce.
    Reject,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowOutcome {
    /// Written.
    Written {
        /// Its id, 18 characters.
        id: String,
    },
    /// Refused; nothing of it was written.
    Refused {
        /// Salesforce's status code.
        code: String,
        /// What it means and what to do, for a sales admin, with Salesforce's own words where they help. Not for logs.
        message: String,
        /// What to do about it.
        advice: RowAdvice,
    },
}

/// A lead to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLead {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: String,
    /// Company.
    pub company: String,
    /// Address.
    pub email: String,
}

/// Users, leads and contacts. Every method makes at least one call against the organisation's limits, unless it says otherwise.
#[async_trait]
pub trait SalesforceDirectory: Send + Sync {
    /// Ids of the active users with these addresses, by address in lower case. Kept for some minutes; makes no call for who is known.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn users(&self, emails: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Failure>;

    /// The records with these ids, deleted and merged ones included; ids that cannot be seen are absent.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn people_by_id(&self, ids: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure>;

    /// All live leads and contacts with these addresses, upper and lower case alike.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn people_by_email(&self, emails: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure>;
}

/// Tasks that log activities, and the people they are about. Every method makes at least one call against the organisation's limits, unless it
/// says otherwise.
#[async_trait]
pub trait SalesforceTasks: SalesforceDirectory {
    /// How tasks look. Kept for some minutes, so that most uses make no call; `fresh` reads it again.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn task_layout(&self, fresh: bool) -> Result<TaskLayout, Failure>;

    /// Makes or updates tasks by our key, 200 a call; one outcome per task, same order. Keys must be distinct. Nothing is sent when
    /// `not_after`, on this machine's clock, is over.
    ///
    /// # Errors
    /// Any [`Failure`]; some or all may then have been written, which a repeat finds and leaves as one task.
    async fn put_tasks(&self, tasks: &[(String, TaskRecord)], not_after: Timestamp)
    -> Result<Vec<RowOutcome>, Failure>;

    /// Updates tasks by their ids, 200 a call; one outcome per task, same order. Ids must be distinct.
    ///
    /// # Errors
    /// As for [`Self::put_tasks`].
    async fn update_tasks(&self, tasks: &[(String, TaskRecord)]) -> Result<Vec<RowOutcome>, Failure>;

    /// Makes leads; one outcome per lead, same order. After a failure they may be there: look by address before making them again.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn create_leads(&self, leads: &[NewLead]) -> Result<Vec<RowOutcome>, Failure>;
}
