//! What the rules need for reminder tasks: the table of tasks, Salesforce's tasks as far as both sides have them, and a queue for the app.
//! Wire shapes stay in the adapters.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{ChangedSince, PutOutcome, RowOutcome, SalesforceDirectory, Shelf};
use crate::Failure;
use crate::tasks::{Field, Task, TaskId};

/// A task to write, and the revision of the stored one it was decided upon.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskWrite {
    /// The task; its `rev` is set by the store.
    pub task: Task,
    /// Revision of the stored task that was seen; `None` = there was none.
    pub seen: Option<u64>,
}

/// A task's place on a shelf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShelvedTask {
    /// When it is due, or was given up.
    pub at: Timestamp,
    /// Which.
    pub id: TaskId,
}

/// The table of reminder tasks: one row per task, conditional writes, and what is due in Salesforce.
#[async_trait]
pub trait TaskTable: Send + Sync {
    /// The tasks with these ids, read consistently, in any order, absent ones left out.
    ///
    /// # Errors
    /// `Unavailable`; `CorruptState` when an item is not one of ours.
    async fn get(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure>;

    /// Writes each task if the stored one is still the one seen; one outcome per write, same order. Ids must be distinct.
    ///
    /// # Errors
    /// `Unavailable`; some may then have been written, which a repeat finds as conflicts.
    async fn put(&self, writes: Vec<TaskWrite>) -> Result<Vec<PutOutcome>, Failure>;

    /// Ids on a shelf whose time (see [`Task::shelved`]) is not after `until`, by that time, at most `limit`, beginning after `from`. Follows
    /// the table by a moment: what it names may have moved on, and what was just written may be missing.
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedTask>,
        limit: usize,
    ) -> Result<Vec<ShelvedTask>, Failure>;

    /// One page of all tasks, in any order, starting after `from` (the second value of the page before).
    ///
    /// # Errors
    /// As for [`Self::get`].
    async fn scan(&self, from: Option<&TaskId>) -> Result<(Vec<Task>, Option<TaskId>), Failure>;
}

/// What a task in Salesforce says, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReminderValues {
    /// `Subject`.
    pub subject: Option<String>,
    /// `Status`.
    pub status: Option<String>,
    /// Whether that status closes a task.
    pub closed: bool,
    /// `Priority`.
    pub priority: Option<String>,
    /// Whether that priority is a high one.
    pub high: bool,
    /// `ActivityDate`, the due date.
    pub due: Option<Date>,
    /// `Description`, with plain line ends.
    pub description: Option<String>,
    /// `OwnerId`, 18 characters.
    pub owner: Option<String>,
}

impl ReminderValues {
    /// The text of a field, as it stands there.
    #[must_use]
    pub fn text(&self, field: Field) -> Option<String> {
        match field {
            Field::Name => self.subject.clone(),
            Field::Status => self.status.clone(),
            Field::Priority => self.priority.clone(),
            Field::Due => self.due.map(|due| due.to_string()),
            Field::Details => self.description.clone(),
            Field::Owner => self.owner.clone(),
        }
    }

    /// Puts the text of a field, as it was written. What a status or a priority means does not follow from it.
    pub fn put_text(&mut self, field: Field, text: Option<String>) {
        match field {
            Field::Name => self.subject = text,
            Field::Status => self.status = text,
            Field::Priority => self.priority = text,
            Field::Due => self.due = text.and_then(|text| text.parse().ok()),
            Field::Details => self.description = text,
            Field::Owner => self.owner = text,
        }
    }

    /// Takes a field over from another.
    pub fn take(&mut self, field: Field, from: &Self) {
        match field {
            Field::Name => self.subject.clone_from(&from.subject),
            Field::Status => (self.status, self.closed) = (from.status.clone(), from.closed),
            Field::Priority => (self.priority, self.high) = (from.priority.clone(), from.high),
            Field::Due => self.due = from.due,
            Field::Details => self.description.clone_from(&from.description),
            Field::Owner => self.owner.clone_from(&from.owner),
        }
    }
}

/// A task in Salesforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderRecord {
    /// Id, 18 characters.
    pub id: String,
    /// Our key: that of a task or of a logged activity; `None` = somebody else made it.
    pub key: Option<String>,
    /// What it says.
    pub values: ReminderValues,
    /// The owner's address, in lower case; `None` where a queue owns it.
    pub owner_email: Option<String>,
    /// Contact or lead it is about, 18 characters.
    pub who: Option<String>,
    /// Whether it is the first of a series, or one of it.
    pub recurring: bool,
    /// Whether it is in the recycle bin.
    pub deleted: bool,
    /// When somebody last changed it, by Salesforce's clock, to the second.
    pub modified: Timestamp,
    /// When it was last changed by anybody or anything.
    pub stamp: Timestamp,
}

/// How tasks look in this organisation, as far as reminder tasks go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReminderLayout {
    /// The fields that can be created and updated by the integration user.
    pub writable: BTreeSet<Field>,
    /// Whether the key is there, writable, unique and an external id.
    pub has_key: bool,
    /// Whether a task can be about a person at all.
    pub has_who: bool,
    /// The default status among those that leave a task open, else the first.
    pub open_status: Option<String>,
    /// The default status among those that close a task, else the first.
    pub closed_status: Option<String>,
    /// The default priority among those that are not high, else the first.
    pub normal_priority: Option<String>,
    /// The first high priority.
    pub high_priority: Option<String>,
}

/// Values to be written, by field; `None` empties it.
pub type ReminderFields = BTreeMap<Field, Option<String>>;

/// A task to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewReminder {
    /// Our key.
    pub key: String,
    /// What it says.
    pub fields: ReminderFields,
    /// Contact or lead it is about.
    pub who: Option<String>,
}

/// A change of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderUpdate {
    /// Which.
    pub id: String,
    /// The change of it that the writer knows of: whoever changed it since is not written over.
    pub seen: Timestamp,
    /// What is to be written.
    pub fields: ReminderFields,
}

/// What became of a [`ReminderUpdate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateOutcome {
    /// Written, or refused by itself.
    Row(RowOutcome),
    /// Somebody changed it in between; nothing was written.
    Changed,
}

/// Salesforce's tasks, as far as reminder tasks go. Every method makes at least one call against the organisation's limits, unless it says otherwise.
#[async_trait]
pub trait SalesforceReminders: SalesforceDirectory {
    /// Salesforce's time at a moment of this machine's clock, as its answers tell it, to the second; the same until there was one. Makes no call.
    fn time_at(&self, local: Timestamp) -> Timestamp;

    /// How tasks look. Kept for some minutes, so that most uses make no call; `fresh` reads it again.
    ///
    /// # Errors
    /// Any [`Failure`].
    async fn reminder_layout(&self, fresh: bool) -> Result<ReminderLayout, Failure>;

    /// Tasks that were changed since, by the time of their change and then by id, deleted and archived ones included, at most
    /// [`super::MAX_CHANGED`]; fewer mean that there are no more.
    ///
    /// # Errors
    /// `BadSetting`, which names the field, when one cannot be seen.
    async fn changed_reminders(&self, since: &ChangedSince) -> Result<Vec<ReminderRecord>, Failure>;

    /// The tasks with these ids, deleted and archived ones included; ids that cannot be seen are absent.
    ///
    /// # Errors
    /// As for [`Self::changed_reminders`].
    async fn reminders_by_id(&self, ids: &BTreeSet<String>) -> Result<Vec<ReminderRecord>, Failure>;

    /// The tasks with these keys of ours, deleted and archived ones included.
    ///
    /// # Errors
    /// As for [`Self::changed_reminders`].
    async fn reminders_by_key(&self, keys: &BTreeSet<String>) -> Result<Vec<ReminderRecord>, Failure>;

    /// Makes tasks, 200 a call; one outcome per task, same order. One whose key is there already is refused as `DUPLICATE_VALUE`, so that a
    /// repeat makes no second one. Nothing is sent when `not_after`, on this machine's clock, is over.
    ///
    /// # Errors
    /// Any [`Failure`]; some or all may then have been made.
    async fn create_reminders(&self, tasks: &[NewReminder], not_after: Timestamp) -> Result<Vec<RowOutcome>, Failure>;

    /// Changes tasks that nobody else changed in between, 25 a call; one outcome per task, same order. Ids must be distinct. Nothing is sent
    /// when `not_after`, on this machine's clock, is over.
    ///
    /// # Errors
    /// Any [`Failure`]; some or all may then have been written.
    async fn update_reminders(
        &self,
        updates: &[ReminderUpdate],
        not_after: Timestamp,
    ) -> Result<Vec<UpdateOutcome>, Failure>;

    /// Puts tasks into the recycle bin, 200 a call; one outcome per task, same order. Ids must be distinct. Nothing is sent when `not_after`, on
    /// this machine's clock, is over.
    ///
    /// # Errors
    /// Any [`Failure`]; some or all may then have been deleted, which a repeat finds as gone.
    async fn delete_reminders(&self, ids: &[String], not_after: Timestamp) -> Result<Vec<RowOutcome>, Failure>;
}
