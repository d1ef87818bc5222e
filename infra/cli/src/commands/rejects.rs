//! `rejects list` and `rejects retry`.

use std::path::Path;

use domain::{activities, opt_outs, tasks};

use super::open_logging;
use crate::args::{Flow, RejectsOf};
use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::opt_outs::{OptOuts, why_not};
use crate::state_dir::StateDir;
use crate::tasks::Tasks;
use crate::{logging, output};

impl RejectsOf {
    fn includes(&self, flow: Flow) -> bool {
        self.flow.is_none_or(|only| only == flow)
    }
}

pub async fn list(of: &RejectsOf) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(&of.state)?)).await?;
    if of.includes(Flow::Activities) {
        for reject in activities::rejects(&*tables.ledger()).await? {
            output::line(serde_json::to_string(&reject)?);
        }
    }
    if of.includes(Flow::OptOuts) {
        for reject in opt_outs::rejects(&*tables.opt_outs()).await? {
            output::line(serde_json::to_string(&reject)?);
        }
    }
    if of.includes(Flow::Tasks) {
        for reject in tasks::rejects(&*tables.tasks()).await? {
            output::line(serde_json::to_string(&reject)?);
        }
    }
    Ok(())
}

pub async fn retry(of: &RejectsOf) -> Result<(), CommandFailure> {
    if of.includes(Flow::Activities) {
        retry_activities(&of.state).await?;
    }
    if of.includes(Flow::OptOuts) {
        retry_opt_outs(&of.state).await?;
    }
    if of.includes(Flow::Tasks) {
        retry_tasks(&of.state).await?;
    }
    Ok(())
}

async fn retry_activities(state: &Path) -> Result<(), CommandFailure> {
    let logging = open_logging(Some(state)).await?;
    let ports = &logging.ports;
    let before = activities::rejects(&*ports.ledger).await?;
    let ids = before.iter().map(|reject| reject.activity_id.clone()).collect();
    let count = activities::retry(&*ports.ledger, &*ports.clock).await?;
    logging::until_settled(&logging, &ids).await?;
    let left = activities::rejects(&*ports.ledger).await?.len();
    output::line(format!("{count} tried again, {left} are still not logged; `actions-sync rejects list` says why"));
    Ok(())
}

async fn retry_opt_outs(state: &Path) -> Result<(), CommandFailure> {
    let opt_outs = OptOuts::open(state).await?;
    let ports = &opt_outs.ports;
    let addresses: Vec<_> = opt_outs::rejects(&*ports.register).await?.into_iter().map(|reject| reject.key).collect();
    if addresses.is_empty() {
        return Ok(());
    }
    let count = opt_outs::retry(&*ports.register, &*ports.clock).await?;
    let done = opt_outs.told("to Salesforce", opt_outs::push(ports, &addresses, None)).await?;
    let left = opt_outs::rejects(&*ports.register).await?.len();
    output::line(format!("{count} opt-outs tried again, {left} records are still refused"));
    match why_not(&done) {
        Some(why) if left == 0 => Err(CommandFailure::Wrong(why)),
        _ => Ok(()),
    }
}

async fn retry_tasks(state: &Path) -> Result<(), CommandFailure> {
    if tasks::rejects(&*LocalTables::open(Some(StateDir::open(state)?)).await?.tasks()).await?.is_empty() {
        return Ok(());
    }
    let opened = Tasks::open(state).await?;
    let ports = &opened.ports;
    let ids = tasks::retry(&*ports.tasks, &*ports.clock).await?;
    let done = opened.told("to Salesforce", tasks::push(ports, &ids, None)).await?;
    let left = tasks::rejects(&*ports.tasks).await?.len();
    output::line(format!("{} reminder tasks tried again, {left} are still refused", ids.len()));
    match crate::tasks::why_not(&done) {
        Some(why) if left == 0 => Err(CommandFailure::Wrong(why)),
        _ => Ok(()),
    }
}
