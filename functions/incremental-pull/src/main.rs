//! Lambda function on a schedule of one minute: pulls what changed in Marketo into the people table.
//! Wires once and serves; knows nothing of how that is done.

use domain::budget::Purpose;
use runtime::{Error, logs, people, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::start(logs::Destination::Stdout, "info");
    let ports = &wiring::people_ports_from_env(Purpose::Changes).await?;
    schedule::serve(|deadline| async move { people::pull_changes(ports, deadline).await.map(drop) }).await
}
