//! What Salesforce does to tasks by itself: status and completion, the account, and what may not go together.
//! Must not know who writes them.

use std::sync::Arc;

use super::datum::Datum;
use super::failure::Failure;
use super::id::Id;
use super::row::Row;
use super::state::State;
use crate::schema::Schema;

/// Where the fields are that the rules of tasks are about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskFields {
    pub(crate) object: usize,
    pub(crate) status: usize,
    pub(crate) priority: usize,
    pub(crate) date: usize,
    pub(crate) reminder: usize,
    pub(crate) who: usize,
    what: usize,
    account: usize,
    completed: usize,
    pub(crate) recurrence: usize,
    subtype: usize,
}

impl TaskFields {
    pub(crate) fn of(schema: &Schema) -> Result<Self, String> {
        let object = schema.object("Task").ok_or("there is no Task")?;
        let place = |name: &str| schema.objects[object].place(name).ok_or_else(|| format!("Task has no {name}"));
        Ok(Self {
            object,
            status: place("Status")?,
            priority: place("Priority")?,
            date: place("ActivityDate")?,
            reminder: place("ReminderDateTime")?,
            who: place("WhoId")?,
            what: place("WhatId")?,
            account: place("AccountId")?,
            completed: place("CompletedDateTime")?,
            recurrence: place("IsRecurrence")?,
            subtype: place("TaskSubtype")?,
        })
    }
}

impl State {
    /// Refuses what a task cannot be, then fills in what follows from the rest. `touched` are the fields of the write.
    pub(crate) fn settle_task(
        &self,
        row: &mut Row,
        before: Option<&Row>,
        touched: &[usize],
        now: i64,
    ) -> Result<(), Failure> {
        let fields = self.task;
        if before.is_some_and(|task| task.get(fields.recurrence).is_some_and(Datum::is_true))
            && let Some(fixed) = [fields.date, fields.status].into_iter().find(|place| touched.contains(place))
        {
            let name = self.schema.objects[fields.object].fields[fixed].name.as_str();
            let message = format!("{name} of a recurring task cannot be set");
            return Err(Failure::of_field("INVALID_FIELD_FOR_INSERT_UPDATE", name, message));
        }
        if before.is_none() && row.text(fields.subtype) == Some("Cadence") {
            let message = "TaskSubtype: bad value for restricted picklist field: Cadence";
            return Err(Failure::of_field("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "TaskSubtype", message));
        }
        let who = row.get(fields.who).and_then(Datum::as_id);
        let what = row.get(fields.what).and_then(Datum::as_id);
        if what.is_some() && who.is_some_and(|who| who.prefix() == "00Q") {
            let message = "a task that names a lead cannot be related to another record: leave WhatId out";
            return Err(Failure::of_field("FIELD_INTEGRITY_EXCEPTION", "WhatId", message));
        }
        let account = what.and_then(|what| self.account_of(what)).or_else(|| who.and_then(|who| self.account_of(who)));
        row.set(fields.account, account.map_or(Datum::Null, Datum::Id));
        self.settle_completion(row, before, now);
        Ok(())
    }

    fn settle_completion(&self, row: &mut Row, before: Option<&Row>, now: i64) {
        let fields = self.task;
        if !self.is_closed(row) {
            row.set(fields.completed, Datum::Null);
            return;
        }
        // Another status counts as entering it, the same closed one does not.
        let same = before.is_some_and(|task| task.text(fields.status) == row.text(fields.status));
        if !same || row.get(fields.completed).is_none() {
            row.set(fields.completed, Datum::Time(now));
        }
    }

    /// The account that a record belongs to; an account belongs to itself.
    pub(crate) fn account_of(&self, id: Id) -> Option<Id> {
        let (object, row) = self.find(id)?;
        let object = &self.schema.objects[object];
        if object.name == "Account" {
            return Some(id);
        }
        row.get(object.place("AccountId")?).and_then(Datum::as_id)
    }

    /// The records that are locked while this one is written.
    pub(crate) fn to_lock(&self, object: usize, row: &Row, before: Option<&Arc<Row>>) -> Vec<Id> {
        let mut ids = Vec::new();
        if before.is_some() {
            ids.push(row.id);
        }
        if object == self.task.object {
            // A new task that is done, or has no date, does not roll up to its parents.
            let rolls_up = before.is_some() || (!self.is_closed(row) && row.get(self.task.date).is_some());
            for task in [Some(row), before.map(Arc::as_ref)].into_iter().flatten().filter(|_| rolls_up) {
                let parents = [self.task.who, self.task.what, self.task.account];
                ids.extend(parents.into_iter().filter_map(|place| task.get(place).and_then(Datum::as_id)));
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}
