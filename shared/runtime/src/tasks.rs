//! The keeping of reminder tasks as Lambda calls it: messages of the queue `reminder-tasks`, each in Salesforce within the same invocation, and a
//! schedule for both ways. Decides nothing about tasks.
//!
//! A message is done with once what it says stands in the table, so that a Salesforce that is down costs no deliveries.

use aws_lambda_events::sqs::SqsEvent;
use domain::ports::TaskPorts;
use domain::status::Problem;
use domain::tasks::{self, Occasion, Reconciled, TaskId, TaskMessage};
use domain::{Failure, FailureKind, Timestamp};

use crate::Error;
use crate::metrics::{self, Metrics};
use crate::queue::{Around, Handled, Redelivery, check_ids, sent_at};
use crate::schedule::serve_both;

/// Serves both triggers.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve(metrics: &Metrics, redelivery: &dyn Redelivery, ports: &TaskPorts) -> Result<(), Error> {
    let take = async |event, around: Around<'_>| take_in(ports, event, around).await;
    let work = async |ids: Vec<TaskId>, stop| push(ports, &ids, stop).await.map(drop);
    serve_both(metrics, redelivery, take, work, async |stop| tick(ports, stop).await.map(drop)).await
}

/// Takes a batch of messages into the table; gives which are to be delivered again, and the tasks that changed.
///
/// # Errors
/// When a record has no message id.
pub async fn take_in(ports: &TaskPorts, event: SqsEvent, around: Around<'_>) -> Result<(Handled, Vec<TaskId>), Error> {
    check_ids(&event)?;
    let (mut handled, mut messages, mut taken) = (Handled::default(), Vec::new(), Vec::new());
    for record in &event.records {
        match TaskMessage::parse(record.body.as_deref().unwrap_or_default()) {
            Ok(mut message) => {
                message.at = message.at.or_else(|| sent_at(record));
                messages.push(message);
                taken.push(record);
            }
            Err(unusable) => {
                let failure = Failure::new(FailureKind::BadRequest, format!("it is no reminder task: {unusable}"));
                around.fail(&mut handled, record, &failure).await;
            }
        }
    }
    match tasks::take_in(&*ports.tasks, &*ports.state, &*ports.clock, &messages).await {
        // Also those that were known already: the try before may have ended between the table and Salesforce.
        Ok(_) => Ok((handled, messages.into_iter().map(|message| message.id).collect())),
        Err(failure) => {
            for record in taken {
                around.fail(&mut handled, record, &failure).await;
            }
            Ok((handled, Vec::new()))
        }
    }
}

/// Has Salesforce and the app know of tasks that just changed.
///
/// # Errors
/// Those of our own store, and of the settings; what is due stays due.
pub async fn push(ports: &TaskPorts, ids: &[TaskId], stop: Option<Timestamp>) -> Result<Reconciled, Failure> {
    if ids.is_empty() {
        return Ok(Reconciled::default());
    }
    let done = tasks::push(ports, ids, stop).await?;
    told(&done);
    metrics::of_tasks(&done);
    Ok(done)
}

/// One pass of the schedule.
///
/// # Errors
/// The first failure that an operator has to see; what is due stays due.
pub async fn tick(ports: &TaskPorts, stop: Option<Timestamp>) -> Result<Reconciled, Failure> {
    let done = tasks::reconcile(ports, Occasion::Scheduled, stop).await;
    let now = ports.clock.now();
    // Without them, two metrics are absent from this pass.
    let (lag, since) =
        (tasks::lag(&*ports.tasks, now).await.ok(), tasks::in_step_at(&*ports.state).await.ok().flatten());
    let read_lag = since.map(|at| now.duration_since(at).as_secs().max(0).unsigned_abs());
    metrics::of_task_pass(done.as_ref().ok(), lag.map(|lag| lag.as_secs().unsigned_abs()), read_lag);
    let done = done?;
    told(&done);
    match done.closed.as_ref().and_then(Problem::for_operator) {
        Some(failure) => Err(failure),
        None => Ok(done),
    }
}

fn told(done: &Reconciled) {
    if done.planned > 0 || done.announced > 0 {
        tracing::info!(
            tasks.in_actions = done.in_actions,
            tasks.in_salesforce = done.in_salesforce,
            tasks.rejected = done.rejected,
            tasks.announced = done.announced,
            "reminder tasks brought in step"
        );
    }
    if let Some(problem) = &done.closed {
        tracing::warn!(failure.kind = ?problem.kind, failure.code = problem.code, "reminder tasks wait, Salesforce takes nothing: {}", problem.message);
    }
}
