//! What the reconciler of tasks keeps from pass to pass, in one small document under a lease: one reconciler at a time writes. Knows no plan.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::gate::Gate;
use crate::lease::{self, Lease, Life};
use crate::ports::{ChangedSince, SyncState, TaskPorts};
use crate::reading::Reading;
use crate::settings::ReminderSettings;

/// Name of the document.
pub const KEY: &str = "task-reconciler";
/// Longest that a reconciler holds it without a sign of life.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// Without a whole pass for so long, deletions may have left the recycle bin, which keeps them for 15 days: every pair is looked at.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24 * 14);

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reconciler {
    #[serde(flatten)]
    pub gate: Gate,
    /// Whether the rest is about a sync that is on, and since when, as the settings have it.
    pub on: bool,
    pub on_since: Option<Timestamp>,
    /// Tasks of Salesforce that were changed before this are not taken in, by Salesforce's clock.
    pub import_from: Option<Timestamp>,
    pub reading: Reading,
    /// When the last whole pass began, by this side's clock.
    pub in_step_at: Option<Timestamp>,
    /// Whether the tasks that were here before the switch are marked.
    pub back_filled: bool,
    /// Whether every pair is marked to be looked at, as a pass after a pause needs it.
    pub all_due: bool,
}

impl Reconciler {
    fn has_paused(&self, now: Timestamp) -> bool {
        self.in_step_at.is_some_and(|at| now.duration_since(at) > LONGEST_PAUSE)
    }

    /// Whether this is about a sync that was switched on like this, and did not pause for long.
    pub fn is_prepared(&self, settings: &ReminderSettings, now: Timestamp) -> bool {
        self.on && self.on_since == settings.on_since && !self.has_paused(now)
    }

    /// What holds for these settings: after a switch, or a long pause, everything that is paired is looked at, and tasks are taken in from the
    /// import window on. `there` is Salesforce's time.
    pub fn prepare(&mut self, settings: &ReminderSettings, now: Timestamp, there: Timestamp) {
        if self.is_prepared(settings, now) {
            return;
        }
        let is_switch = !self.on || self.on_since != settings.on_since;
        let import_from = there.checked_sub(settings.import_window).unwrap_or(there);
        let began = self.import_from.filter(|_| !is_switch);
        *self = Self {
            gate: std::mem::take(&mut self.gate),
            on: true,
            on_since: settings.on_since,
            // A pause is no switch: what was changed meanwhile is taken in.
            import_from: Some(began.unwrap_or(import_from)),
            reading: if is_switch { Reading::default() } else { std::mem::take(&mut self.reading) },
            back_filled: self.back_filled,
            ..Self::default()
        };
    }

    /// Where changed tasks are read on.
    pub fn since(&self) -> ChangedSince {
        let begin = || ChangedSince { at: self.import_from.unwrap_or(Timestamp::UNIX_EPOCH), after: None };
        self.reading.since().unwrap_or_else(begin)
    }
}

/// Takes the document; `None` when somebody else holds it.
pub(super) async fn take(
    ports: &TaskPorts,
    deadline: Option<Timestamp>,
) -> Result<Option<Lease<'_, Reconciler>>, Failure> {
    let holder = format!("{:016x}", ports.chance.next_u64());
    lease::take(&*ports.state, &*ports.clock, KEY, &holder, Life::within(LEASE, deadline)).await
}

/// What is kept, without taking it.
pub(super) async fn peek(state: &dyn SyncState) -> Result<Reconciler, Failure> {
    Ok(lease::peek(state, KEY).await?.unwrap_or_default())
}

/// Keeps that a pass found nothing to do, in one write; gives whether nobody else was at work.
pub(super) async fn found_in_step(ports: &TaskPorts, state: Reconciler, seen: &Reconciler) -> Result<bool, Failure> {
    lease::replace(&*ports.state, &*ports.clock, KEY, seen, state).await
}

/// Lets the next pass try at once, whoever held the document or closed the gate. Only for a caller who knows that nobody else is alive, such as
/// the program that alone owns the store.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn reopen(ports: &TaskPorts) -> Result<(), Failure> {
    lease::break_lease(&*ports.state, KEY).await?;
    if lease::peek::<Reconciler>(&*ports.state, KEY).await?.is_none_or(|kept| kept.gate.closed_until.is_none()) {
        return Ok(());
    }
    let Some(mut lease) = take(ports, None).await? else { return Ok(()) };
    lease.state.gate.reopen();
    lease.release().await
}

/// When the last pass began that read Salesforce to its end.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn in_step_at(state: &dyn SyncState) -> Result<Option<Timestamp>, Failure> {
    Ok(peek(state).await?.in_step_at)
}
