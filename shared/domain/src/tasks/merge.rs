//! The merge of one task with its counterpart in Salesforce: field by field against the value that both sides last agreed upon, and what becomes
//! of deletions. Pure; knows no layout, no call, no storage. The cases stand in `conflicts.md`, which a test writes from the same source.
#![doc = include_str!("conflicts.md")]

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::task::{Agreed, Link, Sending, Side, Task};
use super::values::{Field, Progress};
use super::wording::{Read, Subject, read};
use crate::people::MarketoId;
use crate::ports::ReminderRecord;

/// How late a change may show that Salesforce has acknowledged.
const LONGEST_LATE: SignedDuration = SignedDuration::from_mins(10);

/// What was found of a task in Salesforce.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    /// This.
    Record(&'a ReminderRecord),
    /// It was looked for by its id or key, and there is none: for longer than the recycle bin keeps, or out of the integration user's sight.
    Nothing,
}

/// What is known around a merge.
#[derive(Debug, Clone)]
pub(super) struct Around<'a> {
    /// By how much Salesforce's clock is ahead of this side's.
    pub ahead: SignedDuration,
    /// When the record was read, by Salesforce's clock.
    pub read_at: Timestamp,
    /// The subject's template.
    pub template: &'a str,
    /// Whom the record is about here.
    pub person: Option<MarketoId>,
}

/// What is to be written in Salesforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Nothing.
    Nothing,
    /// These fields.
    Give(BTreeSet<Field>),
    /// A task, as there is none, or none any more.
    Create,
    /// Its deletion.
    Delete,
    /// What was found is older than what is known: it is looked for again later.
    Later,
}

/// What a merge comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merged {
    /// The task, as it is to be kept whatever becomes of the writing.
    pub task: Task,
    /// What is to be written in Salesforce.
    pub act: Act,
    /// Fields that say something else here than before.
    pub took: BTreeSet<Field>,
}

/// What is to be done about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Both sides are as they were.
    Keep,
    /// Both sides are settled as they are.
    Agree,
    /// Salesforce's value counts.
    Take,
    /// The value here counts.
    Give,
}

/// Merges a task with what was found of it.
pub(super) fn merge(task: &Task, found: Found<'_>, around: &Around<'_>) -> Merged {
    let mut merge = Merge { task: task.clone(), around, took: BTreeSet::new() };
    let act = match found {
        Found::Nothing => merge.nothing_there(),
        Found::Record(record) => merge.with(record),
    };
    Merged { task: merge.task, act, took: merge.took }
}

struct Merge<'a> {
    task: Task,
    around: &'a Around<'a>,
    took: BTreeSet<Field>,
}

impl Merge<'_> {
    fn nothing_there(&mut self) -> Act {
        let (alive, edited) = (self.task.deleted.is_none(), self.edited_here());
        match &mut self.task.link {
            None if alive => Act::Create,
            None => {
                self.task.creating = None;
                Act::Nothing
            }
            Some(_) if alive && edited => Act::Create,
            Some(link) => {
                (link.deleted, link.sending) = (true, Sending::default());
                Act::Nothing
            }
        }
    }

    fn with(&mut self, record: &ReminderRecord) -> Act {
        self.adopt(record);
        let Some(link) = self.task.link.clone().filter(|link| link.id == record.id) else { return Act::Nothing };
        if is_old(record, &link, self.around.read_at) {
            return Act::Later;
        }
        if record.deleted && self.task.deleted.is_none() && self.task.creating.is_some() {
            // What takes its place is on its way.
            return Act::Create;
        }
        self.task.creating = None;
        if record.recurring {
            return Act::Nothing;
        }
        let agreed = agreed_by_now(&link, record);
        let edited_there = Field::ALL.into_iter().any(|field| changed_there(field, &agreed, record));
        let we_deleted = link.deleted_by_us || link.sending.deletion;
        match (self.task.deleted.is_some(), record.deleted) {
            (true, true) if we_deleted && edited_there => {
                // Somebody edited it before our deletion came.
                self.restore(record, &agreed);
                Act::Create
            }
            (true, true) => {
                self.settle_deleted(record, agreed);
                Act::Nothing
            }
            (true, false) if link.deleted || edited_there => {
                self.restore(record, &agreed);
                self.fields(record, agreed)
            }
            (true, false) => {
                self.settle_seen(record, agreed);
                Act::Delete
            }
            (false, true) if self.edited_since(&agreed) => {
                self.settle_deleted(record, agreed);
                Act::Create
            }
            (false, true) => {
                if !link.deleted {
                    let at = here(record.stamp, self.around);
                    self.task.delete(at, Side::Salesforce);
                }
                self.settle_deleted(record, agreed);
                Act::Nothing
            }
            (false, false) => self.fields(record, agreed),
        }
    }

    /// A record that carries our key is the counterpart, where there is none yet, or none any more.
    fn adopt(&mut self, record: &ReminderRecord) {
        if self.task.link.as_ref().is_some_and(|link| link.id == record.id || !link.deleted) {
            return;
        }
        let agreed = match self.task.creating.take() {
            Some(creating) => creating.agreed(),
            None => Agreed { here: read(record, &self.subject()).values, there: record.values.clone() },
        };
        self.task.link = Some(Link::new(record.id.clone(), record.who.clone(), agreed, Timestamp::MIN));
    }

    fn subject(&self) -> Subject {
        Subject::of(&self.task, self.around.template)
    }

    fn edited_here(&self) -> bool {
        self.task.link.as_ref().is_some_and(|link| self.edited_since(&link.agreed))
    }

    fn edited_since(&self, agreed: &Agreed) -> bool {
        Field::ALL.into_iter().any(|field| !self.task.values.same(&agreed.here, field))
    }

    /// It is there again on this side, with what Salesforce says of it.
    fn restore(&mut self, record: &ReminderRecord, agreed: &Agreed) {
        self.task.deleted = None;
        let read = read(record, &self.subject());
        for field in Field::ALL {
            if changed_there(field, agreed, record) && !read.unreadable.contains(&field) {
                self.take(field, &read, record);
            }
        }
        if let Some(link) = &mut self.task.link {
            (link.deleted, link.deleted_by_us) = (record.deleted, false);
        }
    }

    fn take(&mut self, field: Field, read: &Read, record: &ReminderRecord) {
        let at = here(written_at(record, self.task.link.as_ref()), self.around).max(self.task.changed_at(field));
        if self.task.say(field, &read.values, at, Side::Salesforce) {
            self.took.insert(field);
        }
    }

    fn settle_deleted(&mut self, record: &ReminderRecord, agreed: Agreed) {
        self.settle_seen(record, agreed);
        if let Some(link) = &mut self.task.link {
            link.deleted = true;
        }
    }

    fn settle_seen(&mut self, record: &ReminderRecord, agreed: Agreed) {
        let Some(link) = &mut self.task.link else { return };
        // What was sent may still be on its way until somebody has changed the record, after which Salesforce refuses it.
        let arrived_or_refused = !link.sending.is_none() && record.modified > link.seen;
        if link.agreed != agreed || arrived_or_refused {
            if arrived_or_refused {
                link.sending = Sending::default();
            }
            (link.agreed, link.seen, link.written_at) = (agreed, record.modified, None);
        }
    }

    /// Both sides have it: field by field.
    fn fields(&mut self, record: &ReminderRecord, mut agreed: Agreed) -> Act {
        let read = read(record, &self.subject());
        let mut give = BTreeSet::new();
        for field in Field::ALL {
            match self.verdict(field, &agreed, record, &read) {
                Verdict::Keep => {}
                Verdict::Agree => agreed.settle(field, &self.task.values, &record.values),
                Verdict::Take => {
                    self.take(field, &read, record);
                    agreed.settle(field, &self.task.values, &record.values);
                }
                Verdict::Give => drop(give.insert(field)),
            }
        }
        self.settle_seen(record, agreed);
        if let Some(link) = &mut self.task.link {
            link.deleted = false;
            if link.who != record.who {
                link.who.clone_from(&record.who);
                self.task.person = self.around.person;
            }
        }
        if give.is_empty() { Act::Nothing } else { Act::Give(give) }
    }

    fn verdict(&self, field: Field, agreed: &Agreed, record: &ReminderRecord, read: &Read) -> Verdict {
        let values = &self.task.values;
        let (here_changed, there_changed) = (!values.same(&agreed.here, field), changed_there(field, agreed, record));
        let readable = !read.unreadable.contains(&field);
        let alike = readable && values.same(&read.values, field);
        match (here_changed, there_changed) {
            // The owner that Salesforce gave a new task, as it knows not ours.
            (false, false) if field == Field::Owner && agreed.there.owner != record.values.owner => Verdict::Agree,
            (false, false) => Verdict::Keep,
            (_, true) if alike => Verdict::Agree,
            (false, true) if readable => Verdict::Take,
            // It says nothing there that could stand here, such as a queue as the owner.
            (false, true) => Verdict::Agree,
            (true, false) => Verdict::Give,
            // Other words for what was agreed upon: nobody there has meant anything by it.
            (true, true) if !readable || agreed.here.same(&read.values, field) => Verdict::Give,
            (true, true) if field == Field::Status => {
                if values.status == Progress::Complete {
                    Verdict::Give
                } else {
                    Verdict::Take
                }
            }
            (true, true) => {
                let here = self.task.changed_at(field).checked_add(self.around.ahead);
                let there = written_at(record, self.task.link.as_ref());
                // Salesforce tells seconds: within the same one, the change here counts as the later.
                let here = here.map_or(i64::MIN, Timestamp::as_second);
                if here >= there.as_second() { Verdict::Give } else { Verdict::Take }
            }
        }
    }
}

/// Whether what was read is older than what is known: what is written may show late. What was read long after our own write, and shows none, was
/// written in the same second.
fn is_old(record: &ReminderRecord, link: &Link, read_at: Timestamp) -> bool {
    let as_of = if record.deleted { record.modified.max(record.stamp) } else { record.modified };
    let may_show_late = |written_at: Timestamp| read_at.duration_since(written_at) <= LONGEST_LATE;
    as_of < link.seen || as_of == link.seen && link.written_at.is_some_and(may_show_late)
}

/// What both sides agree upon, once it is clear which of the values that were sent have arrived.
fn agreed_by_now(link: &Link, record: &ReminderRecord) -> Agreed {
    let mut agreed = link.agreed.clone();
    if record.modified > link.seen {
        for sent in &link.sending.updates {
            for (field, text) in &sent.fields {
                if record.values.text(*field) == *text {
                    agreed.settle(*field, &sent.here, &record.values);
                }
            }
        }
    }
    agreed
}

/// Whether a field says something else there than what was agreed upon. The owner that Salesforce gave a new task is no change.
fn changed_there(field: Field, agreed: &Agreed, record: &ReminderRecord) -> bool {
    if field == Field::Owner && agreed.there.owner.is_none() && agreed.here.owner.is_some() {
        return false;
    }
    record.values.text(field) != agreed.there.text(field)
}

/// When what a record says was written: by somebody, or else by a machine, which moves the other stamp only.
fn written_at(record: &ReminderRecord, link: Option<&Link>) -> Timestamp {
    let by_somebody = link.is_none_or(|link| record.modified > link.seen);
    if by_somebody { record.modified } else { record.stamp }
}

fn here(there: Timestamp, around: &Around<'_>) -> Timestamp {
    there.checked_sub(around.ahead).unwrap_or(there)
}
