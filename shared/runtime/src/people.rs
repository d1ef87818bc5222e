//! The people functions as Lambda calls them: each a use case with its log line.

use domain::initial_sync::message::PeopleMessage;
use domain::initial_sync::{coordinator, worker};
use domain::people::WriteCounts;
use domain::ports::{PeoplePorts, PeopleQueues, Queue};
use domain::pull::{self, Overlap, Pulled};
use domain::{Failure, Timestamp};

/// One tick of the initial sync's coordinator.
///
/// # Errors
/// The first failure; the place is kept.
pub async fn coordinate(
    ports: &PeoplePorts,
    queues: &PeopleQueues,
    deadline: Option<Timestamp>,
) -> Result<(), Failure> {
    let tick = coordinator::tick(ports, queues, deadline).await?;
    tracing::debug!(sync.running = tick.running, sync.held = tick.held, "initial sync looked at");
    Ok(())
}

/// Handles one message of the queues `people-batches` and `people-reads`; gives what was written.
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
pub async fn pull_changes(ports: &PeoplePorts, deadline: Option<Timestamp>) -> Result<Pulled, Failure> {
    let pulled = pull::pull(ports, Overlap::WhenDue, deadline).await?;
    if pulled.read > 0 || pulled.writes.put > 0 {
        tracing::info!(
            people.read = pulled.read,
            people.put = pulled.writes.put,
            people.unchanged = pulled.writes.unchanged,
            people.stale = pulled.writes.stale,
            "changes pulled"
        );
    }
    Ok(pulled)
}
