//! `reconcile unsubscribes`, `reconcile tasks`: one pass over both sides, or what it would do.

use std::path::Path;

use domain::opt_outs::{self, Occasion, Step};
use domain::ports::PersonObject;
use domain::status::Problem;
use domain::tasks::{self, Field};
use serde::Serialize;

use crate::failure::CommandFailure;
use crate::opt_outs::{OptOuts, why_not};
use crate::output;
use crate::tasks::Tasks;

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
    outcome(why_not(&done), done.closed.as_ref(), done.complete && !done.busy)
}

fn outcome(why: Option<String>, closed: Option<&Problem>, complete: bool) -> Result<(), CommandFailure> {
    if let Some(why) = why {
        let until = closed.and_then(|problem| problem.until);
        let again = until.map_or_else(String::new, |until| format!("; it may go on at {until:.0}"));
        return Err(CommandFailure::Wrong(format!("{why}{again}. Nothing is lost: run the same command again then")));
    }
    if !complete {
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

pub async fn tasks(state: &Path, dry_run: bool, json: Option<&Path>) -> Result<(), CommandFailure> {
    let opened = Tasks::open(state).await?;
    let ports = &opened.ports;
    let done = if dry_run {
        opened.told("looking", tasks::dry_run(ports)).await?
    } else {
        opened.told("reconciling", tasks::reconcile(ports, tasks::Occasion::Asked, None)).await?
    };
    let written = if dry_run { (0, 0) } else { (done.in_salesforce, done.in_actions) };
    let figures = Figures {
        planned: done.planned,
        written: Written { salesforce: written.0, actions: written.1 },
        rejected: done.rejected,
        calls: opened.calls(),
    };
    output::json(json, &figures)?;
    if !opened.sync_is_on().await? {
        output::line(
            "the setting reminders.sync is off: nothing was looked at; switch it on with `actions-sync settings set reminders.sync on`",
        );
        return Ok(());
    }
    if dry_run {
        done.steps.iter().for_each(|step| output::line(words_of_task(step)));
        output::line(format!(
            "dry run: {} tasks would be written in Salesforce and {} here; nothing was written",
            done.in_salesforce, done.in_actions
        ));
    } else {
        output::line(format!(
            "{} tasks written in Salesforce, {} here, with {} calls",
            done.in_salesforce, done.in_actions, figures.calls
        ));
    }
    outcome(crate::tasks::why_not(&done), done.closed.as_ref(), done.complete && !done.busy)
}

fn words_of_task(step: &tasks::Step) -> String {
    use tasks::Step::{Create, DeleteHere, DeleteThere, Give, Import, Restore, Take};
    let names = |fields: &std::collections::BTreeSet<Field>| {
        fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
    };
    match step {
        Import { record } => format!("here: take in {record}"),
        Take { task, fields } => format!("here: {task} takes over {}", names(fields)),
        DeleteHere { task } => format!("here: delete {task}, as it is deleted in Salesforce"),
        Restore { task } => format!("here: {task} is no longer deleted, as it was edited or restored in Salesforce"),
        Give { task, fields } => format!("Salesforce: the task of {task} takes over {}", names(fields)),
        Create { task } => format!("Salesforce: make a task for {task}"),
        DeleteThere { task } => format!("Salesforce: delete the task of {task}"),
    }
}
