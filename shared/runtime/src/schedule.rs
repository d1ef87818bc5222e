//! Serving loops of functions on a schedule, and of those that have a queue besides: one tick an invocation.

use std::time::Duration;

use domain::{Advice, Failure, Timestamp};
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

use crate::Error;
use crate::metrics::Metrics;

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

/// Serves a function that has both a queue and a schedule: hands over each event with the time at which to stop.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve_both(
    metrics: &Metrics,
    handle: impl AsyncFn(Value, Option<Timestamp>) -> Result<Value, Error>,
) -> Result<(), Error> {
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let stop = event.context.deadline().checked_sub(MARGIN).and_then(|at| Timestamp::try_from(at).ok());
        let answer = handle(event.payload, stop).await;
        metrics.flush();
        answer
    }))
    .await
}

/// What an invocation answers: a failure that the next tick may cure is no error of the function.
///
/// # Errors
/// A failure that an operator has to cure, so that Lambda counts it and an alarm can see it.
pub fn outcome(result: Result<(), Failure>) -> Result<(), Error> {
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
