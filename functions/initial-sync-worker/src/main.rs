//! Lambda function on the queues `people-batches` and `people-reads`: stores people and reads what the batches ask for.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, config, logs, people, queue, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::initial_sync_worker(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.people.log_level);
    let metrics = &Metrics::start(&config.people.stack_name)?;
    let wired = &wiring::initial_sync(&config).await;
    let (ports, reads) = (&wired.ports, &*wired.reads);
    queue::serve(metrics, &wired.redelivery(), |body, again| people::store_batch(ports, reads, body, again)).await
}
