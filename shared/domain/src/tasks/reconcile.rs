//! Bringing both sides in step: one pass over what is due here and what changed in Salesforce, on a schedule or when somebody asks, or for a few
//! tasks that just changed here; and what it would do. Decides nothing about a single task.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::apply::{Applied, FRESH, Round, apply};
use super::book;
use super::events::announce;
use super::look::{Blind, Looked, Page, Scope, look};
use super::merge::Act;
use super::state::{self, Reconciler};
use super::task::{Task, TaskId};
use super::values::{Field, Progress};
use crate::lease::Lease;
use crate::ports::{MAX_CHANGED, Shelf, TaskPorts};
use crate::settings::{self, ReminderSettings};
use crate::status::Problem;
use crate::{Failure, Push};

/// Tasks that are due and looked at together.
const DUE: usize = 400;
/// Readings of a pass at most, of 2,000 tasks each. What is left is the next pass's.
const MAX_READINGS: usize = 5_000;
/// Looks at the same tasks within a pass, against people who change them at the same time.
const MAX_ROUNDS: usize = 4;
/// Time wanted for another step.
const STEP_TIME: SignedDuration = SignedDuration::from_secs(20);

/// Why a pass is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The schedule.
    Scheduled,
    /// Somebody asks, who is told what went wrong.
    Asked,
}

/// Something that a dry run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A task of Salesforce is taken in.
    Import {
        /// Its id there.
        record: String,
    },
    /// A task here takes over fields.
    Take {
        /// Which.
        task: TaskId,
        /// Which fields.
        fields: BTreeSet<Field>,
    },
    /// A task here is deleted.
    DeleteHere {
        /// Which.
        task: TaskId,
    },
    /// A task here is no longer deleted.
    Restore {
        /// Which.
        task: TaskId,
    },
    /// A task in Salesforce takes over fields.
    Give {
        /// Whose counterpart.
        task: TaskId,
        /// Which fields.
        fields: BTreeSet<Field>,
    },
    /// A task is made in Salesforce.
    Create {
        /// Whose counterpart.
        task: TaskId,
    },
    /// A task in Salesforce is deleted.
    DeleteThere {
        /// Whose counterpart.
        task: TaskId,
    },
}

/// What a pass came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reconciled {
    /// Tasks that were to be written on either side.
    pub planned: u64,
    /// Tasks written in Salesforce.
    pub in_salesforce: u64,
    /// Tasks that say something else here.
    pub in_actions: u64,
    /// Tasks that Salesforce refuses, for a while or for good.
    pub rejected: u64,
    /// Completed steps of campaigns of which the app was told.
    pub announced: u64,
    /// Somebody else is at it.
    pub busy: bool,
    /// Whether everything was looked at.
    pub complete: bool,
    /// Why it ended early, where Salesforce took or told nothing.
    pub closed: Option<Problem>,
    /// Until when nothing is tried.
    pub closed_until: Option<Timestamp>,
    /// What a dry run would do.
    pub steps: Vec<Step>,
}

/// One pass: what is due here, and what changed in Salesforce since the last.
///
/// # Errors
/// `BadSetting`, and those of our own store. What Salesforce refuses is in the [`Reconciled`].
pub async fn reconcile(
    ports: &TaskPorts,
    occasion: Occasion,
    deadline: Option<Timestamp>,
) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.reminders()?;
    let announced = announce(ports, None).await?;
    if !settings.sync {
        return Ok(Reconciled { announced, complete: true, ..Reconciled::default() });
    }
    if occasion == Occasion::Scheduled
        && let Some(closed) = closed(ports).await?
    {
        return Ok(Reconciled { announced, ..closed });
    }
    let mut done = pass(ports, &settings, deadline).await?;
    done.announced += announced;
    Ok(done)
}

/// Brings tasks in step that just changed here, and tells the app of those that are done.
///
/// # Errors
/// As for [`reconcile`].
pub async fn push(ports: &TaskPorts, tasks: &[TaskId], deadline: Option<Timestamp>) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.reminders()?;
    let announced = announce(ports, Some(tasks)).await?;
    let told = Reconciled { announced, complete: true, ..Reconciled::default() };
    if !settings.sync || tasks.is_empty() {
        return Ok(told);
    }
    if let Some(closed) = closed(ports).await? {
        return Ok(Reconciled { announced, ..closed });
    }
    // Whoever has the lease looks at what is due, too, and else the next pass does.
    let Some(lease) = state::take(ports, deadline).await? else {
        return Ok(Reconciled { busy: true, complete: false, ..told });
    };
    let mut pass = Pass::new(ports, &settings, deadline, lease);
    let worked = pass.settle(None, tasks.iter().cloned().collect()).await.map(|()| true);
    pass.done.announced += announced;
    pass.end(worked, None).await
}

/// What [`reconcile`] would do when asked now; writes nothing, and takes no lease.
///
/// # Errors
/// As for [`reconcile`].
pub async fn dry_run(ports: &TaskPorts) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.reminders()?;
    let mut done = Reconciled { complete: true, ..Reconciled::default() };
    if !settings.sync {
        return Ok(done);
    }
    let mut kept = state::peek(&*ports.state).await?;
    if let Err(failure) = prepare(ports, &settings, &mut kept).await {
        return Ok(blind(ports, &failure, done));
    }
    let mut others = due(ports, DUE.max(MAX_CHANGED)).await?;
    let marked: BTreeSet<TaskId> = to_mark(ports, &settings, &kept).await?.into_iter().map(|task| task.id).collect();
    others.extend(marked.iter().cloned());
    for _ in 0..MAX_READINGS {
        let page = match read(ports, &kept).await {
            Ok(page) => page,
            Err(failure) => return Ok(blind(ports, &failure, done)),
        };
        let more = moved(&mut kept, &page);
        let scope = Scope { settings: &settings, import_from: kept.import_from, marked: &marked };
        let looked = match look(ports, scope, Some(page), std::mem::take(&mut others)).await {
            Ok(looked) => looked,
            Err(Blind::Ours(failure)) => return Err(failure),
            Err(Blind::Salesforce(failure)) => return Ok(blind(ports, &failure, done)),
        };
        done.steps.extend(looked.iter().flat_map(steps));
        if !more {
            break;
        }
    }
    let here = |step: &&Step| {
        matches!(step, Step::Import { .. } | Step::Take { .. } | Step::DeleteHere { .. } | Step::Restore { .. })
    };
    done.in_actions = done.steps.iter().filter(here).count() as u64;
    done.in_salesforce = done.steps.len() as u64 - done.in_actions;
    done.planned = done.steps.len() as u64;
    Ok(done)
}

/// A dry run that Salesforce ended early.
fn blind(ports: &TaskPorts, failure: &Failure, done: Reconciled) -> Reconciled {
    Reconciled { closed: Some(Problem::new(failure, ports.clock.now())), complete: false, ..done }
}

fn steps(looked: &Looked) -> Vec<Step> {
    let task = looked.merged.task.id.clone();
    let mut steps = Vec::new();
    match &looked.before {
        None => steps.extend(looked.record.as_ref().map(|record| Step::Import { record: record.id.clone() })),
        Some(before) => match (before.deleted.is_some(), looked.merged.task.deleted.is_some()) {
            (false, true) => steps.push(Step::DeleteHere { task: task.clone() }),
            (true, false) => steps.push(Step::Restore { task: task.clone() }),
            _ if !looked.merged.took.is_empty() => {
                steps.push(Step::Take { task: task.clone(), fields: looked.merged.took.clone() });
            }
            _ => {}
        },
    }
    match &looked.merged.act {
        Act::Nothing | Act::Later => {}
        Act::Give(fields) => steps.push(Step::Give { task, fields: fields.clone() }),
        Act::Create => steps.push(Step::Create { task }),
        Act::Delete => steps.push(Step::DeleteThere { task }),
    }
    steps
}

/// The pass that a caller would make, while the gate is closed.
async fn closed(ports: &TaskPorts) -> Result<Option<Reconciled>, Failure> {
    let gate = state::peek(&*ports.state).await?.gate;
    let until = gate.closed(ports.clock.now());
    Ok(until.map(|_| Reconciled { closed: gate.problem, closed_until: until, ..Reconciled::default() }))
}

async fn pass(
    ports: &TaskPorts,
    settings: &ReminderSettings,
    deadline: Option<Timestamp>,
) -> Result<Reconciled, Failure> {
    let kept = state::peek(&*ports.state).await?;
    let ready = kept.is_prepared(settings, ports.clock.now()) && kept.all_due;
    // Nothing is taken before there is something to do: a pass over two sides in step is one read there and one write here.
    let first = if ready { Some(glance(ports, settings, &kept).await) } else { None };
    let first = match first {
        None => None,
        Some(Ok(Glance::Quiet(state))) => {
            let alone = state::found_in_step(ports, *state, &kept).await?;
            return Ok(Reconciled { busy: !alone, complete: alone, ..Reconciled::default() });
        }
        Some(Ok(Glance::Busy(page))) => Some(page),
        // It is told, and kept, by the pass that holds the lease.
        Some(Err(Blind::Salesforce(_))) => None,
        Some(Err(Blind::Ours(failure))) => return Err(failure),
    };
    let Some(lease) = state::take(ports, deadline).await? else {
        return Ok(Reconciled { busy: true, ..Reconciled::default() });
    };
    let page = first.filter(|_| lease.state == kept);
    let now = ports.clock.now();
    let mut pass = Pass::new(ports, settings, deadline, lease);
    let worked = pass.work(page).await;
    pass.end(worked, Some(now)).await
}

/// Sets the state up for these settings, once Salesforce's answers have told its time.
async fn prepare(ports: &TaskPorts, settings: &ReminderSettings, state: &mut Reconciler) -> Result<(), Failure> {
    let now = ports.clock.now();
    if !state.is_prepared(settings, now) {
        ports.salesforce.reminder_layout(false).await?;
        state.prepare(settings, now, ports.salesforce.time_at(now));
    }
    if !settings.backfill {
        state.back_filled = false;
    }
    Ok(())
}

/// What a first look shows.
enum Glance {
    /// Both sides are in step, and this is then to be kept.
    Quiet(Box<Reconciler>),
    /// They are not; this was read.
    Busy(Page),
}

async fn glance(ports: &TaskPorts, settings: &ReminderSettings, kept: &Reconciler) -> Result<Glance, Blind> {
    let now = ports.clock.now();
    let page = read(ports, kept).await.map_err(Blind::Salesforce)?;
    if page.records.len() >= MAX_CHANGED || !due(ports, 1).await?.is_empty() {
        return Ok(Glance::Busy(page));
    }
    let scope = Scope { settings, import_from: kept.import_from, marked: &BTreeSet::new() };
    let looked = look(ports, scope, Some(page.clone()), BTreeSet::new()).await?;
    if !looked.iter().all(Looked::is_quiet) || settings.backfill && !kept.back_filled {
        return Ok(Glance::Busy(page));
    }
    let mut state = kept.clone();
    moved(&mut state, &page);
    state.gate.answered(now);
    state.in_step_at = Some(now);
    Ok(Glance::Quiet(Box::new(state)))
}

/// The next changed tasks.
async fn read(ports: &TaskPorts, kept: &Reconciler) -> Result<Page, Failure> {
    let asked_at = ports.clock.now();
    let records = ports.salesforce.changed_reminders(&kept.since()).await?;
    Ok(Page { records, read_at: ports.salesforce.time_at(asked_at) })
}

/// A page was read, and what it asked for was done; gives whether there are more.
fn moved(kept: &mut Reconciler, page: &Page) -> bool {
    let (last, more) = (page.records.last(), page.records.len() >= MAX_CHANGED);
    kept.reading.moved(last.map(|record| (record.stamp, record.id.as_str())), more, Some(page.read_at));
    more
}

/// Tasks that are due by now.
async fn due(ports: &TaskPorts, limit: usize) -> Result<BTreeSet<TaskId>, Failure> {
    let due = ports.tasks.shelf(Shelf::Due, ports.clock.now(), None, limit).await?;
    Ok(due.into_iter().map(|shelved| shelved.id).collect())
}

/// Tasks that a pass has to mark before it begins: pairs, after a switch or a long pause, and what is to be back-filled.
async fn to_mark(ports: &TaskPorts, settings: &ReminderSettings, kept: &Reconciler) -> Result<Vec<Task>, Failure> {
    let back_fill = settings.backfill && !kept.back_filled;
    if kept.all_due && !back_fill {
        return Ok(Vec::new());
    }
    let mut marked = Vec::new();
    book::for_each(&*ports.tasks, |task| {
        let paired = !kept.all_due && (task.sfdc_id().is_some() || task.creating.is_some());
        let open = task.deleted.is_none() && task.values.status == Progress::Open;
        let filled = back_fill && !task.shared && open && settings.includes(task.values.owner.as_deref());
        if paired || filled {
            marked.push(task);
        }
        Ok(())
    })
    .await?;
    Ok(marked)
}

/// A pass under the lease.
struct Pass<'a> {
    ports: &'a TaskPorts,
    settings: &'a ReminderSettings,
    deadline: Option<Timestamp>,
    lease: Lease<'a, Reconciler>,
    done: Reconciled,
    tried: BTreeSet<TaskId>,
    here: BTreeSet<TaskId>,
    refused: BTreeSet<TaskId>,
}

impl<'a> Pass<'a> {
    fn new(
        ports: &'a TaskPorts,
        settings: &'a ReminderSettings,
        deadline: Option<Timestamp>,
        lease: Lease<'a, Reconciler>,
    ) -> Self {
        let none = BTreeSet::new;
        Self {
            ports,
            settings,
            deadline,
            lease,
            done: Reconciled::default(),
            tried: none(),
            here: none(),
            refused: none(),
        }
    }

    fn has_time(&self) -> bool {
        let now = self.ports.clock.now();
        self.deadline.is_none_or(|deadline| now.checked_add(STEP_TIME).is_ok_and(|then| then < deadline))
    }

    /// Gives whether everything was looked at.
    async fn work(&mut self, mut first: Option<Page>) -> Result<bool, Blind> {
        prepare(self.ports, self.settings, &mut self.lease.state).await.map_err(Blind::Salesforce)?;
        self.mark().await?;
        let (mut asked, mut whole) = (BTreeSet::new(), false);
        for _ in 0..MAX_READINGS {
            if !self.has_time() {
                return Ok(false);
            }
            let page = match first.take() {
                Some(page) => page,
                None => read(self.ports, &self.lease.state).await.map_err(Blind::Salesforce)?,
            };
            let others = self.next_due(&mut asked).await?;
            self.settle(Some(page.clone()), others).await?;
            if !moved(&mut self.lease.state, &page) {
                whole = true;
                break;
            }
            self.lease.commit().await?;
        }
        loop {
            let others = self.next_due(&mut asked).await?;
            if others.is_empty() {
                return Ok(whole);
            }
            if !self.has_time() {
                return Ok(false);
            }
            self.lease.commit().await?;
            self.settle(None, others).await?;
        }
    }

    /// Marks pairs after a switch or a pause, and what is to be back-filled.
    async fn mark(&mut self) -> Result<(), Failure> {
        let marked = to_mark(self.ports, self.settings, &self.lease.state).await?;
        if !marked.is_empty() {
            let now = self.ports.clock.now();
            book::alter(&*self.ports.tasks, marked.into_iter().map(|task| task.id).collect(), |task| {
                task.shared = true;
                if !matches!(task.push, Push::Due { .. }) {
                    task.due(now);
                }
                true
            })
            .await?;
        }
        let state = &mut self.lease.state;
        let marks = !state.all_due || self.settings.backfill && !state.back_filled;
        (state.all_due, state.back_filled) = (true, self.settings.backfill);
        if marks { self.lease.commit().await } else { Ok(()) }
    }

    /// More that is due, of what was not looked at in this pass.
    async fn next_due(&self, asked: &mut BTreeSet<TaskId>) -> Result<BTreeSet<TaskId>, Failure> {
        let mut next = due(self.ports, asked.len() + DUE).await?;
        next.retain(|id| !asked.contains(id));
        asked.extend(next.iter().cloned());
        Ok(next)
    }

    /// Looks at tasks and carries out what that comes to, as often as others interfere.
    async fn settle(&mut self, mut page: Option<Page>, mut others: BTreeSet<TaskId>) -> Result<(), Blind> {
        let mut reshaped = false;
        for number in 1..=MAX_ROUNDS {
            let (import_from, marked) = (self.lease.state.import_from, &BTreeSet::new());
            let scope = Scope { settings: self.settings, import_from, marked };
            let looked = look(self.ports, scope, page.take(), std::mem::take(&mut others)).await?;
            let round = Round { last: number == MAX_ROUNDS, reshaped, not_after: self.lease.held_until() };
            let applied = apply(self.ports, self.settings, looked, round).await?;
            self.count(&applied);
            if applied.again.is_empty() || round.last {
                break;
            }
            // Somebody is at it right now.
            if applied.fresh {
                self.ports.clock.sleep(std::time::Duration::try_from(FRESH).unwrap_or_default()).await;
            }
            reshaped = applied.reshaped;
            others = applied.again;
        }
        Ok(())
    }

    fn count(&mut self, applied: &Applied) {
        self.done.in_salesforce += applied.there.len() as u64;
        self.tried.extend(applied.tried.iter().cloned());
        self.here.extend(applied.here.iter().cloned());
        self.refused.extend(applied.refused.iter().cloned());
    }

    /// Keeps the place, opens or closes the gate, gives the lease back.
    async fn end(mut self, worked: Result<bool, Blind>, began: Option<Timestamp>) -> Result<Reconciled, Failure> {
        let now = self.ports.clock.now();
        let mut failed = None;
        let state = &mut self.lease.state;
        match worked {
            Ok(whole) => {
                self.done.complete = whole;
                state.gate.answered(now);
                if whole && began.is_some() {
                    state.in_step_at = began;
                }
            }
            Err(Blind::Salesforce(failure)) => {
                self.done.closed_until = Some(state.gate.close(&failure, now));
                self.done.closed = state.gate.problem.clone();
            }
            Err(Blind::Ours(failure)) => failed = Some(failure),
        }
        let released = self.lease.release().await;
        if failed.is_none() {
            released?;
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        self.done.in_actions = self.here.len() as u64;
        self.done.rejected = self.refused.len() as u64;
        self.done.planned = (self.tried.len() + self.here.len()) as u64;
        // Completions that came from Salesforce in this pass.
        self.done.announced += announce(self.ports, None).await?;
        Ok(self.done)
    }
}
