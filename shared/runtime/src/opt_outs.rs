//! The keeping of opt-outs as Lambda calls it: messages of the queue `opt-outs`, each in Salesforce within the same invocation, and a schedule
//! for both ways. Decides nothing about opt-outs.
//!
//! A message is done with once its opt-out stands in the register, so that a Salesforce that is down costs no deliveries.

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use domain::opt_outs::{self, Address, Occasion, OptOutMessage, Reconciled, Said};
use domain::ports::OptOutPorts;
use domain::status::Problem;
use domain::{Failure, FailureKind, Timestamp};

use crate::Error;
use crate::metrics::{self, Metrics};
use crate::queue::{Around, Handled, Redelivery, check_ids, sent_at};
use crate::schedule::serve_both;

/// Serves both triggers.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve(metrics: &Metrics, redelivery: &dyn Redelivery, ports: &OptOutPorts) -> Result<(), Error> {
    let take = async |event, around: Around<'_>| take_in(ports, event, around).await;
    let work = async |addresses: Vec<Address>, stop| push(ports, &addresses, stop).await.map(drop);
    serve_both(metrics, redelivery, take, work, async |stop| tick(ports, stop).await.map(drop)).await
}

/// Takes a batch of messages into the register; gives which are to be delivered again, and the addresses that said no.
///
/// # Errors
/// When a record has no message id.
pub async fn take_in(
    ports: &OptOutPorts,
    event: SqsEvent,
    around: Around<'_>,
) -> Result<(Handled, Vec<Address>), Error> {
    check_ids(&event)?;
    let now = ports.clock.now();
    let (mut handled, mut said, mut taken) = (Handled::default(), Vec::new(), Vec::new());
    for record in &event.records {
        match OptOutMessage::parse(record.body.as_deref().unwrap_or_default()) {
            Ok(message) => {
                said.push(of_message(message, record, now));
                taken.push(record);
            }
            Err(unusable) => {
                let failure = Failure::new(FailureKind::BadRequest, format!("it is no opt-out: {unusable}"));
                around.fail(&mut handled, record, &failure).await;
            }
        }
    }
    if let Err(failure) = opt_outs::add(&*ports.register, &said).await {
        for record in taken {
            around.fail(&mut handled, record, &failure).await;
        }
        return Ok((handled, Vec::new()));
    }
    Ok((handled, said.into_iter().map(|said| said.address).collect()))
}

fn of_message(mut message: OptOutMessage, record: &SqsMessage, now: Timestamp) -> Said {
    message.at = message.at.or_else(|| sent_at(record));
    Said { event: message.event(now), address: message.address, message: record.message_id.clone() }
}

/// Has Salesforce know of addresses that just said no.
///
/// # Errors
/// Those of our own store, and of the settings; what is due stays due.
pub async fn push(ports: &OptOutPorts, addresses: &[Address], stop: Option<Timestamp>) -> Result<Reconciled, Failure> {
    if addresses.is_empty() {
        return Ok(Reconciled::default());
    }
    let done = opt_outs::push(ports, addresses, stop).await?;
    told(&done);
    metrics::of_opt_outs(&done);
    Ok(done)
}

/// One pass of the schedule.
///
/// # Errors
/// The first failure that an operator has to see; what is due stays due.
pub async fn tick(ports: &OptOutPorts, stop: Option<Timestamp>) -> Result<Reconciled, Failure> {
    let done = opt_outs::reconcile(ports, Occasion::Scheduled, stop).await;
    let now = ports.clock.now();
    // Without them, two metrics are absent from this pass.
    let (lag, since) =
        (opt_outs::lag(&*ports.register, now).await.ok(), opt_outs::in_step_at(&*ports.state).await.ok().flatten());
    let read_lag = since.map(|at| now.duration_since(at).as_secs().max(0).unsigned_abs());
    metrics::of_opt_out_pass(done.as_ref().ok(), lag.map(|lag| lag.as_secs().unsigned_abs()), read_lag);
    let done = done?;
    told(&done);
    match done.closed.as_ref().and_then(Problem::for_operator) {
        Some(failure) => Err(failure),
        None => Ok(done),
    }
}

fn told(done: &Reconciled) {
    if done.planned > 0 || done.held_back > 0 {
        tracing::info!(
            opt_outs.taken_in = done.in_actions,
            opt_outs.ticked = done.in_salesforce,
            opt_outs.restored = done.restored,
            opt_outs.rejected = done.rejected,
            opt_outs.held_back = done.held_back,
            "opt-outs brought in step"
        );
    }
    if let Some(problem) = &done.closed {
        tracing::warn!(failure.kind = ?problem.kind, failure.code = problem.code, "opt-outs wait, Salesforce takes nothing: {}", problem.message);
    }
}
