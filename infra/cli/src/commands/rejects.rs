//! `rejects list` and `rejects retry`.

use domain::activities;

use super::open_logging;
use crate::args::RejectsOf;
use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::state_dir::StateDir;
use crate::{logging, output};

pub async fn list(of: &RejectsOf) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(&of.state)?)).await?;
    for reject in activities::rejects(&*tables.ledger()).await? {
        output::line(serde_json::to_string(&reject)?);
    }
    Ok(())
}

pub async fn retry(of: &RejectsOf) -> Result<(), CommandFailure> {
    let logging = open_logging(Some(&of.state)).await?;
    let ports = &logging.ports;
    let before = activities::rejects(&*ports.ledger).await?;
    let ids = before.iter().map(|reject| reject.activity_id.clone()).collect();
    let count = activities::retry(&*ports.ledger, &*ports.clock).await?;
    logging::until_settled(&logging, &ids).await?;
    let left = activities::rejects(&*ports.ledger).await?.len();
    output::line(format!("{count} tried again, {left} are still not logged; `actions-sync rejects list` says why"));
    Ok(())
}
