//! One tick of the initial sync: begin a run where one is wanted, move each part on as far as it goes without waiting, end the run when
//! every batch has its receipt. Nothing waits here; what is not ready is looked at by the next tick.

use std::time::Duration;

use jiff::Timestamp;

use super::cut::{Cutter, Done};
use super::receipts::StoredPeople;
use super::run::{CompletedRun, InitialSync, KEY, Part, PartSource, PartState, Run, Wanted};
use super::{Request, fetch, jobs, receipts, requested, start, sweep};
use crate::lease::{self, Lease, Life};
use crate::ports::{PeoplePorts, PeopleQueues};
use crate::settings::PeopleSettings;
use crate::status::Problem;
use crate::{Failure, FailureKind, lead_fields, settings};

/// Longest time without a save: the download of one file. The end of the holder's invocation ends it earlier.
const LEASE_LIFE: Duration = Duration::from_secs(15 * 60);

/// What a tick left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Whether somebody else was at it, so that nothing was done.
    pub held: bool,
    /// Whether a run is under way.
    pub running: bool,
    /// Whether Marketo is still working on exports; else only our own batches are waited for.
    pub exports_pending: bool,
    /// How many people are stored, where a run is under way or just ended and its receipts were counted.
    pub stored: Option<StoredPeople>,
}

/// Moves the initial sync on.
///
/// # Errors
/// The first failure. What was done is kept, and so is the problem, for the status.
pub async fn tick(ports: &PeoplePorts, queues: &PeopleQueues, deadline: Option<Timestamp>) -> Result<Tick, Failure> {
    let (tick, outcome) = attempt(ports, queues, deadline).await;
    outcome.map(|()| tick)
}

/// The same, telling also of a tick that failed how far the run is. The failure is the one that [`tick`] gives.
pub async fn attempt(
    ports: &PeoplePorts,
    queues: &PeopleQueues,
    deadline: Option<Timestamp>,
) -> (Tick, Result<(), Failure>) {
    let mut tick = Tick::default();
    let holder = format!("coordinator-{:016x}", ports.chance.next_u64());
    let life = Life::within(LEASE_LIFE, deadline);
    let mut lease = match lease::take::<InitialSync>(&*ports.state, &*ports.clock, KEY, &holder, life).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return (Tick { held: true, ..tick }, Ok(())),
        Err(failure) => return (tick, Err(failure)),
    };
    let outcome = step(ports, queues, &mut lease, deadline, &mut tick).await;
    lease.state.problem = outcome.as_ref().err().map(|failure| Problem::new(failure, ports.clock.now()));
    tick.exports_pending = lease
        .state
        .run
        .iter()
        .flat_map(|r| &r.parts)
        .any(|p| matches!(p.state, PartState::Waiting | PartState::Created { .. } | PartState::Queued { .. }));
    tick.running = lease.state.run.is_some();
    let released = lease.release().await;
    (tick, outcome.and(released))
}

/// Looks again at every batch that has no receipt, because the queues were lost, as those in memory are with their process.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn queues_were_lost(ports: &PeoplePorts) -> Result<(), Failure> {
    let taken = lease::take::<InitialSync>(&*ports.state, &*ports.clock, KEY, "recovery", Life::of(LEASE_LIFE)).await?;
    let Some(mut lease) = taken else { return Ok(()) };
    for part in lease.state.run.iter_mut().flat_map(|r| &mut r.parts) {
        receipts::cut_again(part);
    }
    lease.release().await
}

async fn step(
    ports: &PeoplePorts,
    queues: &PeopleQueues,
    lease: &mut Lease<'_, InitialSync>,
    deadline: Option<Timestamp>,
    tick: &mut Tick,
) -> Result<(), Failure> {
    let settings = settings::load(&*ports.state).await?.people()?;
    let (request, _) = requested(ports).await?;
    let wanted = lease.state.wanted(request, &settings);
    if wanted.is_none() && lease.state.run.is_none() {
        return Ok(());
    }
    ports.marketo.connect().await?;
    if let Some(wanted) = wanted {
        begin(ports, lease, &settings, (wanted, request), deadline).await?;
    }
    let result = match lease.state.run.take() {
        Some(mut run) => {
            let result = drive(ports, queues, lease, &mut run, &settings, deadline, tick).await;
            lease.state.run = Some(run);
            result
        }
        None => return Ok(()),
    };
    if let Err(failure) = &result
        && failure.kind == FailureKind::UnknownField
    {
        lead_fields::forget(ports).await?;
    }
    if result? {
        complete(ports, lease);
    }
    Ok(())
}

async fn begin(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    settings: &PeopleSettings,
    (wanted, request): (Wanted, Request),
    deadline: Option<Timestamp>,
) -> Result<(), Failure> {
    let run = start::start(ports, settings, wanted.sweep, deadline).await?;
    tracing::info!(run.id = run.id, run.parts = run.parts.len(), "initial sync {} begins", run.id);
    if let Some(replaced) = lease.state.run.replace(run) {
        jobs::cancel(ports, &replaced).await;
    }
    lease.state.request_taken_up = request.number;
    lease.state.notices.clear();
    lease.commit().await
}

/// Moves all parts on; gives whether the run is at its end.
async fn drive(
    ports: &PeoplePorts,
    queues: &PeopleQueues,
    lease: &mut Lease<'_, InitialSync>,
    run: &mut Run,
    settings: &PeopleSettings,
    deadline: Option<Timestamp>,
    tick: &mut Tick,
) -> Result<bool, Failure> {
    jobs::look_at(ports, run).await?;
    save(lease, run).await?;
    let made = jobs::make(ports, lease, run, settings).await;
    // A full export queue or a used-up day must not keep finished files from being stored.
    for index in 0..run.parts.len() {
        if deadline.is_some_and(|at| ports.clock.now() >= at) {
            break;
        }
        cut_part(ports, queues, run, index).await?;
        save(lease, run).await?;
    }
    tick.stored = Some(receipts::count(ports, run).await?);
    made?;
    if let Some(failure) = run.parts.iter().find_map(Part::trouble) {
        return Err(failure);
    }
    let stored = run.parts.iter().all(|p| matches!(p.state, PartState::Stored { .. }));
    Ok(stored && (!run.sweep || sweep::sweep(ports, run, deadline).await?))
}

/// Keeps the run where it changed, so that a crash finds every job and every cut file again.
pub(super) async fn save(lease: &mut Lease<'_, InitialSync>, run: &Run) -> Result<(), Failure> {
    if lease.state.run.as_ref() == Some(run) {
        return Ok(());
    }
    lease.state.run = Some(run.clone());
    lease.commit().await
}

async fn cut_part(ports: &PeoplePorts, queues: &PeopleQueues, run: &mut Run, index: usize) -> Result<(), Failure> {
    let label = run.label(index);
    let part = &run.parts[index];
    let (export, result) = match (&part.state, &part.source) {
        (PartState::Ready { job, file, before }, _) => {
            let export = (job.clone(), file.clone());
            let done = Done::load(ports, &run.id, &label, *before).await?;
            let cutter = Cutter::new(queues, run, label, done);
            let result = match fetch(ports, &export.0.id, &export.1).await {
                Ok(spool) => {
                    let reader = spool.reader().map_err(|e| {
                        Failure::new(FailureKind::Unavailable, format!("cannot read scratch space: {e}"))
                    })?;
                    let rows = ports.marketo.export_rows(reader, run.plan.names());
                    cutter.file(&export.0, rows, export.1.records).await
                }
                Err(failure) => Err(failure),
            };
            (Some(export), result)
        }
        (PartState::Waiting, PartSource::Ids(from, to)) => {
            (None, Cutter::new(queues, run, label, Done::default()).ids(*from, *to).await)
        }
        _ => return Ok(()),
    };
    match result {
        Ok(batches) => run.parts[index].state = PartState::Cut { export, batches, quiet: None },
        // The file is wrong or gone: only a new job helps.
        Err(failure) if matches!(failure.kind, FailureKind::BadAnswer | FailureKind::NotFound) => {
            tracing::warn!(run.id = run.id, run.part = index, "{failure}; making a new export");
            run.parts[index].begin_again(failure, ports.clock.now());
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

fn complete(ports: &PeoplePorts, lease: &mut Lease<'_, InitialSync>) {
    let Some(run) = lease.state.run.take() else { return };
    let people = run.batches().people;
    tracing::info!(run.id = run.id, run.people = people, "initial sync {} is complete", run.id);
    lease.state.completed = Some(CompletedRun {
        id: run.id,
        started_at: run.started_at,
        ended_at: ports.marketo.now(),
        scope: run.scope,
        people,
    });
}
