//! A reminder task as it is kept: what it says, when each field was last changed here, its counterpart in Salesforce with the values last agreed
//! upon, and what is still to be done about it. Decides nothing about the merge.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::values::{Field, Kind, Progress, Values};
use crate::Push;
use crate::activities::Campaign;
use crate::people::MarketoId;
use crate::ports::{ReminderFields, ReminderValues, Shelf};
use crate::trouble::Trouble;

/// Most characters of an id.
const MAX_ID: usize = 64;
/// Most values that are kept of what may be under way to one task: each is a try whose answer was lost.
const MAX_SENT: usize = 8;
/// Before the id of a task in our key field in Salesforce, which holds ids of activities, too.
const KEY_PREFIX: &str = "reminder/";
/// Before the Salesforce id in the id of a task that came from there.
const IMPORTED_PREFIX: &str = "sf-";

/// Id of a reminder task: at most 64 letters, digits, `-`, `_`, `.` and `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(String);

impl TaskId {
    /// The id; `None` where the text cannot be one.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
        let good = !text.is_empty() && text.len() <= MAX_ID && text.chars().all(plain);
        good.then(|| Self(text.to_owned()))
    }

    /// A new one, from a random number.
    #[must_use]
    pub fn new(random: u64) -> Self {
        Self(format!("task-{random:016x}"))
    }

    /// That of a task which came from Salesforce: the same one each time it is seen.
    #[must_use]
    pub fn imported(record: &str) -> Self {
        Self(format!("{IMPORTED_PREFIX}{record}"))
    }

    /// That of the task which carries this key; `None` where the key is none of a reminder task.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        Self::of(key.strip_prefix(KEY_PREFIX)?)
    }

    /// Our key of the task in Salesforce.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{KEY_PREFIX}{}", self.0)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The engagement app.
    Actions,
    /// Salesforce.
    Salesforce,
}

/// A task that was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// When, by this side's clock.
    pub at: Timestamp,
    /// On which side.
    pub by: Side,
}

/// What both sides agreed upon: a value here, and the text that stands for it there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreed {
    /// Here.
    pub here: Values,
    /// In Salesforce.
    pub there: ReminderValues,
}

impl Agreed {
    /// A field is agreed upon.
    pub fn settle(&mut self, field: Field, here: &Values, there: &ReminderValues) {
        self.here.take(field, here);
        self.there.take(field, there);
    }

    /// What was written is agreed upon.
    pub fn written(&mut self, here: &Values, fields: &ReminderFields) {
        for (field, text) in fields {
            self.here.take(*field, here);
            self.there.put_text(*field, text.clone());
        }
    }
}

/// Values that were sent to Salesforce, for a new task or an old one, and of which nobody knows yet whether they arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    /// As they were here.
    pub here: Values,
    /// As they were sent.
    pub fields: ReminderFields,
}

/// What was sent on top of the last change that is known, where its answer is not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sending {
    /// New values, the latest last.
    #[serde(default)]
    pub updates: Vec<Sent>,
    /// Its deletion.
    #[serde(default)]
    pub deletion: bool,
}

impl Sending {
    /// Keeps what is about to be sent.
    pub fn note(&mut self, sent: Sent) {
        if self.updates.len() >= MAX_SENT {
            self.updates.remove(0);
        }
        self.updates.push(sent);
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The counterpart of a task in Salesforce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// Its id, 18 characters.
    pub id: String,
    /// Contact or lead that it is about.
    pub who: Option<String>,
    /// What both sides agreed upon.
    pub agreed: Agreed,
    /// The latest change of it that is known, by Salesforce's clock. What was read as of an earlier one is old.
    pub seen: Timestamp,
    /// When our own write followed that change, by Salesforce's clock: what is read as of the change is then old, too.
    #[serde(default)]
    pub written_at: Option<Timestamp>,
    /// Whether both sides agreed that it is deleted.
    #[serde(default)]
    pub deleted: bool,
    /// Whether it was our deletion that Salesforce carried out.
    #[serde(default)]
    pub deleted_by_us: bool,
    /// What may be under way.
    #[serde(default)]
    pub sending: Sending,
}

impl Link {
    /// A counterpart as it was seen as of `seen`, with nothing under way to it.
    #[must_use]
    pub fn new(id: String, who: Option<String>, agreed: Agreed, seen: Timestamp) -> Self {
        Self {
            id,
            who,
            agreed,
            seen,
            written_at: None,
            deleted: false,
            deleted_by_us: false,
            sending: Sending::default(),
        }
    }
}

impl Sent {
    /// What both sides agree upon once it is there. An owner that was not sent is nobody's change.
    #[must_use]
    pub fn agreed(self) -> Agreed {
        let mut agreed = Agreed { here: self.here.clone(), ..Agreed::default() };
        agreed.written(&self.here, &self.fields);
        agreed
    }
}

/// The completion of a campaign's step, of which the app is still to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// When it was completed.
    pub at: Timestamp,
    /// On which side.
    pub by: Side,
}

/// A reminder task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Which.
    pub id: TaskId,
    /// Whom it is about.
    pub person: Option<MarketoId>,
    /// What kind of thing is to be done.
    #[serde(default)]
    pub kind: Kind,
    /// The campaign whose step it is.
    #[serde(default)]
    pub campaign: Option<Campaign>,
    /// Where it was made.
    pub origin: Side,
    /// Whether it is to be in Salesforce, too: it came from there, or was made while the sync was on, or was back-filled.
    #[serde(default)]
    pub shared: bool,
    /// What it says.
    pub values: Values,
    /// When somebody in the app last said that it is open.
    #[serde(default)]
    pub opened: Option<Timestamp>,
    /// When fields were last changed, by this side's clock.
    #[serde(default)]
    pub changed: BTreeMap<Field, Timestamp>,
    /// Set once it is deleted.
    #[serde(default)]
    pub deleted: Option<Deletion>,
    /// Its counterpart.
    #[serde(default)]
    pub link: Option<Link>,
    /// What is being made in Salesforce for it, where its answer is not known. Until it is known, the same is sent again.
    #[serde(default)]
    pub creating: Option<Sent>,
    /// Whether it has to be looked into in Salesforce.
    #[serde(default)]
    pub push: Push,
    /// Why Salesforce refused it last.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// What the app is still to be told.
    #[serde(default)]
    pub announce: Option<Announcement>,
    /// When it was made here.
    pub created_at: Timestamp,
    /// When what it says last changed.
    pub updated_at: Timestamp,
    /// Revision, counted up by the store with each write.
    #[serde(skip)]
    pub rev: u64,
}

impl Task {
    /// A task of which nothing is known but who made it, and when.
    #[must_use]
    pub fn new(id: TaskId, origin: Side, now: Timestamp) -> Self {
        Self {
            id,
            person: None,
            kind: Kind::default(),
            campaign: None,
            origin,
            shared: origin == Side::Salesforce,
            values: Values::default(),
            opened: None,
            changed: BTreeMap::new(),
            deleted: None,
            link: None,
            creating: None,
            push: Push::Done,
            trouble: None,
            announce: None,
            created_at: now,
            updated_at: now,
            rev: 0,
        }
    }

    /// A field says something else from a moment on; gives whether it said something else before. Completing a campaign's step is to be told.
    pub fn say(&mut self, field: Field, new: &Values, at: Timestamp, by: Side) -> bool {
        if self.values.same(new, field) {
            return false;
        }
        self.values.take(field, new);
        self.changed.insert(field, at);
        self.updated_at = self.updated_at.max(at);
        if field == Field::Status {
            let told = self.campaign.is_some() && self.values.status == Progress::Complete;
            self.announce = told.then_some(Announcement { at, by });
        }
        true
    }

    /// When a field was last changed here.
    #[must_use]
    pub fn changed_at(&self, field: Field) -> Timestamp {
        self.changed.get(&field).copied().unwrap_or(self.created_at)
    }

    /// It is deleted.
    pub fn delete(&mut self, at: Timestamp, by: Side) {
        if self.deleted.is_none() {
            self.deleted = Some(Deletion { at, by });
            self.updated_at = self.updated_at.max(at);
        }
    }

    /// It has to be looked into in Salesforce, from now on.
    pub fn due(&mut self, now: Timestamp) {
        self.push = Push::due(now);
    }

    /// Salesforce refused it; `passing`: in a way that may pass by itself.
    pub fn refused(&mut self, now: Timestamp, trouble: Trouble, passing: bool) {
        self.trouble = Some(trouble);
        self.push = self.push.refused(now, passing);
    }

    /// Nothing is left to be done in Salesforce.
    pub fn settled(&mut self) {
        (self.push, self.trouble) = (Push::Done, None);
    }

    /// Where it stands among what is due, or what was given up. What the app is to be told comes first.
    #[must_use]
    pub fn shelved(&self) -> Option<(Shelf, Timestamp)> {
        self.announce.map_or_else(|| self.push.shelved(), |announcement| Some((Shelf::Due, announcement.at)))
    }

    /// Whether it has to be looked into in Salesforce by now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.push.is_due(now)
    }

    /// Its id in Salesforce, while it is there.
    #[must_use]
    pub fn sfdc_id(&self) -> Option<&str> {
        self.link.as_ref().filter(|link| !link.deleted).map(|link| link.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_keys_tell_reminders_from_activities() {
        for bad in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert_eq!(TaskId::of(bad), None, "{bad}");
        }
        let id = TaskId::of("task-1").unwrap();
        assert_eq!(TaskId::of_key(&id.key()), Some(id));
        assert_eq!(TaskId::of_key("task-1"), None, "the id of an activity");
        let imported = TaskId::imported("00T5e000001AAAAAA4");
        assert_eq!(TaskId::of(imported.as_str()), Some(imported));
        assert_eq!(TaskId::of(TaskId::new(u64::MAX).as_str()), Some(TaskId::new(u64::MAX)));
    }

    #[test]
    fn a_completed_step_of_a_campaign_is_told_once_and_not_after_it_is_opened_again() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut task = Task::new(TaskId::new(1), Side::Actions, at(0));
        task.campaign = Some(Campaign { id: "c1".into(), name: None, url: None, step: None, day: None });
        let complete = Values { status: Progress::Complete, ..Values::default() };
        assert!(task.say(Field::Status, &complete, at(5), Side::Salesforce));
        assert_eq!(task.announce, Some(Announcement { at: at(5), by: Side::Salesforce }));
        assert_eq!(task.shelved(), Some((Shelf::Due, at(5))));
        assert!(!task.say(Field::Status, &complete, at(6), Side::Actions));
        assert!(task.say(Field::Status, &Values::default(), at(7), Side::Actions));
        assert_eq!((task.announce, task.changed_at(Field::Status), task.changed_at(Field::Due)), (None, at(7), at(0)));
    }
}
