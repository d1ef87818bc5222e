//! Drives the functions' own use cases until there is nothing left to do: what schedules and event source mappings do on AWS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::initial_sync::{self, coordinator};
use domain::people::WriteCounts;
use domain::ports::{PeoplePorts, Queue};
use domain::pull::{self, Overlap, Pulled};
use domain::{Advice, Failure, FailureKind};
use runtime::queue::{self, Around, LeftAsTheyAre};
use runtime::{SystemClock, people};
use store::MemoryQueue;
use store::memory::Delivery;

use crate::embedded::Embedded;
use crate::failure::CommandFailure;
use crate::progress::ProgressLine;

/// Pollers of each queue: enough to keep the embedded DynamoDB busy on two cores, and Marketo's calls overlapping.
const POLLERS: usize = 3;
/// Messages a poller takes at once; few, so that the pollers share the work evenly.
const MESSAGES_PER_POLL: usize = 2;
/// Ticks that may fail one after another before the command gives up; each has retried its calls already.
const MAX_FAILED_TICKS: u32 = 5;
/// Longest pause between tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pause between looks at receipts.
const RECEIPTS_POLL: Duration = Duration::from_millis(200);
/// Pause before a batch that failed is tried again.
const RETRY_BATCH: Duration = Duration::from_secs(2);
/// Pulls that may each find a new initial sync to be needed; one is the rule.
const MAX_ROUNDS: usize = 5;

/// What the workers of this process wrote, and what stops them.
#[derive(Default)]
struct Shared {
    writes: Mutex<WriteCounts>,
    stop: AtomicBool,
    fatal: Mutex<Option<Failure>>,
    last: Mutex<Option<Failure>>,
}

/// Initial sync where one is due, then changes until caught up. Gives what was written.
pub async fn until_in_step(embedded: &Embedded, full: bool) -> Result<WriteCounts, CommandFailure> {
    let state = initial_sync::peek(&embedded.initial).await?;
    let first = state.completed.is_none();
    if full || (first && state.run.is_none()) {
        initial_sync::request(&embedded.initial, false).await?;
    }
    let mut writes = WriteCounts::default();
    let mut overlap = Overlap::Always;
    for _ in 0..MAX_ROUNDS {
        let run_before = initial_sync::peek(&embedded.initial).await?.completed.map(|c| c.id);
        writes += run_initial_sync(embedded).await?;
        let run_after = initial_sync::peek(&embedded.initial).await?.completed.map(|c| c.id);
        // The cursor of a first run was taken at its start, so that following it misses nothing.
        if first && run_before.is_none() && run_after.is_some() {
            overlap = Overlap::No;
        }
        writes += pull_until_caught_up(embedded, overlap).await?.writes;
        overlap = Overlap::No;
        // Only a pull that comes after a long outage asks for another run.
        if !initial_sync::is_wanted(&embedded.initial).await? {
            return Ok(writes);
        }
    }
    Err(CommandFailure::Wrong("a new initial sync keeps being needed; see `actions-sync status` for the reason".into()))
}

/// Ticks the coordinator, with workers beside it, until no run is left.
async fn run_initial_sync(embedded: &Embedded) -> Result<WriteCounts, CommandFailure> {
    let shared = Arc::new(Shared::default());
    let mut pollers = Vec::new();
    for queue in [&embedded.batches, &embedded.reads] {
        for _ in 0..POLLERS {
            pollers.push(tokio::spawn(poll(
                embedded.initial.clone(),
                embedded.reads.clone(),
                queue.clone(),
                shared.clone(),
            )));
        }
    }
    let result = ticks(embedded, &shared).await;
    shared.stop.store(true, Ordering::Relaxed);
    for poller in pollers {
        // What a worker has in hand when the run fails is cut again by the next run.
        if result.is_err() {
            poller.abort();
            continue;
        }
        poller.await.map_err(|e| CommandFailure::Wrong(format!("a worker stopped: {e}")))?;
    }
    result?;
    let writes = *shared.writes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(writes)
}

async fn ticks(embedded: &Embedded, shared: &Shared) -> Result<(), CommandFailure> {
    let (mut line, queues) = (ProgressLine::start(), embedded.queues());
    let (mut failed, mut reached) = (0, false);
    loop {
        let pause = match coordinator::tick(&embedded.initial, &queues, None).await {
            Ok(tick) if !tick.running && !tick.held => {
                line.done();
                return Ok(());
            }
            Ok(tick) => {
                (failed, reached) = (0, true);
                if tick.exports_pending { embedded.environment.export_poll } else { RECEIPTS_POLL }
            }
            Err(failure) => {
                failed += 1;
                pause_after(failure, failed, reached)?
            }
        };
        // Short looks in between, so that progress is seen and a worker's trouble is heard while an export is waited for.
        let until = tokio::time::Instant::now() + pause;
        loop {
            trouble(embedded, shared)?;
            line.show(&embedded.initial).await?;
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(left.min(Duration::from_secs(1))).await;
        }
    }
}

/// The one place that acts on a failed tick or pull of this program. A Marketo that was never reached is more likely misspelt than down.
fn pause_after(failure: Failure, failed: u32, reached: bool) -> Result<Duration, CommandFailure> {
    match failure.advice() {
        Advice::Retry { after }
            if failed < MAX_FAILED_TICKS && (reached || failure.kind != FailureKind::Unreachable) =>
        {
            let pause = after.saturating_mul(1 << (failed - 1)).min(LONGEST_PAUSE);
            eprintln!("trying again in {} s: {failure}", pause.as_secs());
            Ok(pause)
        }
        Advice::Retry { .. } | Advice::Park { .. } | Advice::Reject | Advice::Halt => Err(failure.into()),
    }
}

fn trouble(embedded: &Embedded, shared: &Shared) -> Result<(), CommandFailure> {
    if let Some(failure) = shared.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(failure.into());
    }
    let dead = embedded.batches.counts().dead + embedded.reads.counts().dead;
    if dead == 0 {
        return Ok(());
    }
    let last = shared.last.lock().unwrap_or_else(PoisonError::into_inner).take();
    let why = last.map_or_else(|| "no reason is known".to_owned(), |f| f.to_string());
    Err(CommandFailure::Wrong(format!(
        "{dead} batches could not be stored: {why}; nothing is lost, run the same command again"
    )))
}

/// A worker: takes messages, handles them as the Lambda function does, deletes what was not reported as failed.
async fn poll(ports: PeoplePorts, reads: Arc<MemoryQueue>, queue: Arc<MemoryQueue>, shared: Arc<Shared>) {
    while !shared.stop.load(Ordering::Relaxed) {
        let deliveries = queue.receive(MESSAGES_PER_POLL);
        if deliveries.is_empty() {
            queue.wait_for_message(Duration::from_millis(100)).await;
            continue;
        }
        handle(&ports, &*reads, &queue, &shared, deliveries).await;
    }
}

async fn handle(
    ports: &PeoplePorts,
    reads: &dyn Queue,
    queue: &MemoryQueue,
    shared: &Shared,
    deliveries: Vec<Delivery>,
) {
    let (receipts, event) = lambda_event(deliveries);
    let store = |body: String, again: bool| async move {
        match people::store_batch(ports, reads, body, again).await {
            Ok(counts) => {
                *shared.writes.lock().unwrap_or_else(PoisonError::into_inner) += counts;
                Ok(counts)
            }
            Err(failure) => {
                let place = if matches!(failure.advice(), Advice::Park { .. } | Advice::Halt) {
                    &shared.fatal
                } else {
                    &shared.last
                };
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
                Err(failure)
            }
        }
    };
    let around = Around { clock: &SystemClock, redelivery: &LeftAsTheyAre, ends: None };
    let answer = queue::handle_batch(event, around, &store).await;
    for (id, receipt) in receipts {
        let failed =
            answer.as_ref().map_or(true, |a| a.response.batch_item_failures.iter().any(|f| f.item_identifier == id));
        if failed {
            queue.change_visibility(&receipt, RETRY_BATCH);
        } else {
            queue.delete(&receipt);
        }
    }
}

fn lambda_event(deliveries: Vec<Delivery>) -> (Vec<(String, String)>, SqsEvent) {
    let mut receipts = Vec::new();
    let mut event = SqsEvent::default();
    for delivery in deliveries {
        receipts.push((delivery.message_id.clone(), delivery.receipt_handle));
        let mut message = SqsMessage::default();
        message.message_id = Some(delivery.message_id);
        message.body = Some(delivery.body);
        message.attributes.insert("ApproximateReceiveCount".into(), delivery.receive_count.to_string());
        event.records.push(message);
    }
    (receipts, event)
}

async fn pull_until_caught_up(embedded: &Embedded, overlap: Overlap) -> Result<Pulled, CommandFailure> {
    let (mut failed, opt_outs) = (0, embedded.tables.opt_outs());
    let mut sum = Pulled::default();
    loop {
        match pull::pull(&embedded.changes, &*opt_outs, overlap, None).await {
            Ok(pulled) => {
                sum.writes += pulled.writes;
                sum.read += pulled.read;
                if pulled.caught_up {
                    return Ok(sum);
                }
            }
            Err(failure) => {
                failed += 1;
                tokio::time::sleep(pause_after(failure, failed, true)?).await;
            }
        }
    }
}
