//! Lambda function on the queue `sales-activities` and on a schedule of one minute: logs sales activities in Marketo and in Salesforce.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, activities, config, logs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::activity_logger(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.people.log_level);
    let metrics = &Metrics::start(&config.people.stack_name)?;
    let wired = &wiring::activity_logger(&config).await;
    activities::serve(metrics, &wired.redelivery(), &wired.ports).await
}
