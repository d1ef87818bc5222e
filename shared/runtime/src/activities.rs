//! The logger of sales activities as Lambda calls it: messages of the queue `sales-activities`, and a schedule for what waits in the
//! ledger. Decides nothing about activities.
//!
//! A message is done with once its activity stands in the ledger, so that a vendor who is down costs no deliveries.

use aws_lambda_events::sqs::SqsEvent;
use domain::activities::{self, ActivityId, Destination, Work};
use domain::ports::{LogPorts, Shelf};
use domain::{Failure, FailureKind, Timestamp};

use crate::Error;
use crate::metrics::{self, Metrics};
use crate::queue::{Around, Handled, Redelivery, check_ids};
use crate::schedule::serve_both;

/// Serves both triggers.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve(metrics: &Metrics, redelivery: &dyn Redelivery, ports: &LogPorts) -> Result<(), Error> {
    let take = async |event, around: Around<'_>| take_in(ports, event, around).await;
    let work = async |ids: Vec<ActivityId>, stop| log_due(ports, &ids, stop).await.map(drop);
    serve_both(metrics, redelivery, take, work, async |stop| log_due(ports, &[], stop).await.map(drop)).await
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
    match both.iter().find_map(|work| work.closed.as_ref()?.for_operator()) {
        Some(failure) => Err(failure),
        None => Ok(both),
    }
}

/// How long the oldest entry has been due at a destination, seconds; absent where that cannot be read.
async fn lag(ports: &LogPorts, destination: Destination) -> Option<u64> {
    let now = ports.clock.now();
    let due = ports.ledger.shelf(destination, Shelf::Due, now, None, 1).await.ok()?;
    Some(due.first().map_or(0, |oldest| now.duration_since(oldest.at).as_secs().max(0).unsigned_abs()))
}
