//! Lambda function on a schedule of one minute: drives the initial sync's export jobs and cuts their files into batches.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, config, logs, people, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::initial_sync_coordinator(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.people.log_level);
    let metrics = &Metrics::start(&config.people.stack_name)?;
    let wired = &wiring::initial_sync(&config).await;
    let queues = &wired.queues();
    schedule::serve(metrics, |deadline| people::coordinate(&wired.ports, queues, config.people.limits, deadline)).await
}
