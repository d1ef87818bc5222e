//! Carrying out what a look came to: first what is taken over here and what is about to be sent, then Salesforce, then what became of it. A crash at
//! any place leaves notes from which the next look knows what was sent. Decides nothing about who wins.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::look::{Blind, Looked};
use super::merge::Act;
use super::task::{Link, Sending, Sent, Task, TaskId};
use super::values::Field;
use super::wording::{Subject, written};
use super::{book, people};
use crate::people::MarketoId;
use crate::ports::{
    NewReminder, PutOutcome, ReminderFields, ReminderLayout, ReminderUpdate, RowAdvice, RowOutcome, TaskPorts,
    TaskWrite, UpdateOutcome,
};
use crate::settings::ReminderSettings;
use crate::{Failure, FailureKind, Trouble};

/// Salesforce tells changes to the second, and its time is known to two: one of this age or less may be followed by another that looks the same.
pub(super) const FRESH: SignedDuration = SignedDuration::from_secs(4);
/// Code of a record whose key is there already.
const DUPLICATE: &str = "DUPLICATE_VALUE";

/// What a round came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Tasks that say something else here.
    pub here: BTreeSet<TaskId>,
    /// Tasks that were to be written in Salesforce, and those that were.
    pub tried: BTreeSet<TaskId>,
    pub there: BTreeSet<TaskId>,
    /// Refused until somebody changes something, or for a while.
    pub refused: BTreeSet<TaskId>,
    /// To be looked at once more.
    pub again: BTreeSet<TaskId>,
    /// Whether somebody changed a record of these just now.
    pub fresh: bool,
    /// Whether the organisation's fields are not as they were.
    pub reshaped: bool,
}

/// What round it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// Whether no other follows.
    pub last: bool,
    /// Whether the layout is to be read again.
    pub reshaped: bool,
    /// Nothing is sent after this.
    pub not_after: Timestamp,
}

/// What is to be sent.
enum Write {
    Create(NewReminder),
    Update(ReminderUpdate),
    Delete(String),
}

/// What became of it.
enum Ack {
    Created(String, Option<String>),
    Updated,
    Deleted,
    /// Somebody else was there first.
    Again,
    Refused {
        trouble: Trouble,
        passing: bool,
    },
}

/// Carries out what a look came to.
pub(super) async fn apply(
    ports: &TaskPorts,
    settings: &ReminderSettings,
    looked: Vec<Looked>,
    round: Round,
) -> Result<Applied, Blind> {
    let mut applied = Applied::default();
    let tools = Tools::for_all(ports, &looked, round).await?;
    let (mut rows, mut writes) = (Vec::new(), BTreeMap::new());
    for looked in looked {
        let here = looked.changes_here();
        let seen = looked.before.as_ref().map(|task| task.rev);
        let (before, id) = (looked.before.clone(), looked.merged.task.id.clone());
        let Some((task, write)) = tools.prepared(looked, settings, round, &mut applied) else { continue };
        if let Some(write) = write {
            applied.tried.insert(id.clone());
            writes.insert(id.clone(), write);
        }
        if before.as_ref() != Some(&task) {
            rows.push((TaskWrite { task, seen }, here));
        }
    }
    keep(ports, rows, &mut writes, &mut applied).await?;
    let (acks, failure) = send(ports, writes, round, &mut applied).await;
    applied.again.extend(acknowledge(ports, acks).await?);
    failure.map_or(Ok(applied), |failure| Err(Blind::Salesforce(failure)))
}

/// Stores the rows; what somebody else wrote meanwhile is left to the next round.
async fn keep(
    ports: &TaskPorts,
    rows: Vec<(TaskWrite, bool)>,
    writes: &mut BTreeMap<TaskId, Write>,
    applied: &mut Applied,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let names: Vec<(TaskId, bool)> = rows.iter().map(|(row, here)| (row.task.id.clone(), *here)).collect();
    let outcomes = ports.tasks.put(rows.into_iter().map(|(row, _)| row).collect()).await?;
    for ((id, here), outcome) in names.into_iter().zip(outcomes) {
        if outcome == PutOutcome::Conflict {
            writes.remove(&id);
            applied.again.insert(id);
        } else if here {
            applied.here.insert(id);
        }
    }
    Ok(())
}

/// What writing needs to know of the organisation.
struct Tools {
    layout: ReminderLayout,
    users: BTreeMap<String, String>,
    /// Contacts and leads of people; who is not here at all is absent.
    who: BTreeMap<MarketoId, Option<String>>,
    there: Timestamp,
    now: Timestamp,
}

impl Tools {
    async fn for_all(ports: &TaskPorts, looked: &[Looked], round: Round) -> Result<Self, Blind> {
        let (mut emails, mut persons, mut writes) = (BTreeSet::new(), BTreeSet::new(), false);
        for Looked { merged, .. } in looked {
            let owner = merged.task.values.owner.clone();
            match &merged.act {
                Act::Nothing | Act::Later => continue,
                Act::Delete => {}
                Act::Give(fields) => emails.extend(owner.filter(|_| fields.contains(&Field::Owner))),
                Act::Create => {
                    emails.extend(owner);
                    persons.extend(merged.task.person);
                }
            }
            writes = true;
        }
        let mut tools = Self {
            layout: ReminderLayout::default(),
            users: BTreeMap::new(),
            who: BTreeMap::new(),
            now: ports.clock.now(),
            there: Timestamp::MIN,
        };
        if writes {
            let layout = ports.salesforce.reminder_layout(round.reshaped).await;
            tools.layout = layout.map_err(Blind::Salesforce)?;
        }
        if !emails.is_empty() {
            tools.users = ports.salesforce.users(&emails).await.map_err(Blind::Salesforce)?;
        }
        if !persons.is_empty() {
            let rows = people::survivors(&*ports.people, persons).await?;
            let mut known = people::in_salesforce(ports, &rows).await.map_err(Blind::Salesforce)?;
            tools.who = rows.into_keys().map(|id| (id, known.remove(&id))).collect();
        }
        // Once answers have told the time.
        tools.there = ports.salesforce.time_at(tools.now);
        let creates = looked.iter().any(|looked| looked.merged.act == Act::Create);
        if creates && !tools.layout.has_key {
            let text = "Task.Sales_Activity_Key__c is missing, or the integration user cannot write it, or it is not unique and an external id: \
                        `actions-sync provision salesforce` says how to make it; tasks wait until then";
            return Err(Blind::Salesforce(Failure::new(FailureKind::BadSetting, text)));
        }
        Ok(tools)
    }

    /// The row to be stored, and what is then to be sent; `None` where the task waits for another round.
    fn prepared(
        &self,
        looked: Looked,
        settings: &ReminderSettings,
        round: Round,
        applied: &mut Applied,
    ) -> Option<(Task, Option<Write>)> {
        let Looked { merged, record, .. } = looked;
        let mut task = merged.task;
        let just_now = |at: Timestamp| self.there.duration_since(at) < FRESH && !round.last;
        if matches!(merged.act, Act::Give(_) | Act::Delete)
            && record.as_ref().is_some_and(|record| just_now(record.modified))
        {
            applied.again.insert(task.id);
            applied.fresh = true;
            return None;
        }
        let write = match merged.act {
            Act::Later => return Some((task, None)),
            Act::Nothing => None,
            Act::Give(fields) => record.and_then(|record| {
                let sent = self.give(&mut task, &fields, &record, settings);
                (!sent.is_empty()).then_some(Write::Update(ReminderUpdate {
                    id: record.id,
                    seen: record.modified,
                    fields: sent,
                }))
            }),
            Act::Delete => record.map(|record| {
                if let Some(link) = &mut task.link {
                    (link.sending.deletion, link.seen, link.written_at) = (true, record.modified, None);
                }
                Write::Delete(record.id)
            }),
            Act::Create => match self.create(&mut task, settings) {
                Ok(new) => Some(Write::Create(new)),
                Err(trouble) => {
                    applied.refused.insert(task.id.clone());
                    task.refused(self.now, trouble, true);
                    return Some((task, None));
                }
            },
        };
        if write.is_none() {
            task.settled();
        } else if !task.is_due(self.now) {
            // Whatever becomes of the sending, it is looked into again until its outcome is known.
            task.due(self.now);
        }
        Some((task, write))
    }

    /// Notes what is given to a record; what cannot be said there stays here, and is settled.
    fn give(
        &self,
        task: &mut Task,
        fields: &BTreeSet<Field>,
        record: &crate::ports::ReminderRecord,
        settings: &ReminderSettings,
    ) -> ReminderFields {
        let subject = Subject::of(task, &settings.subject_template);
        let mut sent = ReminderFields::new();
        let values = task.values.clone();
        let Some(link) = &mut task.link else { return sent };
        for field in fields {
            match written(*field, &values, &subject, &self.layout, &self.users) {
                Some(text) if text != record.values.text(*field) => drop(sent.insert(*field, text)),
                _ => link.agreed.settle(*field, &values, &record.values),
            }
        }
        (link.seen, link.written_at) = (record.modified, None);
        if !sent.is_empty() {
            link.sending.note(Sent { here: values, fields: sent.clone() });
        }
        sent
    }

    fn create(&self, task: &mut Task, settings: &ReminderSettings) -> Result<NewReminder, Trouble> {
        let who = match task.person {
            None => None,
            Some(person) => self.who.get(&person).cloned().ok_or_else(|| {
                Trouble::new(
                    "unknown-person",
                    "nobody with this Marketo id is synced; it is tried again, in case the person is still on its way. `explain` says why a \
                     person is not synced",
                )
            })?,
        };
        // What was sent before may have arrived: whoever sends something else does not know what is there.
        let creating = task.creating.take().unwrap_or_else(|| {
            let subject = Subject::of(task, &settings.subject_template);
            let text = |field| Some((field, Some(written(field, &task.values, &subject, &self.layout, &self.users)??)));
            Sent { here: task.values.clone(), fields: Field::ALL.into_iter().filter_map(text).collect() }
        });
        let new = NewReminder {
            key: task.id.key(),
            fields: creating.fields.clone(),
            who: who.filter(|_| self.layout.has_who),
        };
        task.creating = Some(creating);
        Ok(new)
    }
}

/// Sends everything; gives what became of it, and why the rest was not sent.
async fn send(
    ports: &TaskPorts,
    writes: BTreeMap<TaskId, Write>,
    round: Round,
    applied: &mut Applied,
) -> (BTreeMap<TaskId, Ack>, Option<Failure>) {
    let (mut creates, mut updates, mut deletes) =
        ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for (id, write) in writes {
        match write {
            Write::Create(new) => {
                creates.0.push(id);
                creates.1.push(new);
            }
            Write::Update(update) => {
                updates.0.push(id);
                updates.1.push(update);
            }
            Write::Delete(record) => {
                deletes.0.push(id);
                deletes.1.push(record);
            }
        }
    }
    let mut acks = BTreeMap::new();
    if !updates.1.is_empty() {
        match ports.salesforce.update_reminders(&updates.1, round.not_after).await {
            Err(failure) => return (acks, Some(failure)),
            Ok(outcomes) => {
                for (id, outcome) in updates.0.into_iter().zip(outcomes) {
                    let ack = match outcome {
                        UpdateOutcome::Changed => {
                            applied.fresh = true;
                            Ack::Again
                        }
                        UpdateOutcome::Row(row) => of_row(row, |_| Ack::Updated, round, applied),
                    };
                    acks.insert(id, ack);
                }
            }
        }
    }
    let whom: Vec<Option<String>> = creates.1.iter().map(|new| new.who.clone()).collect();
    if !creates.1.is_empty() {
        match ports.salesforce.create_reminders(&creates.1, round.not_after).await {
            Err(failure) => return (finished(acks, applied), Some(failure)),
            Ok(outcomes) => {
                for ((id, outcome), who) in creates.0.into_iter().zip(outcomes).zip(whom) {
                    acks.insert(id, of_row(outcome, |record| Ack::Created(record, who), round, applied));
                }
            }
        }
    }
    if !deletes.1.is_empty() {
        match ports.salesforce.delete_reminders(&deletes.1, round.not_after).await {
            Err(failure) => return (finished(acks, applied), Some(failure)),
            Ok(outcomes) => {
                for (id, outcome) in deletes.0.into_iter().zip(outcomes) {
                    acks.insert(id, of_row(outcome, |_| Ack::Deleted, round, applied));
                }
            }
        }
    }
    (finished(acks, applied), None)
}

/// Counts what became of everything.
fn finished(acks: BTreeMap<TaskId, Ack>, applied: &mut Applied) -> BTreeMap<TaskId, Ack> {
    for (id, ack) in &acks {
        match ack {
            Ack::Created(..) | Ack::Updated | Ack::Deleted => drop(applied.there.insert(id.clone())),
            Ack::Again => drop(applied.again.insert(id.clone())),
            Ack::Refused { .. } => drop(applied.refused.insert(id.clone())),
        }
    }
    acks
}

fn of_row(outcome: RowOutcome, written: impl FnOnce(String) -> Ack, round: Round, applied: &mut Applied) -> Ack {
    match outcome {
        RowOutcome::Written { id } => written(id),
        RowOutcome::Refused { advice: RowAdvice::Gone, .. } => Ack::Again,
        RowOutcome::Refused { code, .. } if code == DUPLICATE => Ack::Again,
        // The layout is kept for some minutes, and may not be what it was.
        RowOutcome::Refused { advice: RowAdvice::Reshape(_), .. } if !round.reshaped && !round.last => {
            applied.reshaped = true;
            Ack::Again
        }
        RowOutcome::Refused { code, message, advice } => {
            let passing = matches!(advice, RowAdvice::Retry | RowAdvice::Rematch);
            Ack::Refused { trouble: Trouble::new(code, message), passing }
        }
    }
}

/// Keeps what became of what was sent; gives the tasks that say something else here than what was sent, and stay due.
async fn acknowledge(ports: &TaskPorts, acks: BTreeMap<TaskId, Ack>) -> Result<BTreeSet<TaskId>, Failure> {
    let now = ports.clock.now();
    let there = ports.salesforce.time_at(now);
    let told = acks.iter().filter(|(_, ack)| !matches!(ack, Ack::Again)).map(|(id, _)| id.clone()).collect::<Vec<_>>();
    let mut behind = BTreeSet::new();
    if told.is_empty() {
        return Ok(behind);
    }
    book::alter(&*ports.tasks, told, |task| {
        let before = task.clone();
        match acks.get(&task.id) {
            None | Some(Ack::Again) => {}
            Some(Ack::Refused { trouble, passing }) => {
                if let Some(link) = &mut task.link {
                    link.sending = Sending::default();
                }
                if task.link.as_ref().is_none_or(|link| link.deleted) {
                    task.creating = None;
                }
                task.refused(now, trouble.clone(), *passing);
            }
            Some(Ack::Created(record, who)) => {
                if let Some(creating) = task.creating.take() {
                    let agreed = creating.agreed();
                    task.link = Some(Link::new(record.clone(), who.clone(), agreed, Timestamp::MIN));
                }
                in_step_or_due(task, now);
            }
            Some(Ack::Updated) => {
                if let Some(link) = &mut task.link
                    && let Some(sent) = link.sending.updates.pop()
                {
                    link.agreed.written(&sent.here, &sent.fields);
                    (link.sending, link.written_at) = (Sending::default(), Some(there));
                }
                in_step_or_due(task, now);
            }
            Some(Ack::Deleted) => {
                if let Some(link) = &mut task.link
                    && std::mem::take(&mut link.sending).deletion
                {
                    (link.deleted, link.deleted_by_us, link.written_at) = (true, true, Some(there));
                }
                in_step_or_due(task, now);
            }
        }
        behind.remove(&task.id);
        if task.is_due(now) && !matches!(acks.get(&task.id), Some(Ack::Refused { .. })) {
            behind.insert(task.id.clone());
        }
        *task != before
    })
    .await?;
    Ok(behind)
}

fn in_step_or_due(task: &mut Task, now: Timestamp) {
    let in_step = match (&task.link, task.deleted.is_some()) {
        (None, deleted) => deleted,
        (Some(link), true) => link.deleted,
        (Some(link), false) => {
            !link.deleted && Field::ALL.into_iter().all(|field| task.values.same(&link.agreed.here, field))
        }
    };
    if in_step { task.settled() } else { task.due(now) }
}
