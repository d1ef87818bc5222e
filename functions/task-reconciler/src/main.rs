//! Lambda function on the queue `reminder-tasks` and on a schedule of five minutes: keeps reminder tasks in step with Salesforce, both ways.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, config, logs, tasks, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::task_reconciler(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.log_level);
    let metrics = &Metrics::start(&config.stack_name)?;
    let wired = &wiring::task_reconciler(&config).await;
    tasks::serve(metrics, &wired.redelivery(), &wired.ports).await
}
