//! Serving loops of functions on a schedule, and of those that have a queue besides: one tick an invocation.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use domain::{Advice, Failure, Timestamp};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::metrics::{self, Metrics};
use crate::queue::{Around, Handled, Redelivery};
use crate::{Error, SystemClock};

/// Left of an invocation's time for saving the place. A lease that ends with the invocation counts on it.
pub const MARGIN: Duration = domain::lease::GRACE;

/// Runs `tick` for each scheduled event, with the time at which it should stop.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve<F, R>(metrics: &Metrics, tick: F) -> Result<(), Error>
where
    F: Fn(Option<Timestamp>) -> R,
    R: Future<Output = Result<(), Failure>>,
{
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let stop = event.context.deadline().checked_sub(MARGIN);
        let ticking = tick(stop.and_then(|at| Timestamp::try_from(at).ok()));
        async {
            let result = ticking.await;
            metrics.flush();
            outcome(result)
        }
    }))
    .await
}

/// Serves a function that has both a queue and a schedule. `take` stores what messages say; `work` does with it at once what the schedule's
/// `tick` would do later. A failure of `work` is not one of the messages: what they said is stored, and waits for the next tick.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve_both<T>(
    metrics: &Metrics,
    redelivery: &dyn Redelivery,
    take: impl AsyncFn(SqsEvent, Around<'_>) -> Result<(Handled, Vec<T>), Error>,
    work: impl AsyncFn(Vec<T>, Option<Timestamp>) -> Result<(), Failure>,
    tick: impl AsyncFn(Option<Timestamp>) -> Result<(), Failure>,
) -> Result<(), Error> {
    let (take, work, tick) = (&take, &work, &tick);
    let on_messages = async |payload: Value, stop| {
        let event: SqsEvent = serde_json::from_value(payload)?;
        let (handled, taken) = take(event, Around { clock: &SystemClock, redelivery, ends: stop }).await?;
        metrics::of_messages(&handled);
        if let Err(failure) = work(taken, stop).await {
            tracing::warn!(failure.kind = ?failure.kind, failure.code = failure.code, "what messages said waits for the next tick: {failure}");
        }
        Ok(serde_json::to_value(handled.response)?)
    };
    let on_messages = &on_messages;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let stop = event.context.deadline().checked_sub(MARGIN).and_then(|at| Timestamp::try_from(at).ok());
        let answer = match event.payload.get("Records") {
            Some(_) => on_messages(event.payload, stop).await,
            None => outcome(tick(stop).await).map(|()| Value::Null),
        };
        metrics.flush();
        answer
    }))
    .await
}

/// What an invocation answers: a failure that the next tick may cure is no error of the function.
///
/// # Errors
/// A failure that an operator has to cure, so that Lambda counts it and an alarm can see it.
fn outcome(result: Result<(), Failure>) -> Result<(), Error> {
    let Err(failure) = result else { return Ok(()) };
    match failure.advice() {
        Advice::Retry { .. } | Advice::Park { .. } => {
            tracing::warn!(failure.kind = ?failure.kind, failure.code = failure.code, "tick ended early and goes on with the next: {failure}");
            Ok(())
        }
        Advice::Reject | Advice::Halt => {
            tracing::error!(failure.kind = ?failure.kind, failure.code = failure.code, "tick failed: {failure}");
            Err(Box::new(failure))
        }
    }
}
