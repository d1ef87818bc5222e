//! Lambda function on a schedule of one minute: pulls what changed in Marketo into the people table.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, config, logs, people, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::incremental_pull(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.people.log_level);
    let metrics = &Metrics::start(&config.people.stack_name)?;
    let (ports, opt_outs) = &wiring::incremental_pull(&config).await;
    schedule::serve(metrics, |stop| async move { people::pull_changes(ports, opt_outs, stop).await.map(drop) }).await
}
