//! The people functions as Lambda calls them: each a use case with its log line and its metrics.

use domain::budget::{self, CallLimits};
use domain::initial_sync::message::PeopleMessage;
use domain::initial_sync::{coordinator, worker};
use domain::people::WriteCounts;
use domain::ports::{OptOutRegister, PeoplePorts, PeopleQueues, Queue};
use domain::pull::{self, Overlap, Pulled};
use domain::{Failure, Timestamp};

use crate::metrics;

/// One tick of the initial sync's coordinator. `limits` are what the subscription was sold with, of which the metrics tell what is left.
///
/// # Errors
/// The first failure; the place is kept.
pub async fn coordinate(
    ports: &PeoplePorts,
    queues: &PeopleQueues,
    limits: CallLimits,
    deadline: Option<Timestamp>,
) -> Result<(), Failure> {
    let (tick, outcome) = coordinator::attempt(ports, queues, deadline).await;
    tracing::debug!(sync.running = tick.running, sync.held = tick.held, "initial sync looked at");
    // Without it, one metric is absent from this minute.
    let calls_left = budget::left_today(&*ports.state, limits, ports.clock.now()).await.ok();
    metrics::of_tick(&tick, outcome.is_ok(), calls_left);
    outcome
}

/// Handles one message of the queues `people-batches` and `people-reads`; gives what was written. `reads` is the queue `people-reads`.
///
/// # Errors
/// When the message cannot be understood or its effect is not durable; it is to be delivered again.
pub async fn store_batch(
    ports: &PeoplePorts,
    reads: &dyn Queue,
    body: String,
    again: bool,
) -> Result<WriteCounts, Failure> {
    let counts = worker::handle(ports, reads, PeopleMessage::from_body(&body)?, again).await?;
    tracing::debug!(
        people.put = counts.put,
        people.unchanged = counts.unchanged,
        people.stale = counts.stale,
        "batch stored"
    );
    Ok(counts)
}

/// One incremental pull.
///
/// # Errors
/// The first failure; the cursor stands where the last whole pass ended.
pub async fn pull_changes(
    ports: &PeoplePorts,
    opt_outs: &dyn OptOutRegister,
    deadline: Option<Timestamp>,
) -> Result<Pulled, Failure> {
    let (pulled, outcome) = pull::attempt(ports, opt_outs, Overlap::WhenDue, deadline).await;
    metrics::of_pull(&pulled, outcome.is_ok(), ports.marketo.now());
    if pulled.read > 0 || pulled.writes.put > 0 {
        tracing::info!(
            people.read = pulled.read,
            people.put = pulled.writes.put,
            people.unchanged = pulled.writes.unchanged,
            people.stale = pulled.writes.stale,
            "changes pulled"
        );
    }
    outcome.map(|()| pulled)
}
