//! The export jobs of a run at Marketo: makes and queues them, looks at them, and takes another way where one is closed.

use super::coordinator::save;
use super::run::{InitialSync, Job, Part, PartSource, PartState, Run};
use super::start;
use crate::lease::Lease;
use crate::ports::{ExportFilter, ExportStatus, PeoplePorts};
use crate::settings::PeopleSettings;
use crate::{Failure, FailureKind};

/// Jobs of ours at Marketo at once: it runs two and queues ten for the whole subscription.
const MAX_JOBS: usize = 8;
/// Running jobs are two at most, so looking at more of the queue tells nothing.
const MAX_PENDING_SEEN: usize = 2;

/// Looks at the jobs that may be running.
///
/// # Errors
/// Those of Marketo.
pub(super) async fn look_at(ports: &PeoplePorts, run: &mut Run) -> Result<(), Failure> {
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
                part.begin_again(why, ports.clock.now());
            }
            Err(failure) if failure.kind == FailureKind::NotFound => part.begin_again(failure, ports.clock.now()),
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Makes and queues jobs until enough are at Marketo. A full queue, or a day's megabytes used up, is no failure while jobs of ours are
/// still at work.
///
/// # Errors
/// Those of Marketo.
pub(super) async fn make(
    ports: &PeoplePorts,
    lease: &mut Lease<'_, InitialSync>,
    run: &mut Run,
    settings: &PeopleSettings,
) -> Result<(), Failure> {
    let parked = lease.state.problem.as_ref().and_then(|p| p.export_quota_gone(ports.clock.now()));
    let result = match parked {
        Some(failure) => Err(failure),
        None => fill_queue(ports, lease, run, settings).await,
    };
    let at_work = run.parts.iter().any(|p| matches!(p.state, PartState::Queued { .. }));
    match result {
        Err(failure) if at_work && matches!(failure.kind, FailureKind::ExportQueueFull | FailureKind::DailyExport) => {
            Ok(())
        }
        other => other,
    }
}

async fn fill_queue(
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
                // Gone, or failed before it was queued: only a new job helps.
                Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::BadRequest) => {
                    part.begin_again(failure, ports.clock.now());
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

/// Frees Marketo's queue of jobs nobody wants. A job that cannot be cancelled only wastes some of the day's megabytes.
pub(super) async fn cancel(ports: &PeoplePorts, run: &Run) {
    for part in &run.parts {
        if let PartState::Queued { job } = &part.state
            && let Err(failure) = ports.marketo.cancel_export(&job.id).await
        {
            tracing::warn!(export.id = job.id.0, "cannot cancel export {}: {failure}", job.id.0);
        }
    }
}
