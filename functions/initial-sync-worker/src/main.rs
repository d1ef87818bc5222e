//! Lambda function on the queues `people-batches` and `people-reads`: stores people and reads what the batches ask for.
//! Wires once and serves; knows nothing of how that is done.

use domain::budget::Purpose;
use runtime::{Error, logs, people, queue, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::start(logs::Destination::Stdout, "info");
    let ports = &wiring::people_ports_from_env(Purpose::InitialSync).await?;
    queue::serve(|body, again| async move { people::store_batch(ports, body, again).await.map(drop) }).await
}
