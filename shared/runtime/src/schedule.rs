//! Serving loop of functions on a schedule: one tick an invocation, whatever the event says.

use std::time::Duration;

use domain::{Advice, Failure, Timestamp};
use lambda_runtime::{LambdaEvent, service_fn};

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
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| {
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
