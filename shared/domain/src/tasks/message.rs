//! The message of the queue `reminder-tasks`: what somebody did to a task in the app. Each names the fields it is about and when that was, so that
//! messages may come twice and in any order. Knows no queue.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer};

use super::task::{Side, Task, TaskId};
use super::values::{self, Field, Kind, Priority, Progress, Values};
use crate::activities::Campaign;
use crate::people::MarketoId;

/// What somebody did to a task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskMessage {
    /// Which.
    pub id: TaskId,
    /// When; `None` = when the message is taken.
    pub at: Option<Timestamp>,
    /// Whom it is about, where that is said.
    pub person: Option<MarketoId>,
    /// What kind of thing is to be done, where that is said.
    pub kind: Option<Kind>,
    /// The campaign whose step it is, where that is said.
    pub campaign: Option<Campaign>,
    /// What it says now, of the fields named.
    pub values: Values,
    /// The fields named.
    pub named: BTreeSet<Field>,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// Why a message cannot be used; quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableTask(String);

impl fmt::Display for UnusableTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default = "one")]
    v: u32,
    task_id: String,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    marketo_id: Option<i64>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    campaign: Option<Campaign>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    status: Option<WireStatus>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default, deserialize_with = "named")]
    due: Option<Option<Date>>,
    #[serde(default, deserialize_with = "named")]
    details: Option<Option<String>>,
    #[serde(default, deserialize_with = "named")]
    owner: Option<Option<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum WireStatus {
    Open,
    Complete,
    Deleted,
}

fn one() -> u32 {
    1
}

/// A key that is there, with or without a value.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

impl TaskMessage {
    /// A message that says nothing yet.
    #[must_use]
    pub fn about(id: TaskId) -> Self {
        Self {
            id,
            at: None,
            person: None,
            kind: None,
            campaign: None,
            values: Values::default(),
            named: BTreeSet::new(),
            deleted: false,
        }
    }

    /// Reads a message: `{"v":1,"taskId":…}` with what has changed of `"name"`, `"status"` (`open`, `complete`, `deleted`), `"priority"` (`normal`,
    /// `high`), `"due"` (a date or `null`), `"details"`, `"owner"`, and optionally `"at"` (RFC 3339), `"marketoId"`, `"kind"`, `"campaign"`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(body: &str) -> Result<Self, UnusableTask> {
        let unusable = |why: &str| UnusableTask(why.to_owned());
        // The parser's own words quote values.
        let wire: Wire = serde_json::from_str(body).map_err(|error| {
            let what = if error.is_data() {
                "a key is missing or has a value that it cannot have"
            } else {
                "it is no JSON object"
            };
            UnusableTask(format!("{what} (line {}, column {})", error.line(), error.column()))
        })?;
        if wire.v != 1 {
            return Err(UnusableTask(format!("its version is {}, and this program knows 1", wire.v)));
        }
        let id = TaskId::of(&wire.task_id);
        let mut message =
            Self::about(id.ok_or_else(|| unusable("`taskId` is not 1 to 64 letters, digits, `-`, `_`, `.` or `:`"))?);
        (message.at, message.kind, message.campaign) = (wire.at, wire.kind, wire.campaign);
        message.person = wire.marketo_id.filter(|id| *id > 0).map(MarketoId);
        if let Some(name) = wire.name {
            message.name(&name).map_err(unusable)?;
        }
        match wire.status {
            None => {}
            Some(WireStatus::Deleted) => message.deleted = true,
            Some(status) => {
                message.status(if status == WireStatus::Open { Progress::Open } else { Progress::Complete });
            }
        }
        if let Some(priority) = wire.priority {
            message.priority(priority);
        }
        if let Some(due) = wire.due {
            message.due(due);
        }
        if let Some(details) = wire.details {
            message.details(details.as_deref());
        }
        if let Some(owner) = wire.owner {
            message.owner(owner.as_deref()).map_err(unusable)?;
        }
        Ok(message)
    }

    /// Names it.
    ///
    /// # Errors
    /// When nothing is left of the name.
    pub fn name(&mut self, name: &str) -> Result<(), &'static str> {
        self.values.name = values::name(name);
        self.named.insert(Field::Name);
        if self.values.name.is_empty() { Err("its name is empty") } else { Ok(()) }
    }

    /// Says whether it is done.
    pub fn status(&mut self, status: Progress) {
        self.values.status = status;
        self.named.insert(Field::Status);
    }

    /// Says how urgent it is.
    pub fn priority(&mut self, priority: Priority) {
        self.values.priority = priority;
        self.named.insert(Field::Priority);
    }

    /// Says when it is due.
    pub fn due(&mut self, due: Option<Date>) {
        self.values.due = due;
        self.named.insert(Field::Due);
    }

    /// Says more.
    pub fn details(&mut self, details: Option<&str>) {
        self.values.details = details.and_then(values::details);
        self.named.insert(Field::Details);
    }

    /// Says whose it is.
    ///
    /// # Errors
    /// When the owner is no email address.
    pub fn owner(&mut self, owner: Option<&str>) -> Result<(), &'static str> {
        self.named.insert(Field::Owner);
        let Some(owner) = owner else { return Ok(()) };
        self.values.owner = values::owner(owner);
        if self.values.owner.is_none() { Err("its owner is no email address") } else { Ok(()) }
    }

    /// What it does to a task, or to one that is not there; gives whether that is anything. `shared`: whether new ones go to Salesforce, too.
    #[must_use]
    pub fn applied(&self, before: Option<&Task>, now: Timestamp, shared: bool) -> Option<Task> {
        let at = self.at.map_or(now, |at| at.min(now));
        let mut task = before.cloned().unwrap_or_else(|| {
            let mut task = Task::new(self.id.clone(), Side::Actions, at);
            task.shared = shared;
            task
        });
        task.person = task.person.or(self.person);
        if task.campaign.is_none() {
            task.campaign.clone_from(&self.campaign);
        }
        if let Some(kind) = self.kind {
            task.kind = kind;
        }
        let opens = self.named.contains(&Field::Status) && self.values.status == Progress::Open;
        let reopened = |deleted_at: Timestamp| opens && at > deleted_at;
        match task.deleted {
            Some(deletion) if !reopened(deletion.at) => {}
            Some(_) => task.deleted = None,
            // Opened again after it was deleted, and told of before.
            None if task.opened.is_some_and(|opened| at < opened) => {}
            None if self.deleted => task.delete(at, Side::Actions),
            None => {}
        }
        if opens {
            task.opened = task.opened.max(Some(at));
        }
        for field in &self.named {
            if task.changed.get(field).is_some_and(|before| at <= *before) {
                continue;
            }
            // Who says the same again means it: what was said before that, and comes later, counts no more.
            if !task.say(*field, &self.values, at, Side::Actions) {
                task.changed.insert(*field, at);
            }
        }
        if before == Some(&task) {
            return None;
        }
        if task.shared {
            task.due(now);
        }
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Push;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn message(second: i64, more: &str) -> TaskMessage {
        let body = format!(r#"{{"v":1,"taskId":"t1","at":"{}"{more}}}"#, at(second));
        TaskMessage::parse(&body).unwrap()
    }

    /// What comes of messages in this order.
    fn after(messages: &[&TaskMessage]) -> Task {
        let mut task = None;
        for message in messages {
            task = message.applied(task.as_ref(), at(1_000), true).or(task);
        }
        task.unwrap()
    }

    #[test]
    fn messages_may_come_twice_and_in_any_order() {
        let add = message(1, r#","name":"ring","owner":"Ana@Example.com","marketoId":7,"priority":"high""#);
        let edit = message(2, r#","name":"write","due":"2026-07-09""#);
        let complete = message(3, r#","status":"complete""#);
        let expected = after(&[&add, &edit, &complete]);
        assert_eq!((expected.values.name.as_str(), expected.values.status), ("write", Progress::Complete));
        assert_eq!((expected.person, expected.values.owner.as_deref()), (Some(MarketoId(7)), Some("ana@example.com")));
        for order in
            [[&edit, &add, &complete], [&complete, &edit, &add], [&add, &complete, &edit], [&complete, &add, &edit]]
        {
            let doubled: Vec<&TaskMessage> = order.into_iter().flat_map(|message| [message, message]).collect();
            assert_eq!(after(&doubled).values, expected.values);
        }
        assert_eq!(add.applied(Some(&expected), at(2_000), true), None, "nothing is new");
    }

    #[test]
    fn what_was_deleted_stays_so_unless_it_is_opened_later() {
        let (add, delete) = (message(1, r#","name":"ring""#), message(5, r#","status":"deleted""#));
        for order in [[&add, &delete], [&delete, &add]] {
            assert!(after(&order).deleted.is_some());
        }
        let (early, late) = (message(4, r#","status":"open""#), message(6, r#","status":"open""#));
        assert!(after(&[&add, &delete, &early]).deleted.is_some());
        assert!(after(&[&add, &delete, &late]).deleted.is_none());
    }

    #[test]
    fn what_is_not_shared_is_not_due() {
        let add = message(1, r#","name":"ring""#);
        assert_eq!(add.applied(None, at(9), false).unwrap().push, Push::Done);
        assert_eq!(add.applied(None, at(9), true).unwrap().push, Push::Due { at: at(9), attempts: 0 });
        let ahead = message(500, r#","name":"ring""#);
        assert_eq!(ahead.applied(None, at(9), true).unwrap().updated_at, at(9), "nothing happens in the future");
    }

    #[test]
    fn what_cannot_be_used_is_said_without_quoting_it() {
        for (body, says) in [
            ("ring ana", "no JSON"),
            (r#"{"name":"ana"}"#, "missing"),
            (r#"{"taskId":"a b"}"#, "64 letters"),
            (r#"{"taskId":"t","name":" "}"#, "name is empty"),
            (r#"{"taskId":"t","owner":"ana"}"#, "no email"),
            (r#"{"taskId":"t","status":"ana"}"#, "cannot have"),
            (r#"{"taskId":"t","due":"tomorrow"}"#, "cannot have"),
            (r#"{"v":2,"taskId":"t"}"#, "version is 2"),
        ] {
            let why = TaskMessage::parse(body).unwrap_err().to_string();
            assert!(why.contains(says) && !why.contains("ana"), "{body}: {why}");
        }
        assert_eq!(message(1, r#","due":null"#).named, BTreeSet::from([Field::Due]));
    }
}
