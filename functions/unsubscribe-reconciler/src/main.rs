//! Lambda function on the queue `opt-outs` and on a schedule of five minutes: keeps opt-outs in step with Salesforce, both ways.
//! Wires once and serves; knows nothing of how that is done.

use runtime::metrics::Metrics;
use runtime::{Error, config, logs, opt_outs, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = config::unsubscribe_reconciler(&config::of_process)?;
    logs::start(logs::Destination::Stdout, &config.log_level);
    let metrics = &Metrics::start(&config.stack_name)?;
    let wired = &wiring::unsubscribe_reconciler(&config).await;
    opt_outs::serve(metrics, &wired.redelivery(), &wired.ports).await
}
