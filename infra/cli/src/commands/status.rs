//! `status`: each flow's state, last success, lag, progress and problem.

use std::path::Path;

use comfy_table::Table;
use domain::activities::{self, LoggingStatus};
use domain::opt_outs::{self, OptOutStatus};
use domain::ports::Clock;
use domain::status::{self, Problem, Status};
use domain::tasks::{self, TaskStatus};
use serde::Serialize;

use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::output;
use crate::state_dir::StateDir;

/// Everything, as JSON.
#[derive(Serialize)]
struct All<'a> {
    #[serde(flatten)]
    people: &'a Status,
    activities: &'a LoggingStatus,
    #[serde(rename = "optOuts")]
    opt_outs: &'a OptOutStatus,
    tasks: &'a TaskStatus,
}

pub async fn run(state: &Path, json: Option<&Path>) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(state)?)).await?;
    let now = tables.clock.now();
    let status = status::status(&*tables.state, now).await?;
    let activities = activities::logging_status(&*tables.ledger(), &*tables.state, now).await?;
    let opt_outs = opt_outs::status(&*tables.opt_outs(), &*tables.state, now).await?;
    let tasks = tasks::status(&*tables.tasks(), &*tables.state, now).await?;
    output::json(json, &All { people: &status, activities: &activities, opt_outs: &opt_outs, tasks: &tasks })?;
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(["flow", "state", "last success", "where", "problem"]);
    let (initial, pull) = (&status.initial_sync, &status.incremental_pull);
    let progress = initial.progress.map_or_else(String::new, |p| {
        let eta = p.eta_seconds.map_or_else(String::new, |s| format!(", {s:.0} s left"));
        format!("{} of {} people, {:.0}/s{eta}", p.processed, p.total, p.rate)
    });
    let lag = pull.cursor_lag_seconds.map_or_else(String::new, |s| format!("cursor {s} s behind"));
    table.add_row([
        "initial sync",
        &format!("{:?}", initial.state),
        &time(initial.last_success),
        &progress,
        &problem(&initial.problem),
    ]);
    table.add_row([
        "incremental pull",
        &format!("{:?}", pull.state),
        &time(pull.last_success),
        &lag,
        &problem(&pull.problem),
    ]);
    for (flow, desk) in
        [("activities in Marketo", &activities.marketo), ("activities in Salesforce", &activities.salesforce)]
    {
        let lag = if desk.lag_seconds > 0 { format!(", {} s behind", desk.lag_seconds) } else { String::new() };
        let place = format!("{} waiting, {} rejected{lag}", desk.waiting, desk.rejected);
        table.add_row([flow, &format!("{:?}", desk.state), &time(desk.last_success), &place, &problem(&desk.problem)]);
    }
    let lag = if opt_outs.lag_seconds > 0 { format!(", {} s behind", opt_outs.lag_seconds) } else { String::new() };
    table.add_row([
        "opt-outs",
        &format!("{:?}", opt_outs.state),
        &time(opt_outs.last_success),
        &format!("{} waiting, {} rejected{lag}", opt_outs.waiting, opt_outs.rejected),
        &problem(&opt_outs.problem),
    ]);
    let lag = if tasks.lag_seconds > 0 { format!(", {} s behind", tasks.lag_seconds) } else { String::new() };
    table.add_row([
        "reminder tasks",
        &format!("{:?}", tasks.state),
        &time(tasks.last_success),
        &format!("{} waiting, {} rejected{lag}", tasks.waiting, tasks.rejected),
        &problem(&tasks.problem),
    ]);
    output::line(table);
    let logged = activities.marketo.notices.iter().chain(&activities.salesforce.notices);
    for notice in initial.notices.iter().chain(logged).chain(&opt_outs.notices).chain(&tasks.notices) {
        output::line(format!("note: {notice}"));
    }
    if let Some(refused) = &status.opportunities_refused {
        output::line(format!("note: people have no opportunity, because Marketo refuses opportunity roles: {refused}"));
    }
    Ok(())
}

fn time(at: Option<domain::Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}"))
}

fn problem(problem: &Option<Problem>) -> String {
    let Some(problem) = problem else { return String::new() };
    let resets = problem.until.map_or_else(String::new, |until| format!("; resets at {until:.0}"));
    format!("{}{resets}", problem.message)
}
