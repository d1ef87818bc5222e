//! `reconcile unsubscribes`: one pass over both sides, or what it would do.

use std::path::Path;

use domain::opt_outs::{self, Occasion, Reconciled, Step};
use domain::ports::PersonObject;
use serde::Serialize;

use crate::failure::CommandFailure;
use crate::opt_outs::{OptOuts, why_not};
use crate::output;

/// Figures of a pass; the keys are a contract.
#[derive(Serialize)]
struct Figures {
    planned: u64,
    written: Written,
    rejected: u64,
    calls: u64,
}

#[derive(Serialize)]
struct Written {
    salesforce: u64,
    actions: u64,
}

pub async fn unsubscribes(state: &Path, dry_run: bool, full: bool, json: Option<&Path>) -> Result<(), CommandFailure> {
    let opt_outs = OptOuts::open(state).await?;
    let ports = &opt_outs.ports;
    let done = if dry_run {
        opt_outs.told("looking", opt_outs::dry_run(ports, full)).await?
    } else {
        opt_outs.told("reconciling", opt_outs::reconcile(ports, Occasion::Asked { full }, None)).await?
    };
    let written = if dry_run { (0, 0) } else { (done.in_salesforce, done.in_actions) };
    let figures = Figures {
        planned: done.planned,
        written: Written { salesforce: written.0, actions: written.1 },
        rejected: done.rejected,
        calls: opt_outs.calls(),
    };
    output::json(json, &figures)?;
    if dry_run {
        done.steps.iter().for_each(|step| output::line(words(step)));
        output::line(format!(
            "dry run: {} boxes would be ticked in Salesforce and {} addresses opted out here; nothing was written",
            done.in_salesforce, done.in_actions
        ));
    } else {
        output::line(format!(
            "{} boxes ticked in Salesforce, {} addresses opted out here, with {} calls",
            done.in_salesforce, done.in_actions, figures.calls
        ));
        if done.restored > 0 {
            output::line(format!(
                "{} of the boxes had been unticked in Salesforce alone: `actions-sync optout list` names them",
                done.restored
            ));
        }
    }
    outcome(&done)
}

fn outcome(done: &Reconciled) -> Result<(), CommandFailure> {
    if let Some(why) = why_not(done) {
        let until = done.closed.as_ref().and_then(|problem| problem.until);
        let again = until.map_or_else(String::new, |until| format!("; it may go on at {until:.0}"));
        return Err(CommandFailure::Wrong(format!("{why}{again}. Nothing is lost: run the same command again then")));
    }
    if done.busy || !done.complete {
        return Err(CommandFailure::Wrong("not everything was looked at; run the same command again".into()));
    }
    Ok(())
}

fn words(step: &Step) -> String {
    match step {
        Step::OptOut { address, record } => {
            format!("here: opt out {}, as the box of {record} is ticked", address.as_str())
        }
        Step::Tick { address, tick } => {
            let object = if tick.object == PersonObject::Lead { "lead" } else { "contact" };
            let why = if tick.unticked { ", which was unticked there alone" } else { "" };
            format!("Salesforce: tick {object} {} for {}{why}", tick.record, address.as_str())
        }
    }
}
