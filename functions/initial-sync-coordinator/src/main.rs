//! Lambda function on a schedule of one minute: drives the initial sync's export jobs and cuts their files into batches.
//! Wires once and serves; knows nothing of how that is done.

use domain::budget::Purpose;
use runtime::{Error, logs, people, schedule, wiring};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    logs::start(logs::Destination::Stdout, "info");
    let ports = &wiring::people_ports_from_env(Purpose::InitialSync).await?;
    schedule::serve(|deadline| async move { people::coordinate(ports, deadline).await }).await
}
