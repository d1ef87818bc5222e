//! The logger of sales activities as Lambda calls it: messages of the queue `sales-activities`, and a schedule for what waits in the
//! ledger. Decides nothing about activities.
//!
//! A message is done with once its activity stands in the ledger, so that a vendor who is down costs no deliveries.

use aws_lambda_events::sqs::SqsEvent;
use domain::activities::{self, ActivityId, Destination, Work};
use domain::ports::{LogPorts, Shelf};
use domain::{Failure, FailureKind, Timestamp};
use serde_json::Value;

use crate::metrics::{self, Metrics};
use crate::queue::{Around, Handled, Redelivery, check_ids};
use crate::schedule::{self, serve_both};
use crate::{Error, SystemClock};

/// Serves both triggers.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve(metrics: &Metrics, redelivery: &dyn Redelivery, ports: &LogPorts) -> Result<(), Error> {
    serve_both(metrics, async |payload, stop| match payload.get("Records") {
        Some(_) => on_messages(ports, redelivery, payload, stop).await,
        None => schedule::outcome(log_due(ports, &[], stop).await.map(drop)).map(|()| Value::Null),
    })
    .await
}

async fn on_messages(
    ports: &LogPorts,
    redelivery: &dyn Redelivery,
    payload: Value,
    stop: Option<Timestamp>,
) -> Result<Value, Error> {
    let event: SqsEvent = serde_json::from_value(payload)?;
    let around = Around { clock: &SystemClock, redelivery, ends: stop };
    let (handled, ids) = take_in(ports, event, around).await?;
    metrics::of_messages(&handled);
    // What fails from here on is in the ledger, and is tried again by the schedule; the messages are done with.
    if let Err(failure) = log_due(ports, &ids, stop).await {
        tracing::warn!(failure.kind = ?failure.kind, failure.code = failure.code, "activities wait for the next tick: {failure}");
    }
    Ok(serde_json::to_value(handled.response)?)
}

/// Takes a batch of messages into the ledger; gives which are to be delivered again, and the activities taken.
///
/// # Errors
/// When a record has no message id.
pub async fn take_in(
    ports: &LogPorts,
    event: SqsEvent,
    around: Around<'_>,
) -> Result<(Handled, Vec<ActivityId>), Error> {
    check_ids(&event)?;
    let bodies: Vec<&str> = event.records.iter().map(|record| record.body.as_deref().unwrap_or_default()).collect();
    let mut handled = Handled::default();
    match activities::accept(&*ports.ledger, &*ports.clock, &bodies).await {
        Ok(accepted) => {
            for (place, unusable) in &accepted.unusable {
                let failure = Failure::new(FailureKind::BadRequest, format!("it is no sales activity: {unusable}"));
                around.fail(&mut handled, &event.records[*place], &failure).await;
            }
            Ok((handled, accepted.ids))
        }
        Err(failure) => {
            for record in &event.records {
                around.fail(&mut handled, record, &failure).await;
            }
            Ok((handled, Vec::new()))
        }
    }
}

/// Logs what is due at both destinations. One that takes nothing does not keep the other waiting.
///
/// # Errors
/// The first failure that an operator has to see; what is due stays due.
pub async fn log_due(ports: &LogPorts, hints: &[ActivityId], stop: Option<Timestamp>) -> Result<[Work; 2], Failure> {
    let marketo = activities::log_to_marketo(ports, hints, activities::SETTLE, stop).await;
    let salesforce = activities::log_to_salesforce(ports, hints, activities::SALESFORCE_SETTLE, stop).await;
    for (destination, work) in [(Destination::Marketo, &marketo), (Destination::Salesforce, &salesforce)] {
        let lag = lag(ports, destination).await;
        metrics::of_logging(destination, work.as_ref().ok(), lag);
        if let Ok(work) = work
            && (work.logged > 0 || work.rejected > 0 || work.later > 0)
        {
            tracing::info!(
                destination = destination.as_str(),
                activities.logged = work.logged,
                activities.rejected = work.rejected,
                activities.skipped = work.skipped,
                activities.later = work.later,
                "activities logged"
            );
        }
    }
    let both = [marketo?, salesforce?];
    for work in &both {
        if let Some(problem) = work.closed.as_ref().filter(|problem| problem.needs_operator) {
            let failure = Failure::new(problem.kind, problem.message.clone());
            return Err(Failure { code: problem.code.clone(), ..failure });
        }
    }
    Ok(both)
}

/// How long the oldest entry has been due at a destination, seconds; absent where that cannot be read.
async fn lag(ports: &LogPorts, destination: Destination) -> Option<u64> {
    let now = ports.clock.now();
    let due = ports.ledger.shelf(destination, Shelf::Due, now, None, 1).await.ok()?;
    Some(due.first().map_or(0, |oldest| now.duration_since(oldest.at).as_secs().max(0).unsigned_abs()))
}
