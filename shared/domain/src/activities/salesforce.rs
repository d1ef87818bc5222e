//! Logs due activities in Salesforce: emails, calls and replies as tasks, opens, clicks, replies and bounces as flags on the email's own
//! task. Tasks are written by our own key, so a repeat after a lost answer finds the same task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use super::desk::{self, Held, Work};
use super::entry::{Destination, Entry, Progress};
use super::matching::{Known, Match};
use super::message::{Activity, ActivityId, Kind};
use super::people::{self, NoPerson};
use super::task::{self, TaskPeople};
use crate::people::{Field, PersonRow, normalised_email};
use crate::ports::{KEY_FIELD, LogPorts, NewLead, RowAdvice, RowOutcome, TaskLayout, TaskRecord};
use crate::settings::{self, LogSettings};
use crate::{Failure, FailureKind, Trouble};

/// Entries of one batch: eight calls' worth, so that calls which are not full are few.
const BATCH: usize = 1_600;
/// Rounds of writing in which a task may be matched anew or lose fields; more than that helps nobody.
const MAX_ROUNDS: usize = 3;
/// Rounds of reading records, one more for each merge or conversion on the way.
const MAX_LOOKS: usize = 10;

/// How long after a task was written a request for it, sent before, may still be carried out, by Salesforce's own limit of ten minutes.
pub const SALESFORCE_SETTLE: Duration = Duration::from_secs(12 * 60);

const HERE: Destination = Destination::Salesforce;

/// Logs what is due in Salesforce, until nothing is, or time is over. `hints` are ids just taken in. `settle` is how long after an email
/// its bounce is written once more, [`SALESFORCE_SETTLE`] where the far side is Salesforce.
///
/// # Errors
/// Those of our own store, and `Conflict` when the desk was lost to another worker. What Salesforce refuses is in the [`Work`].
pub async fn log_to_salesforce(
    ports: &LogPorts,
    hints: &[ActivityId],
    settle: Duration,
    deadline: Option<Timestamp>,
) -> Result<Work, Failure> {
    if let Some(idle) = desk::is_idle(ports, HERE, hints).await? {
        return Ok(idle);
    }
    let settings = settings::load(&*ports.state).await?.log()?;
    let Some(mut held) = Held::take(ports, HERE, deadline).await? else {
        return Ok(Work { busy: true, ..Work::default() });
    };
    while held.has_time() {
        let entries = held.next(hints, BATCH).await?;
        if entries.is_empty() {
            break;
        }
        let batch = Batch::sort(ports, entries, &settings).await?;
        if settings.dry_run {
            held.work.planned += (batch.tasks.len() + batch.flags.len()) as u64;
            break;
        }
        let mut batch = batch;
        let settled = std::mem::take(&mut batch.moves);
        held.advance(settled).await?;
        let not_after = held.may_write_until();
        if !batch.tasks.is_empty() {
            held.commit().await?;
        }
        match batch.write(ports, &settings, settle, not_after).await {
            Ok(Written { moves, notices, called }) => {
                if called {
                    held.answered();
                    held.desk().notices = notices;
                }
                held.advance(moves).await?;
                held.commit().await?;
            }
            Err(failure) => {
                held.close(&failure);
                break;
            }
        }
    }
    held.release().await
}

/// A task to be made.
struct NewTask {
    entry: Entry,
    person: PersonRow,
    /// The email that a reply answers.
    original: Option<Activity>,
}

/// An activity that sets flags on the task of another.
struct Flag {
    entry: Entry,
    /// The email's activity.
    original: ActivityId,
    /// The email's task, where that was made before.
    task: Option<String>,
    /// When that was.
    made: Option<Timestamp>,
}

impl Flag {
    /// When it is to be set once more. A task's own write says "sent" where a bounce says "bounced"; of a logger that was replaced, such a
    /// write may be carried out late, and undo the bounce. Other flags are undone by nothing.
    fn again(&self, now: Timestamp, settle: Duration) -> Option<Timestamp> {
        let until = self.made.unwrap_or(now).checked_add(settle).ok()?;
        (self.entry.activity.what.kind() == Kind::EmailBounced && now < until).then_some(until)
    }
}

/// Due entries, sorted by what has to be done.
struct Batch {
    tasks: Vec<NewTask>,
    flags: Vec<Flag>,
    /// What can be settled without Salesforce.
    moves: Vec<(Entry, Progress)>,
}

/// What writing a batch came to.
struct Written {
    moves: Vec<(Entry, Progress)>,
    notices: Vec<String>,
    /// Whether Salesforce was asked anything.
    called: bool,
}

/// What became of a task of this batch.
#[derive(Clone)]
enum Outcome {
    Done(String),
    Later(Trouble),
    Rejected(Trouble),
}

impl Batch {
    async fn sort(ports: &LogPorts, entries: Vec<Entry>, settings: &LogSettings) -> Result<Self, Failure> {
        let now = ports.clock.now();
        let mut batch = Self { tasks: Vec::new(), flags: Vec::new(), moves: Vec::new() };
        let mut wanted = Vec::new();
        for entry in entries {
            match settings.skipped(HERE, entry.activity.what.kind()) {
                Some(why) => batch.moves.push((entry, Progress::Skipped { why })),
                None => wanted.push(entry),
            }
        }
        let originals = originals(ports, &wanted).await?;
        let here: BTreeSet<ActivityId> = wanted
            .iter()
            .filter(|entry| entry.activity.what.kind() == Kind::EmailSent)
            .map(|e| e.id().clone())
            .collect();
        let people = people::resolve(&*ports.people, &wanted).await?;
        for entry in wanted {
            let kind = entry.activity.what.kind();
            let original = entry.activity.what.original().cloned();
            if let Some(original) = original.clone() {
                let (task, made) = match originals.get(&original).map(|original| original.at(HERE)) {
                    Some(Progress::Done { id, at }) => (Some(id.clone()), Some(*at)),
                    Some(Progress::Skipped { .. }) => {
                        let why = "the email it is about is not logged in Salesforce".to_owned();
                        batch.moves.push((entry, Progress::Skipped { why }));
                        continue;
                    }
                    Some(_) if here.contains(&original) => (None, None),
                    _ => {
                        let progress = entry.at(HERE).later(now, waits_for_email());
                        batch.moves.push((entry, progress));
                        continue;
                    }
                };
                batch.flags.push(Flag { entry: entry.clone(), original, task, made });
            }
            let has_task =
                matches!(kind, Kind::EmailSent | Kind::CallLogged) || kind == Kind::EmailReplied && settings.replies;
            if !has_task {
                continue;
            }
            match people.get(entry.id()) {
                Some(Ok(person)) => {
                    let original = original.and_then(|id| originals.get(&id)).map(|original| original.activity.clone());
                    batch.tasks.push(NewTask { person: person.clone(), entry, original });
                }
                Some(Err(no_person)) => {
                    let progress = match no_person {
                        NoPerson::Deleted(trouble) => entry.at(HERE).rejected(now, trouble.clone()),
                        NoPerson::Unknown(trouble) => entry.at(HERE).later(now, trouble.clone()),
                    };
                    batch.flags.retain(|flag| flag.entry.id() != entry.id());
                    batch.moves.push((entry, progress));
                }
                None => {}
            }
        }
        Ok(batch)
    }

    /// Writes tasks, then flags.
    async fn write(
        self,
        ports: &LogPorts,
        settings: &LogSettings,
        settle: Duration,
        not_after: Timestamp,
    ) -> Result<Written, Failure> {
        if self.tasks.is_empty() && self.flags.is_empty() {
            return Ok(Written { moves: Vec::new(), notices: Vec::new(), called: false });
        }
        let mut layout = ports.salesforce.task_layout(false).await?;
        if !layout.has_key {
            layout = ports.salesforce.task_layout(true).await?;
        }
        if !layout.has_key {
            return Err(no_key());
        }
        let outcomes = self.write_tasks(ports, settings, &mut layout, not_after).await?;
        let flagged = self.write_flags(ports, &layout, &outcomes).await?;
        let now = ports.clock.now();
        let mut moves = Vec::new();
        let flag_ids: BTreeSet<ActivityId> = self.flags.iter().map(|flag| flag.entry.id().clone()).collect();
        for NewTask { entry, .. } in self.tasks {
            // A reply is logged once both its task and its flag are.
            let mine = outcomes.get(entry.id()).cloned();
            let outcome = match (mine, flagged.get(entry.id())) {
                (Some(Outcome::Done(_)), Some(flag @ (Outcome::Later(_) | Outcome::Rejected(_)))) => Some(flag.clone()),
                (mine, _) => mine,
            };
            if let Some(outcome) =
                outcome.filter(|_| !flag_ids.contains(entry.id()) || flagged.contains_key(entry.id()))
            {
                let progress = outcome.after(entry.at(HERE), now);
                moves.push((entry, progress));
            }
        }
        for flag in self.flags {
            if !outcomes.contains_key(flag.entry.id())
                && let Some(outcome) = flagged.get(flag.entry.id())
            {
                let progress = match (outcome, flag.again(now, settle)) {
                    (Outcome::Done(_), Some(again)) => Progress::due(again),
                    _ => outcome.clone().after(flag.entry.at(HERE), now),
                };
                moves.push((flag.entry, progress));
            }
        }
        Ok(Written { moves, notices: notices(&layout), called: true })
    }

    /// Makes the tasks; those of emails with the flags that this batch sets on them.
    async fn write_tasks(
        &self,
        ports: &LogPorts,
        settings: &LogSettings,
        layout: &mut TaskLayout,
        not_after: Timestamp,
    ) -> Result<HashMap<ActivityId, Outcome>, Failure> {
        let mut outcomes = HashMap::new();
        if self.tasks.is_empty() {
            return Ok(outcomes);
        }
        let sellers = self.tasks.iter().filter_map(|task| normalised_email(&task.entry.activity.user)).collect();
        let users = ports.salesforce.users(&sellers).await?;
        let owner =
            |task: &NewTask| normalised_email(&task.entry.activity.user).and_then(|email| users.get(&email)).cloned();
        let mut known = Known::default();
        let mut doubted: BTreeSet<ActivityId> = BTreeSet::new();
        let mut refused: HashMap<ActivityId, Trouble> = HashMap::new();
        let mut left: Vec<&NewTask> = self.tasks.iter().collect();
        for _ in 0..MAX_ROUNDS {
            let matched = look_up(ports, settings, &left, &users, &mut known, &doubted).await?;
            let mut writes = Vec::new();
            let mut nobody = Vec::new();
            let mut writing = Vec::new();
            for task in std::mem::take(&mut left) {
                let Some(who) = matched.get(task.entry.id()).cloned().flatten() else {
                    nobody.push(task);
                    continue;
                };
                let people = TaskPeople { who, owner: owner(task) };
                let record = task::task(&task.entry.activity, task.original.as_ref(), &people, layout, settings);
                writes.push((task.entry.id().0.clone(), self.flagged(task, record.unwrap_or_default(), layout)));
                writing.push(task);
            }
            let made = make_leads(ports, settings, &nobody, &mut known).await?;
            for task in nobody {
                match made.get(task.entry.id()) {
                    None => left.push(task),
                    Some(trouble) => drop(outcomes.insert(task.entry.id().clone(), Outcome::Rejected(trouble.clone()))),
                }
            }
            let results =
                if writes.is_empty() { Vec::new() } else { ports.salesforce.put_tasks(&writes, not_after).await? };
            let mut reshape = BTreeSet::new();
            let mut stale = false;
            for (task, result) in writing.into_iter().zip(results) {
                let id = task.entry.id().clone();
                match result {
                    RowOutcome::Written { id: task_id } => drop(outcomes.insert(id, Outcome::Done(task_id))),
                    RowOutcome::Refused { code, message, advice } => {
                        let trouble = Trouble::new(code, message);
                        match advice {
                            RowAdvice::Retry => drop(outcomes.insert(id, Outcome::Later(trouble))),
                            RowAdvice::Reject => drop(outcomes.insert(id, Outcome::Rejected(trouble))),
                            RowAdvice::Rematch | RowAdvice::Gone => {
                                doubted.insert(id.clone());
                                refused.insert(id, trouble);
                                left.push(task);
                            }
                            RowAdvice::Reshape(fields) => {
                                stale = true;
                                reshape.extend(fields);
                                refused.insert(id, trouble);
                                left.push(task);
                            }
                        }
                    }
                }
            }
            if stale {
                *layout = ports.salesforce.task_layout(true).await?;
                layout.fields.retain(|name, _| !reshape.contains(name));
            }
            if left.is_empty() {
                return Ok(outcomes);
            }
        }
        for task in left {
            let trouble = refused.remove(task.entry.id()).unwrap_or_else(no_match);
            outcomes.insert(task.entry.id().clone(), Outcome::Rejected(trouble));
        }
        Ok(outcomes)
    }

    /// A task with the flags that others of this batch set on it.
    fn flagged(&self, task: &NewTask, mut record: TaskRecord, layout: &TaskLayout) -> TaskRecord {
        let mine = self.flags.iter().filter(|flag| flag.task.is_none() && flag.original == *task.entry.id());
        for flags in mine.filter_map(|flag| task::flags(&flag.entry.activity, layout)) {
            record.fields.extend(flags.fields);
        }
        record
    }

    /// Sets flags on tasks that were made before, and says what became of those that went along with a task of this batch.
    async fn write_flags(
        &self,
        ports: &LogPorts,
        layout: &TaskLayout,
        tasks: &HashMap<ActivityId, Outcome>,
    ) -> Result<HashMap<ActivityId, Outcome>, Failure> {
        let mut outcomes = HashMap::new();
        let mut updates: BTreeMap<String, TaskRecord> = BTreeMap::new();
        let mut waiting: Vec<(&Flag, String)> = Vec::new();
        for flag in &self.flags {
            let id = flag.entry.id().clone();
            match (&flag.task, tasks.get(&flag.original)) {
                (None, Some(Outcome::Done(task))) => drop(outcomes.insert(id, Outcome::Done(task.clone()))),
                (None, _) => drop(outcomes.insert(id, Outcome::Later(waits_for_email()))),
                (Some(task), _) => match task::flags(&flag.entry.activity, layout) {
                    // No field for it can be written here, which the notices say.
                    None => drop(outcomes.insert(id, Outcome::Done(task.clone()))),
                    Some(record) => {
                        updates.entry(task.clone()).or_default().fields.extend(record.fields);
                        waiting.push((flag, task.clone()));
                    }
                },
            }
        }
        if updates.is_empty() {
            return Ok(outcomes);
        }
        let updates: Vec<(String, TaskRecord)> = updates.into_iter().collect();
        let results = ports.salesforce.update_tasks(&updates).await?;
        if results.iter().any(|row| matches!(row, RowOutcome::Refused { advice: RowAdvice::Reshape(_), .. })) {
            ports.salesforce.task_layout(true).await?;
        }
        let by_task: HashMap<&str, RowOutcome> = updates.iter().map(|(id, _)| id.as_str()).zip(results).collect();
        for (flag, task) in waiting {
            let outcome = match by_task.get(task.as_str()) {
                Some(RowOutcome::Written { .. }) => Outcome::Done(task.clone()),
                Some(RowOutcome::Refused { advice: RowAdvice::Gone, .. }) => Outcome::Rejected(Trouble::new(
                    "task-deleted",
                    "the email's task was deleted in Salesforce, so there is nothing to mark",
                )),
                Some(RowOutcome::Refused { code, message, advice }) => {
                    let trouble = Trouble::new(code.clone(), message.clone());
                    match advice {
                        RowAdvice::Reject => Outcome::Rejected(trouble),
                        _ => Outcome::Later(trouble),
                    }
                }
                None => continue,
            };
            outcomes.insert(flag.entry.id().clone(), outcome);
        }
        Ok(outcomes)
    }
}

impl Outcome {
    fn after(self, before: &Progress, now: Timestamp) -> Progress {
        match self {
            Self::Done(id) => Progress::Done { id, at: now },
            Self::Later(trouble) => before.later(now, trouble),
            Self::Rejected(trouble) => before.rejected(now, trouble),
        }
    }
}

/// The emails that activities are about, as far as they are known here.
async fn originals(ports: &LogPorts, entries: &[Entry]) -> Result<HashMap<ActivityId, Entry>, Failure> {
    let ids: BTreeSet<_> = entries.iter().filter_map(|entry| entry.activity.what.original().cloned()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ports.ledger.get(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(found.into_iter().map(|entry| (entry.id().clone(), entry)).collect())
}

/// Whom each task is about; `None` = nobody. Reads what has to be read, in as few calls as there are rounds.
async fn look_up(
    ports: &LogPorts,
    settings: &LogSettings,
    tasks: &[&NewTask],
    users: &BTreeMap<String, String>,
    known: &mut Known,
    doubted: &BTreeSet<ActivityId>,
) -> Result<HashMap<ActivityId, Option<String>>, Failure> {
    let mut matched = HashMap::new();
    for _ in 0..MAX_LOOKS {
        let (mut ids, mut emails) = (BTreeSet::new(), BTreeSet::new());
        for task in tasks {
            let id = task.entry.id();
            let owner = normalised_email(&task.entry.activity.user).and_then(|email| users.get(&email));
            let found = known.find(
                &task.entry.activity,
                &task.person,
                owner.map(String::as_str),
                settings,
                doubted.contains(id),
            );
            match found {
                Match::Record(record) => drop(matched.insert(id.clone(), Some(record))),
                Match::Nobody => drop(matched.insert(id.clone(), None)),
                Match::NeedsId(id) => drop(ids.insert(id)),
                Match::NeedsEmail(email) => drop(emails.insert(email)),
            }
        }
        if ids.is_empty() && emails.is_empty() {
            break;
        }
        if !ids.is_empty() {
            known.learn_ids(&ids, ports.salesforce.people_by_id(&ids).await?);
        }
        if !emails.is_empty() {
            known.learn_emails(&emails, ports.salesforce.people_by_email(&emails).await?);
        }
    }
    Ok(matched)
}

/// Makes leads for people who are nowhere, where the settings want that, and makes them known; what cannot be made is given back with why.
async fn make_leads(
    ports: &LogPorts,
    settings: &LogSettings,
    nobody: &[&NewTask],
    known: &mut Known,
) -> Result<HashMap<ActivityId, Trouble>, Failure> {
    let mut troubles = HashMap::new();
    let mut leads: BTreeMap<String, NewLead> = BTreeMap::new();
    for task in nobody {
        let value = |field| task.person.fields.get(field).map(str::to_owned);
        match value(Field::Email).as_deref().and_then(normalised_email).filter(|_| settings.create_lead) {
            None => drop(troubles.insert(task.entry.id().clone(), no_match())),
            Some(email) => {
                let lead = NewLead {
                    first_name: value(Field::FirstName),
                    last_name: value(Field::LastName).unwrap_or_else(|| email.clone()),
                    company: value(Field::Company).unwrap_or_else(|| "Unknown".to_owned()),
                    email: email.clone(),
                };
                leads.insert(email, lead);
            }
        }
    }
    if leads.is_empty() {
        return Ok(troubles);
    }
    let emails: BTreeSet<String> = leads.keys().cloned().collect();
    let leads: Vec<NewLead> = leads.into_values().collect();
    let results = ports.salesforce.create_leads(&leads).await?;
    let mut refused: HashMap<&str, Trouble> = HashMap::new();
    for (lead, result) in leads.iter().zip(results) {
        if let RowOutcome::Refused { code, message, .. } = result {
            refused.insert(&lead.email, Trouble::new(code, message));
        }
    }
    for task in nobody {
        let email = task.person.fields.get(Field::Email).and_then(normalised_email).unwrap_or_default();
        if let Some(trouble) = refused.get(email.as_str()) {
            troubles.insert(task.entry.id().clone(), trouble.clone());
        }
    }
    known.learn_emails(&emails, ports.salesforce.people_by_email(&emails).await?);
    Ok(troubles)
}

fn no_match() -> Trouble {
    Trouble::new(
        "no-match",
        "no lead or contact in Salesforce has this person's Salesforce id or address: link or create one, then `rejects retry`; \
         or let leads be made with the setting log.salesforce.onNoMatch",
    )
}

fn waits_for_email() -> Trouble {
    Trouble::new(
        "waits-for-email",
        "the email that this is about is not logged in Salesforce yet; it is tried again until it is",
    )
}

fn no_key() -> Failure {
    Failure::new(
        FailureKind::BadSetting,
        format!(
            "Salesforce has no usable field Task.{KEY_FIELD}, without which a repeated write would make a second task: \
             `actions-sync provision salesforce` says how to make it"
        ),
    )
}

fn notices(layout: &TaskLayout) -> Vec<String> {
    let fields = task::unwritable(layout);
    if fields.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "fields that cannot be written in Salesforce, and are left out of tasks: {}; `actions-sync provision salesforce` says what to do",
        fields.join(", ")
    )]
}
