//! A look at both sides: the tasks that are due or whose counterpart changed, what Salesforce has of them, and what their merge comes to. Writes
//! nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::merge::{Act, Around, Found, Merged, merge};
use super::task::{Agreed, Link, Side, Task, TaskId};
use super::values::Field;
use super::wording::{Subject, read};
use super::{book, people};
use crate::Failure;
use crate::people::MarketoId;
use crate::ports::{ReminderRecord, TaskPorts};
use crate::settings::ReminderSettings;

/// A task, what was found of it, and what is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Looked {
    /// As it is stored; `None` = it is taken in now.
    pub before: Option<Task>,
    pub merged: Merged,
    /// Its counterpart, as it was read.
    pub record: Option<ReminderRecord>,
}

impl Looked {
    /// Whether anything is to be written on either side.
    pub fn is_quiet(&self) -> bool {
        let kept = self.before.as_ref() == Some(&self.merged.task);
        kept && matches!(self.merged.act, Act::Nothing | Act::Later) && self.merged.task.shelved().is_none()
    }

    /// Whether this side says something else than before.
    pub fn changes_here(&self) -> bool {
        let deleted = self.before.as_ref().map(|task| task.deleted.is_some());
        deleted != Some(self.merged.task.deleted.is_some()) || !self.merged.took.is_empty()
    }
}

/// Whose tasks are paired, and from when on they are taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub settings: &'a ReminderSettings,
    pub import_from: Option<Timestamp>,
    /// Tasks that are to be back-filled, where that is not noted with them.
    pub marked: &'a BTreeSet<TaskId>,
}

/// Why a look ended.
pub(super) enum Blind {
    /// Salesforce tells nothing.
    Salesforce(Failure),
    /// Our own store failed.
    Ours(Failure),
}

impl From<Failure> for Blind {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

/// Records that were read together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Page {
    pub records: Vec<ReminderRecord>,
    /// When they were asked for, by Salesforce's clock.
    pub read_at: Timestamp,
}

/// Looks at a page of records, at the tasks they belong to, and at these other tasks.
pub(super) async fn look(
    ports: &TaskPorts,
    scope: Scope<'_>,
    page: Option<Page>,
    others: BTreeSet<TaskId>,
) -> Result<Vec<Looked>, Blind> {
    let of_page = page.as_ref().map(|page| page.read_at);
    let mut found = by_task(page.map(|page| page.records).unwrap_or_default());
    let in_page: BTreeSet<TaskId> = found.keys().cloned().collect();
    let asked_at = ports.clock.now();
    let ids = found.keys().cloned().chain(others.iter().cloned());
    let stored = book::read(&*ports.tasks, ids).await?;
    let unread: Vec<&Task> =
        stored.values().filter(|task| others.contains(&task.id) && !found.contains_key(&task.id)).collect();
    let (read, gone) = counterparts(ports, &unread).await.map_err(Blind::Salesforce)?;
    found.extend(by_task(read));
    let people = people::of_records(ports, &found, &stored).await?;
    let active = active_owners(ports, scope, &found, &stored).await.map_err(Blind::Salesforce)?;
    let now = ports.clock.now();
    let ahead = ports.salesforce.time_at(now).duration_since(now);
    let read_at =
        |id: &TaskId| of_page.filter(|_| in_page.contains(id)).unwrap_or_else(|| ports.salesforce.time_at(asked_at));
    let mut looked = Vec::new();
    for (id, mut records) in found {
        let before = stored.get(&id);
        let Some(task) = before else {
            let record = records.remove(0);
            if let Some(task) = taken_in(&record, &active, &people, scope, now) {
                let merged = Merged { task, act: Act::Nothing, took: BTreeSet::new() };
                looked.push(Looked { before: None, merged, record: Some(record) });
            }
            continue;
        };
        let record = counterpart(task, records);
        let person = record.who.as_ref().and_then(|who| people.get(who).copied());
        let around = Around { ahead, read_at: read_at(&id), template: &scope.settings.subject_template, person };
        let merged = merge(task, Found::Record(&record), &around);
        looked.push(Looked { before: Some(task.clone()), merged, record: Some(record) });
    }
    for id in gone {
        let Some(task) = stored.get(&id) else { continue };
        let around = Around { ahead, read_at: read_at(&id), template: &scope.settings.subject_template, person: None };
        let mut merged = merge(task, Found::Nothing, &around);
        let shared = task.shared || scope.marked.contains(&task.id);
        if merged.act == Act::Create && !(shared && scope.settings.includes(task.values.owner.as_deref())) {
            merged.act = Act::Nothing;
        }
        looked.push(Looked { before: Some(task.clone()), merged, record: None });
    }
    Ok(looked)
}

/// Records by the task that they belong to.
fn by_task(records: Vec<ReminderRecord>) -> BTreeMap<TaskId, Vec<ReminderRecord>> {
    let mut found: BTreeMap<TaskId, Vec<ReminderRecord>> = BTreeMap::new();
    for record in records {
        if let Some(id) = task_of(&record) {
            found.entry(id).or_default().push(record);
        }
    }
    found
}

/// Of several records with the key of a task: its counterpart, else one that is there.
fn counterpart(task: &Task, mut records: Vec<ReminderRecord>) -> ReminderRecord {
    let linked = task.link.as_ref().filter(|link| !link.deleted);
    records.sort_by_key(|record| (linked.is_none_or(|link| link.id != record.id), record.deleted, record.stamp));
    records.swap_remove(0)
}

/// What Salesforce has of tasks, and those of which it has nothing.
async fn counterparts(ports: &TaskPorts, tasks: &[&Task]) -> Result<(Vec<ReminderRecord>, BTreeSet<TaskId>), Failure> {
    let (mut ids, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for task in tasks {
        match &task.link {
            Some(link) if !link.deleted => drop(ids.insert(link.id.clone())),
            _ if task.creating.is_some() => drop(keys.insert(task.id.key())),
            _ => {}
        }
    }
    let mut records = Vec::new();
    if !ids.is_empty() {
        records.extend(ports.salesforce.reminders_by_id(&ids).await?);
    }
    if !keys.is_empty() {
        records.extend(ports.salesforce.reminders_by_key(&keys).await?);
    }
    let there: BTreeSet<TaskId> = records.iter().filter_map(task_of).collect();
    let gone = tasks.iter().map(|task| task.id.clone()).filter(|id| !there.contains(id)).collect();
    Ok((records, gone))
}

/// The task that a record belongs to: its key names it, or it made that task by being taken in. `None` = a logged activity, nobody's reminder.
fn task_of(record: &ReminderRecord) -> Option<TaskId> {
    record.key.as_deref().map_or_else(|| Some(TaskId::imported(&record.id)), TaskId::of_key)
}

/// Those of the owners of new tasks who can log in.
async fn active_owners(
    ports: &TaskPorts,
    scope: Scope<'_>,
    found: &BTreeMap<TaskId, Vec<ReminderRecord>>,
    stored: &BTreeMap<TaskId, Task>,
) -> Result<BTreeSet<String>, Failure> {
    let new = found.iter().filter(|(id, _)| !stored.contains_key(*id)).flat_map(|(_, records)| records);
    let owners: BTreeSet<String> = new.filter_map(|record| wanted_of(record, scope)).map(str::to_owned).collect();
    if owners.is_empty() {
        return Ok(owners);
    }
    Ok(ports.salesforce.users(&owners).await?.into_keys().collect())
}

/// The owner of a record that is to be taken in, where that owner can log in.
fn wanted_of<'r>(record: &'r ReminderRecord, scope: Scope<'_>) -> Option<&'r str> {
    let owner = record.owner_email.as_deref()?;
    let wanted = record.key.is_none()
        && !record.deleted
        && !record.recurring
        && !record.values.closed
        && record.values.due.is_some()
        && scope.settings.includes(Some(owner))
        && scope.import_from.is_some_and(|from| record.stamp >= from);
    wanted.then_some(owner)
}

/// The task that a record becomes here; `None` where it is to stay in Salesforce alone.
fn taken_in(
    record: &ReminderRecord,
    active: &BTreeSet<String>,
    people: &BTreeMap<String, MarketoId>,
    scope: Scope<'_>,
    now: Timestamp,
) -> Option<Task> {
    wanted_of(record, scope).filter(|owner| active.contains(*owner))?;
    let mut task = Task::new(TaskId::imported(&record.id), Side::Salesforce, now);
    task.values = read(record, &Subject::of(&task, "")).values;
    task.changed = Field::ALL.into_iter().map(|field| (field, now)).collect();
    task.person = record.who.as_ref().and_then(|who| people.get(who).copied());
    let agreed = Agreed { here: task.values.clone(), there: record.values.clone() };
    task.link = Some(Link::new(record.id.clone(), record.who.clone(), agreed, record.modified));
    Some(task)
}
