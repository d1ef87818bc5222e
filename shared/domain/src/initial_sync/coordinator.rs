//! One tick of the initial sync: begin a run where one is wanted, move each part on as far as it goes without waiting, end the run when
//! every batch has its receipt. Nothing waits here; what is not ready is looked at by the next tick.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::cut::{Cutter, Done};
use super::run::{Batches, CompletedRun, InitialSync, Job, KEY, Part, PartSource, PartState, Receipts, Run};
use super::{fetch, requested, start, sweep};
use crate::lease::{self, Lease};
use crate::ports::{ExportFilter, ExportStatus, PeoplePorts, SyncState};
use crate::settings::PeopleSettings;
use crate::status::Problem;
use crate::{Failure, FailureKind, budget, lead_fields, settings};

/// Longest time without a save: the download of one file.
const LEASE_LIFE: Duration = Duration::from_secs(15 * 60);
/// Jobs of ours at Marketo at once: it runs two and queues ten for the whole subscription.
const MAX_JOBS: usize = 8;
/// Running jobs are two at most, so looking at more of the queue tells nothing.
const MAX_PENDING_SEEN: usize = 2;
/// Jobs of one part that may fail before an operator is asked; the part is tried on nevertheless.
const MANY_FAILURES: u32 = 5;
/// Without any receipt for so long, batches must have been lost: longer than the queue takes to give a message up.
const QUIET: SignedDuration = SignedDuration::from_mins(30);

/// What a tick left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Whether somebody else was at it, so that nothing was done.
    pub held: bool,
    /// Whether a run is under way.
    pub running: bool,
    /// Whether Marketo is still working on exports; else only our own batches are waited for.
    pub exports_pending: bool,
}

/// Moves the initial sync on.
///
/// # Errors
/// The first failure. What was done is kept, and so is the problem, for the status.
pub async fn tick(ports: &PeoplePorts, deadline: Option<Timestamp>) -> Result<Tick, Failure> {
    let holder = format!("coordinator-{:016x}", ports.chance.next_u64());
    let taken = lease::take::<InitialSync>(&*ports.state, &*ports.clock, KEY, &holder, LEASE_LIFE).await?;
    let Some(mut lease) = taken else { return Ok(Tick { held: true, ..Tick::default() }) };
    let outcome = step(ports, &mut lease, deadline).await;
    lease.state.problem = outcome.as_ref().err().map(|failure| Problem::new(failure, ports.clock.now()));
    let pending = lease
        .state
        .run
        .iter()
        .flat_map(|r| &r.parts)
        .any(|p| matches!(p.state, PartState::Waiting | PartState::Created { .. } | PartState::Queued { .. }));
    let tick = Tick { held: false, running: lease.state.run.is_some(), exports_pending: pending };
    let released = lease.release().await;
    outcome?;
    released.map(|()| tick)
}

/// Looks again at every batch that has no receipt, because the queues were lost, as those in memory are with their process.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn queues_were_lost(ports: &PeoplePorts) -> Result<(), Failure> {
    let taken = lease::take::<InitialSync>(&*ports.state, &*ports.clock, KEY, "recovery", LEASE_LIFE).await?;
    let Some(mut lease) = taken else { return Ok(()) };
    for part in lease.state.run.iter_mut().flat_map(|r| &mut r.parts) {
        cut_again(part);
    }
    lease.release().await
}

async fn step(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    deadline: Option<Timestamp>,
) -> Result<(), Failure> {
    let settings = settings::load(&*ports.state).await?.people()?;
    begin_where_wanted(ports, lease, &settings).await?;
    let result = match lease.state.run.take() {
        Some(mut run) => {
            let result = drive(ports, lease, &mut run, &settings, deadline).await;
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

async fn begin_where_wanted(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    settings: &PeopleSettings,
) -> Result<(), Failure> {
    let (request, _) = requested(ports).await?;
    let Some(wanted) = lease.state.wanted(request, settings) else { return Ok(()) };
    let run = start::start(ports, settings, wanted.sweep).await?;
    tracing::info!(run.id = run.id, run.parts = run.parts.len(), "initial sync {} begins", run.id);
    if let Some(replaced) = lease.state.run.replace(run) {
        cancel_jobs(ports, &replaced).await;
    }
    lease.state.request_taken_up = request.number;
    lease.state.notices.clear();
    lease.commit().await
}

/// Frees Marketo's queue of jobs nobody wants. A job that cannot be cancelled only wastes some of the day's megabytes.
async fn cancel_jobs(ports: &PeoplePorts, run: &Run) {
    for part in &run.parts {
        if let PartState::Queued { job } = &part.state
            && let Err(failure) = ports.marketo.cancel_export(&job.id).await
        {
            tracing::warn!(export.id = job.id.0, "cannot cancel export {}: {failure}", job.id.0);
        }
    }
}

/// Moves all parts on; gives whether the run is at its end.
async fn drive(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    run: &mut Run,
    settings: &PeopleSettings,
    deadline: Option<Timestamp>,
) -> Result<bool, Failure> {
    look_at_jobs(ports, run).await?;
    save(lease, run).await?;
    let made = make_jobs(ports, lease, run, settings).await;
    // A full export queue or a used-up day must not keep finished files from being stored.
    for index in 0..run.parts.len() {
        if deadline.is_some_and(|at| ports.clock.now() >= at) {
            break;
        }
        cut_part(ports, run, index).await?;
        save(lease, run).await?;
    }
    made?;
    count_receipts(ports, run).await?;
    let stored = run.parts.iter().all(|p| matches!(p.state, PartState::Stored { .. }));
    Ok(stored && (!run.sweep || sweep::sweep(ports, run, deadline).await?))
}

async fn save(lease: &mut Lease<'_, InitialSync>, run: &Run) -> Result<(), Failure> {
    if lease.state.run.as_ref() == Some(run) {
        return Ok(());
    }
    lease.state.run = Some(run.clone());
    lease.commit().await
}

async fn look_at_jobs(ports: &PeoplePorts, run: &mut Run) -> Result<(), Failure> {
    let mut pending = 0;
    for part in &mut run.parts {
        let PartState::Queued { job } = &part.state else { continue };
        if pending == MAX_PENDING_SEEN {
            break;
        }
        match ports.marketo.export_status(&job.id).await {
            Ok(ExportStatus::Pending) => pending += 1,
            Ok(ExportStatus::Completed(file)) => part.state = PartState::Ready { job: job.clone(), file, before: None },
            Ok(ExportStatus::Failed(why)) => {
                tracing::warn!(export.id = job.id.0, "export {} failed at Marketo, making a new one: {why}", job.id.0);
                part.begin_again(retry_at(ports, part.failures));
            }
            Err(failure) if failure.kind == FailureKind::NotFound => part.begin_again(retry_at(ports, part.failures)),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Makes and queues jobs until enough are at Marketo.
async fn make_jobs(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    run: &mut Run,
    settings: &PeopleSettings,
) -> Result<(), Failure> {
    let mut at_marketo = run.parts.iter().filter(|p| matches!(p.state, PartState::Queued { .. })).count();
    let mut index = 0;
    while index < run.parts.len() && at_marketo < MAX_JOBS {
        let part = &mut run.parts[index];
        let waits = part.not_before.is_some_and(|at| ports.clock.now() < at);
        if let (PartState::Waiting, PartSource::Export(filter), false) = (&part.state, &part.source, waits) {
            let as_of = ports.marketo.now();
            match ports.marketo.create_export(filter, run.plan.names()).await {
                Ok(id) => part.state = PartState::Created { job: Job { id, as_of } },
                Err(failure) => {
                    other_way(ports, lease, run, settings, failure).await?;
                    index = 0;
                    continue;
                }
            }
            save(lease, run).await?;
        }
        let part = &mut run.parts[index];
        if let PartState::Created { job } = &part.state {
            match ports.marketo.enqueue_export(&job.id).await {
                Ok(()) => part.state = PartState::Queued { job: job.clone() },
                Err(failure) if failure.kind == FailureKind::NotFound => {
                    part.begin_again(retry_at(ports, part.failures))
                }
                Err(failure) => return Err(failure),
            }
            at_marketo += 1;
            save(lease, run).await?;
        }
        index += 1;
    }
    Ok(())
}

/// Where an export of this kind is not to be had, takes the next way: creation dates instead of a smart list, ids instead of exports.
async fn other_way(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    run: &mut Run,
    settings: &PeopleSettings,
    failure: Failure,
) -> Result<(), Failure> {
    let by_list = run.parts.iter().any(|p| {
        matches!(p.source, PartSource::Export(ExportFilter::SmartListId { .. } | ExportFilter::SmartListName { .. }))
    });
    let (parts, notice) = match failure.kind {
        FailureKind::Unsupported if by_list => {
            let filters = start::creation_windows(ports, settings).await?;
            let parts: Vec<Part> = filters.into_iter().map(|f| Part::new(PartSource::Export(f))).collect();
            (parts, "this subscription cannot export by smart list; everybody is exported by creation date instead")
        }
        FailureKind::AccessDenied | FailureKind::Unsupported => (
            vec![start::ids_part(ports).await?],
            "the API user may not use bulk export, so people are read 300 a call; give its role bulk rights (Read-Only Lead) for a faster sync",
        ),
        FailureKind::NotFound | FailureKind::BadRequest if by_list => {
            return Err(Failure::new(
                FailureKind::BadSetting,
                format!(
                    "Marketo refuses an export of the smart list in people.smartList ({failure}); set people.smartList to the id or name of an existing smart list with a filter, or leave it empty"
                ),
            ));
        }
        _ => return Err(failure),
    };
    tracing::warn!(run.id = run.id, "{notice}");
    lease.state.notices.push(notice.to_owned());
    run.parts = parts;
    save(lease, run).await
}

async fn cut_part(ports: &PeoplePorts, run: &mut Run, index: usize) -> Result<(), Failure> {
    let label = run.label(index);
    let part = &run.parts[index];
    let (export, result) = match (&part.state, &part.source) {
        (PartState::Ready { job, file, before }, _) => {
            let export = (job.clone(), file.clone());
            let done = Done::load(ports, &run.id, &label, *before).await?;
            let cutter = Cutter::new(ports, run, label, done);
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
            (None, Cutter::new(ports, run, label, Done::default()).ids(*from, *to).await)
        }
        _ => return Ok(()),
    };
    let failures = part.failures;
    match result {
        Ok(batches) => run.parts[index].state = PartState::Cut { export, batches, quiet: None },
        // The file is wrong or gone: only a new job helps.
        Err(failure) if matches!(failure.kind, FailureKind::BadAnswer | FailureKind::NotFound) => {
            tracing::warn!(run.id = run.id, run.part = index, "{failure}; making a new export");
            run.parts[index].begin_again(retry_at(ports, failures));
            if failures >= MANY_FAILURES {
                return Err(failure);
            }
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

async fn count_receipts(ports: &PeoplePorts, run: &mut Run) -> Result<(), Failure> {
    for index in 0..run.parts.len() {
        let label = run.label(index);
        let PartState::Cut { batches, quiet, .. } = &run.parts[index].state else { continue };
        let (batches, quiet) = (*batches, *quiet);
        let count = receipts_of(&*ports.state, &run.id, &label, batches).await?;
        let now = ports.clock.now();
        let part = &mut run.parts[index];
        if count == 2 * batches.rows + batches.reads {
            part.state = PartState::Stored { batches };
        } else if let Some((since, _)) = quiet.filter(|(_, then)| *then == count) {
            // While nobody may call Marketo, batches wait and are not lost.
            let parked = budget::parked_until(&*ports.state).await?.is_some_and(|until| now < until);
            let part = &mut run.parts[index];
            if now.duration_since(since) > QUIET && !parked {
                tracing::warn!(run.id = run.id, run.part = index, "batches got lost, cutting part {index} again");
                cut_again(part);
            }
        } else if let PartState::Cut { quiet, .. } = &mut part.state {
            *quiet = Some((now, count));
        }
    }
    Ok(())
}

/// Receipts of a part that have come in, of all three kinds.
pub(crate) async fn receipts_of(
    state: &dyn SyncState,
    run: &str,
    label: &str,
    batches: Batches,
) -> Result<u32, Failure> {
    let mut count = 0;
    for (kind, end) in
        [(Receipts::Rows, batches.rows), (Receipts::Roles, batches.rows), (Receipts::Reads, batches.reads)]
    {
        if end > 0 {
            let receipts = state.receipts(&kind.group(run, label), end).await?;
            count += u32::try_from(receipts.len()).unwrap_or(u32::MAX);
        }
    }
    Ok(count)
}

fn cut_again(part: &mut Part) {
    let PartState::Cut { export, batches, .. } = &part.state else { return };
    part.state = match export {
        Some((job, file)) => PartState::Ready { job: job.clone(), file: file.clone(), before: Some(*batches) },
        None => PartState::Waiting,
    };
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

fn retry_at(ports: &PeoplePorts, failures: u32) -> Timestamp {
    let pause = SignedDuration::from_secs(5 << failures.min(6));
    let now = ports.clock.now();
    now.checked_add(pause).unwrap_or(now)
}
