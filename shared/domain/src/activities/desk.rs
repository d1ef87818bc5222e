//! The desk of a destination: who works at it, whether it is closed because the vendor does not take anything, and what is in flight.
//! One document under a lease, so that one worker at a time writes to a destination: nothing is written twice at once, one person's
//! activities keep their order, and no two writes of ours meet at one account's lock.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::entry::{Destination, Entry, Progress};
use super::message::ActivityId;
use crate::gate::Gate;
use crate::lease::{self, Lease, Life};
use crate::people::MarketoId;
use crate::ports::{EntryWrite, LogPorts, PutOutcome, Shelf};
use crate::status::Problem;
use crate::{Failure, FailureKind};

/// Longest that a worker holds a desk without a sign of life.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// Time that a worker wants left before it begins another batch.
const BATCH_TIME: Duration = Duration::from_secs(30);
/// Entries read at a time, and bytes of long texts after which a batch is full: with one more reading, 60 MB at most.
const READ_AT_ONCE: usize = 100;
const BATCH_BYTES: usize = 32 * 1024 * 1024;
/// Rounds against others who write the same entries.
const MAX_ROUNDS: usize = 20;

/// Records whose answer is awaited, or never came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InFlight {
    /// Which, for whom, when.
    pub records: Vec<FlyingRecord>,
    /// After this moment the request was not sent any more.
    pub not_after: Timestamp,
}

/// One record in flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FlyingRecord {
    pub id: ActivityId,
    pub person: MarketoId,
    pub kind: i64,
    pub at: Timestamp,
}

/// What the document of a desk holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Desk {
    pub in_flight: Option<InFlight>,
    #[serde(flatten)]
    pub gate: Gate,
    /// Things to know, such as fields that cannot be written.
    #[serde(default)]
    pub notices: Vec<String>,
}

/// What a worker did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// Logged.
    pub logged: u64,
    /// Given up until somebody asks.
    pub rejected: u64,
    /// Not to be logged there.
    pub skipped: u64,
    /// To be tried again.
    pub later: u64,
    /// Would be written, were it no dry run.
    pub planned: u64,
    /// Somebody else is at work.
    pub busy: bool,
    /// Why it ended with work left, where the destination took nothing.
    pub closed: Option<Problem>,
    /// Until when nothing is tried.
    pub closed_until: Option<Timestamp>,
    /// Calls whose outcome is unknown; they are looked into once this is over.
    pub unsettled_until: Option<Timestamp>,
}

pub(super) fn key(destination: Destination) -> &'static str {
    match destination {
        Destination::Marketo => "log-marketo",
        Destination::Salesforce => "log-salesforce",
    }
}

/// Opens both desks again, whoever held or closed them. Only for a caller who knows that nobody else is alive, such as the program that
/// alone owns the store.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn reopen(ports: &LogPorts) -> Result<(), Failure> {
    for destination in Destination::ALL {
        lease::break_lease(&*ports.state, key(destination)).await?;
        let Some(mut desk) = Held::take(ports, destination, None).await? else { continue };
        desk.reopen(ports.clock.now());
        desk.release().await?;
    }
    Ok(())
}

/// Whether there is anything to do at a desk, as far as can be seen without sitting down at it; `Err` of the first kind is what a worker
/// would say at once.
pub(super) async fn is_idle(
    ports: &LogPorts,
    destination: Destination,
    hints: &[ActivityId],
) -> Result<Option<Work>, Failure> {
    let now = ports.clock.now();
    let desk = lease::peek::<Desk>(&*ports.state, key(destination)).await?.unwrap_or_default();
    if let Some(until) = desk.gate.closed(now) {
        return Ok(Some(Work { closed: desk.gate.problem, closed_until: Some(until), ..Work::default() }));
    }
    if desk.in_flight.is_some() || !hints.is_empty() {
        return Ok(None);
    }
    let due = ports.ledger.shelf(destination, Shelf::Due, now, None, 1).await?;
    Ok(due.is_empty().then(Work::default))
}

/// A desk that one worker sits at.
pub(super) struct Held<'a> {
    ports: &'a LogPorts,
    destination: Destination,
    deadline: Option<Timestamp>,
    lease: Lease<'a, Desk>,
    /// What was done so far.
    pub work: Work,
}

impl<'a> Held<'a> {
    /// Sits down; `None` when somebody else sits there.
    pub async fn take(
        ports: &'a LogPorts,
        destination: Destination,
        deadline: Option<Timestamp>,
    ) -> Result<Option<Self>, Failure> {
        let holder = format!("{:016x}", ports.chance.next_u64());
        let life = Life::within(LEASE, deadline);
        let lease = lease::take(&*ports.state, &*ports.clock, key(destination), &holder, life).await?;
        Ok(lease.map(|lease| Self { ports, destination, deadline, lease, work: Work::default() }))
    }

    /// What the document holds.
    pub fn desk(&mut self) -> &mut Desk {
        &mut self.lease.state
    }

    /// Whether there is time for another batch.
    pub fn has_time(&self) -> bool {
        let enough =
            |deadline: Timestamp| self.ports.clock.now().checked_add(BATCH_TIME).is_ok_and(|then| then < deadline);
        self.deadline.is_none_or(enough)
    }

    /// Until when this worker may write to the destination.
    pub fn may_write_until(&self) -> Timestamp {
        self.lease.held_until()
    }

    /// The next entries that are due, oldest first. `hints` are ids that were just taken in and that the listing may not show yet.
    pub async fn next(&self, hints: &[ActivityId], limit: usize) -> Result<Vec<Entry>, Failure> {
        let now = self.ports.clock.now();
        let mut ids: Vec<_> = self.ports.ledger.shelf(self.destination, Shelf::Due, now, None, limit).await?;
        let full = ids.len() >= limit;
        let mut ids: Vec<ActivityId> = ids.drain(..).map(|shelved| shelved.id).collect();
        if !full {
            ids.extend(hints.iter().take(limit).cloned());
        }
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(id.clone()));
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for some in ids.chunks(READ_AT_ONCE) {
            let found = self.ports.ledger.get(some).await?;
            bytes += found.iter().map(|entry| entry.activity.what.text_bytes()).sum::<usize>();
            entries.extend(found.into_iter().filter(|entry| entry.at(self.destination).is_due(now)));
            // The rest is the next batch's.
            if bytes > BATCH_BYTES {
                break;
            }
        }
        entries.sort_by(|a, b| (a.activity.at, a.id()).cmp(&(b.activity.at, b.id())));
        entries.truncate(limit);
        Ok(entries)
    }

    /// Saves the document and prolongs the lease.
    pub async fn commit(&mut self) -> Result<(), Failure> {
        self.lease.commit().await
    }

    /// Gets up; what was done is told.
    pub async fn release(self) -> Result<Work, Failure> {
        let work = self.work;
        self.lease.release().await?;
        Ok(work)
    }

    /// The vendor answered: the desk is open.
    pub fn answered(&mut self) {
        self.lease.state.gate.answered(self.ports.clock.now());
    }

    fn reopen(&mut self, now: Timestamp) {
        let desk = &mut self.lease.state;
        desk.gate.reopen();
        if let Some(in_flight) = &mut desk.in_flight {
            in_flight.not_after = in_flight.not_after.min(now);
        }
    }

    /// The vendor took nothing: the desk is closed for a while. No entry is blamed.
    pub fn close(&mut self, failure: &Failure) {
        let gate = &mut self.lease.state.gate;
        self.work.closed_until = Some(gate.close(failure, self.ports.clock.now()));
        self.work.closed = gate.problem.clone();
        tracing::warn!(
            destination = self.destination.as_str(),
            failure.kind = ?failure.kind,
            failure.code = failure.code,
            "activities wait, nothing is written: {failure}"
        );
    }

    /// Moves entries on, counting what became of them. An entry that somebody else wrote in between is read and moved on again, unless
    /// nothing remains to be done with it.
    pub async fn advance(&mut self, moves: Vec<(Entry, Progress)>) -> Result<(), Failure> {
        for (_, progress) in &moves {
            match progress {
                Progress::Due { .. } => self.work.later += 1,
                Progress::Done { .. } => self.work.logged += 1,
                Progress::Rejected { .. } => self.work.rejected += 1,
                Progress::Skipped { .. } => self.work.skipped += 1,
            }
        }
        let mut left = moves;
        for _ in 0..MAX_ROUNDS {
            if left.is_empty() {
                return Ok(());
            }
            let writes = left.iter().map(|(entry, progress)| EntryWrite {
                seen: Some(entry.rev),
                entry: entry.clone().moved(self.destination, progress.clone()),
            });
            let outcomes = self.ports.ledger.put(writes.collect()).await?;
            let lost = left.into_iter().zip(outcomes).filter(|(_, outcome)| *outcome == PutOutcome::Conflict);
            let lost: Vec<(Entry, Progress)> = lost.map(|(moved, _)| moved).collect();
            let ids: Vec<_> = lost.iter().map(|(entry, _)| entry.id().clone()).collect();
            let mut fresh = if ids.is_empty() { Vec::new() } else { self.ports.ledger.get(&ids).await? };
            fresh.retain(|entry| !entry.at(self.destination).is_settled());
            left = fresh
                .into_iter()
                .filter_map(|entry| {
                    let progress = lost.iter().find(|(other, _)| other.id() == entry.id())?.1.clone();
                    Some((entry, progress))
                })
                .collect();
        }
        Err(Failure::new(FailureKind::Conflict, "entries of the ledger are being changed by others all the time"))
    }
}
