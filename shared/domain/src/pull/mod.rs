//! The incremental pull: what changed, was created, deleted, merged or changed hands since the cursor, written before the cursor moves.
//!
//! Changes are hints only: each person named is read again in full. One holder at a time, by a lease whose document also holds the
//! cursor, so that a holder who was replaced cannot move it. Knows nothing of exports, but asks whether an initial sync is running.

mod streams;
mod write;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::initial_sync;
use crate::lease::{self, Lease, Life};
use crate::people::WriteCounts;
use crate::ports::{OptOutRegister, PagingToken, PeoplePorts};
use crate::settings::PeopleSettings;
use crate::status::Problem;
use crate::{Failure, FailureKind, budget, lead_fields, settings};

/// Key of the document with the lease, the cursor and the state of this flow.
pub const KEY: &str = "incremental-pull";

/// Longest time a holder works without a sign of life, where its own end is not known or further away.
const LEASE_LIFE: Duration = Duration::from_secs(5 * 60);
/// Marketo keeps deletions for 14 days; an outage that comes near it needs a full reconcile.
const MAX_OUTAGE: SignedDuration = SignedDuration::from_hours(13 * 24);
/// Each activity gets into the overlap of so many readings, less one: two, should it show itself as late as in a rhythm, so that one answer
/// that lost its list loses nothing.
const READINGS: i32 = 3;
/// Positions that are kept. Each is two rhythms younger than the one before, so that the first is always three rhythms old when it is needed.
const KEPT_BEHIND: usize = 2;
/// Schedules are not exact: half an overlap may be shorter by this much.
const PUNCTUALITY: SignedDuration = SignedDuration::from_secs(10);
/// Most passes of one pull; with the pages of a pass this bounds one run of the function.
const MAX_PASSES: usize = 200;

/// State of the incremental pull.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PullState {
    /// Where to go on; `None` before the first initial sync.
    pub cursor: Option<Cursor>,
    /// When changes were last caught up with, on Marketo's clock.
    pub caught_up_at: Option<Timestamp>,
    /// When the overlap was last read.
    pub overlap_read_at: Option<Timestamp>,
    /// Where the cursor was at readings of the overlap, at most `KEPT_BEHIND`: the first is where the next overlap begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<Cursor>,
    /// The last pull's problem, until one ends well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What all pulls wrote together.
    pub writes: WriteCounts,
    /// Until when a holder that was replaced may still write what it had read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_data_until: Option<Timestamp>,
    /// When the calls that need not be asked for were last given out.
    pub allowance_at: Option<Timestamp>,
}

impl PullState {
    fn read_to(&self) -> Option<Timestamp> {
        self.cursor.as_ref().map(|cursor| cursor.read_to)
    }
}

/// Positions in the three streams. Written without names, and the time in milliseconds: with three cursors, the document has to stay
/// below 1 KiB, beyond which each save would be two write units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "WrittenCursor", try_from = "WrittenCursor")]
pub struct Cursor {
    /// Field changes and new people.
    pub changes: PagingToken,
    /// Merges, owners, partitions, opportunities.
    pub activities: PagingToken,
    /// Deletions.
    pub deletions: PagingToken,
    /// Everything that was visible at this time, on Marketo's clock, has been read.
    pub read_to: Timestamp,
}

type WrittenCursor = (PagingToken, PagingToken, PagingToken, i64);

impl From<Cursor> for WrittenCursor {
    fn from(cursor: Cursor) -> Self {
        (cursor.changes, cursor.activities, cursor.deletions, cursor.read_to.as_millisecond())
    }
}

impl TryFrom<WrittenCursor> for Cursor {
    type Error = jiff::Error;

    fn try_from((changes, activities, deletions, read_to): WrittenCursor) -> Result<Self, jiff::Error> {
        Ok(Self { changes, activities, deletions, read_to: Timestamp::from_millisecond(read_to)? })
    }
}

/// Whether to read the overlap again: activities may become visible late, behind a cursor that has gone on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// When half the overlap has passed since the last time.
    WhenDue,
    /// Now.
    Always,
    /// Not: the caller has read it already, or began after the cursor was made.
    No,
}

/// What a pull did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulled {
    /// Rows.
    pub writes: WriteCounts,
    /// People read again.
    pub read: u64,
    /// Whether everything visible was read; else the next pull goes on.
    pub caught_up: bool,
    /// Whether somebody else was pulling, so that nothing was done.
    pub held: bool,
    /// Where the stored cursor stands now, on Marketo's clock; `None` before there is one.
    pub read_to: Option<Timestamp>,
}

/// Reads and writes until caught up, or until `deadline`.
///
/// # Errors
/// The first failure; the cursor then stands where the last whole pass ended, and the problem is kept for the status.
pub async fn pull(
    ports: &PeoplePorts,
    opt_outs: &dyn OptOutRegister,
    overlap: Overlap,
    deadline: Option<Timestamp>,
) -> Result<Pulled, Failure> {
    let (pulled, outcome) = attempt(ports, opt_outs, overlap, deadline).await;
    outcome.map(|()| pulled)
}

/// The same, telling also of a pull that failed what it did and where the cursor stands. The failure is the one that [`pull`] gives.
pub async fn attempt(
    ports: &PeoplePorts,
    opt_outs: &dyn OptOutRegister,
    overlap: Overlap,
    deadline: Option<Timestamp>,
) -> (Pulled, Result<(), Failure>) {
    let mut pulled = Pulled::default();
    let mut lease = match take(ports, "pull", deadline).await {
        Ok(Some(lease)) => lease,
        Ok(None) => {
            pulled.held = true;
            // Whoever holds it may have died; the age of the cursor is how that shows.
            let stored: Option<PullState> = lease::peek(&*ports.state, KEY).await.ok().flatten();
            pulled.read_to = stored.as_ref().and_then(PullState::read_to);
            return (pulled, Ok(()));
        }
        Err(failure) => return (pulled, Err(failure)),
    };
    let before = lease.state.read_to();
    let outcome = passes(ports, opt_outs, &mut lease, overlap, deadline, &mut pulled).await;
    let after = lease.state.read_to();
    lease.state.problem = outcome.as_ref().err().map(|failure| Problem::new(failure, ports.clock.now()));
    let released = lease.release().await;
    pulled.read_to = if released.is_ok() { after } else { before };
    (pulled, outcome.and(released))
}

/// Makes the cursor if there is none, so that an initial sync begins with it. Gives whether there is one now.
///
/// # Errors
/// As for [`pull`].
pub async fn ensure_cursor(ports: &PeoplePorts, deadline: Option<Timestamp>) -> Result<bool, Failure> {
    let stored: Option<PullState> = lease::peek(&*ports.state, KEY).await?;
    if stored.is_some_and(|s| s.cursor.is_some()) {
        return Ok(true);
    }
    let Some(mut lease) = take(ports, "start", deadline).await? else { return Ok(false) };
    let made = match lease.state.cursor {
        Some(_) => Ok(()),
        None => first_cursor(ports).await.map(|cursor| lease.state.cursor = Some(cursor)),
    };
    lease.release().await?;
    made.map(|()| true)
}

/// Takes the lease, and remembers for a while if it had to be taken from somebody.
async fn take<'a>(
    ports: &'a PeoplePorts,
    name: &str,
    deadline: Option<Timestamp>,
) -> Result<Option<Lease<'a, PullState>>, Failure> {
    let holder = format!("{name}-{:016x}", ports.chance.next_u64());
    let life = Life::within(LEASE_LIFE, deadline);
    let mut taken = lease::take::<PullState>(&*ports.state, &*ports.clock, KEY, &holder, life).await?;
    if let Some(lease) = &mut taken {
        let now = ports.clock.now();
        if lease.taken_over {
            lease.state.older_data_until = now.checked_add(initial_sync::LONGEST_DELAY).ok();
        }
        let parked = lease.state.problem.as_ref().is_some_and(|p| p.until.is_some_and(|until| now < until));
        let due = lease.state.allowance_at.is_none_or(|at| now.duration_since(at) >= budget::ALLOWANCE_EVERY);
        // Without a cursor there is no pull, and no problem of one that would tell of a day whose calls are gone.
        if due && !parked && lease.state.cursor.is_some() {
            lease.state.allowance_at = Some(now);
            ports.budget.allow();
        }
    }
    Ok(taken)
}

/// Whether observations older than this moment may still reach the table: a run is under way, or somebody who was given up wakes late.
/// Asked after the streams were read: a run that begins later exports people as they are then.
async fn older_data_may_follow(ports: &PeoplePorts, state: &PullState) -> Result<bool, Failure> {
    let replaced = state.older_data_until.is_some_and(|until| ports.clock.now() < until);
    Ok(replaced || initial_sync::older_data_may_follow(ports).await?)
}

async fn first_cursor(ports: &PeoplePorts) -> Result<Cursor, Failure> {
    ports.marketo.connect().await?;
    let read_to = ports.marketo.now();
    let token = ports.marketo.paging_token(read_to).await?;
    Ok(Cursor { changes: token.clone(), activities: token.clone(), deletions: token, read_to })
}

/// Where to begin so that the overlap is read again. Where the cursor was long enough ago will do, if that was kept, and saves a call.
async fn overlap_cursor(
    ports: &PeoplePorts,
    state: &PullState,
    cursor: &Cursor,
    minutes: i64,
) -> Result<(Cursor, bool), Failure> {
    let last = state.overlap_read_at.unwrap_or(Timestamp::MIN);
    let old_enough = |kept: &&Cursor| last.duration_since(kept.read_to) >= rhythm(minutes) * (READINGS - 1);
    match state.behind.first().filter(old_enough) {
        Some(kept) => Ok((Cursor { read_to: cursor.read_to, ..kept.clone() }, false)),
        None => Ok((cursor_before(ports, cursor, minutes * i64::from(READINGS) / 2).await?, true)),
    }
}

/// Keeps where the cursor is, for the overlaps to come.
fn keep_behind(state: &mut PullState, cursor: &Cursor, minutes: i64) {
    if state.behind.last().is_none_or(|last| cursor.read_to.duration_since(last.read_to) >= rhythm(minutes) * 2) {
        state.behind.push(cursor.clone());
    }
    if state.behind.len() > KEPT_BEHIND {
        state.behind.remove(0);
    }
}

/// The same cursor, with positions made anew from its time, some minutes earlier.
async fn cursor_before(ports: &PeoplePorts, cursor: &Cursor, minutes: i64) -> Result<Cursor, Failure> {
    let since = cursor.read_to.checked_sub(SignedDuration::from_mins(minutes)).unwrap_or(cursor.read_to);
    let token = ports.marketo.paging_token(since).await?;
    Ok(Cursor { changes: token.clone(), activities: token.clone(), deletions: token, read_to: cursor.read_to })
}

async fn passes(
    ports: &PeoplePorts,
    opt_outs: &dyn OptOutRegister,
    lease: &mut Lease<'_, PullState>,
    overlap: Overlap,
    deadline: Option<Timestamp>,
    pulled: &mut Pulled,
) -> Result<(), Failure> {
    let Some(mut cursor) = lease.state.cursor.clone() else {
        pulled.caught_up = true;
        return Ok(());
    };
    ports.marketo.connect().await?;
    let settings = settings::load(&*ports.state).await?.people()?;
    let plan = lead_fields::plan(ports, &settings).await?;
    if ports.marketo.now().duration_since(cursor.read_to) > MAX_OUTAGE {
        initial_sync::request(ports, true).await?;
    }
    let started = ports.marketo.now();
    let with_overlap = match overlap {
        Overlap::Always => true,
        Overlap::WhenDue => overlap_is_due(&lease.state, &settings, started),
        Overlap::No => false,
    };
    let overlap_span = SignedDuration::from_mins(settings.overlap_minutes);
    // What a page lost is made good by the overlap of the next pull; over a longer span only asking again does that.
    let doubt = started.duration_since(cursor.read_to) >= overlap_span;
    let mut tokens_are_new = false;
    if with_overlap {
        (cursor, tokens_are_new) = overlap_cursor(ports, &lease.state, &cursor, settings.overlap_minutes).await?;
    }
    for pass in 0..MAX_PASSES {
        if pass > 0 {
            if deadline.is_some_and(|at| ports.clock.now() >= at) {
                return Ok(());
            }
            lease.commit().await?;
        }
        let asked = ports.marketo.now();
        let changes = match streams::read(ports, &mut cursor, plan.watched(), doubt).await {
            // Marketo does not say how long it honours a position; the time kept beside it makes a new one.
            Err(failure) if failure.kind == FailureKind::BadRequest && !tokens_are_new => {
                cursor = cursor_before(ports, &cursor, settings.overlap_minutes).await?;
                tokens_are_new = true;
                lease.state.behind.clear();
                continue;
            }
            Err(failure) if failure.kind == FailureKind::UnknownField => {
                lead_fields::forget(ports).await?;
                return Err(failure);
            }
            other => other?,
        };
        let more = changes.more;
        if !changes.is_empty() {
            let older_data_may_follow = older_data_may_follow(ports, &lease.state).await?;
            let (writes, read) = write::write(ports, opt_outs, &plan, changes, older_data_may_follow).await?;
            pulled.writes += writes;
            pulled.read += read;
            lease.state.writes += writes;
        }
        if !more {
            cursor.read_to = asked;
            lease.state.caught_up_at = Some(asked);
            if with_overlap {
                lease.state.overlap_read_at = Some(started);
                keep_behind(&mut lease.state, &cursor, settings.overlap_minutes);
            }
            lease.state.cursor = Some(cursor);
            pulled.caught_up = true;
            return Ok(());
        }
        lease.state.cursor = Some(cursor.clone());
    }
    Ok(())
}

fn overlap_is_due(state: &PullState, settings: &PeopleSettings, now: Timestamp) -> bool {
    state.overlap_read_at.is_none_or(|at| now.duration_since(at) >= rhythm(settings.overlap_minutes))
}

/// How often the overlap is read: twice in its span, so that nothing falls between two readings.
fn rhythm(overlap_minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(overlap_minutes) / 2 - PUNCTUALITY
}
