//! `status`: each flow's state, last success, lag, progress and problem.

use std::path::Path;

use comfy_table::Table;
use domain::ports::Clock;
use domain::status::{self, Problem};

use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::output;
use crate::state_dir::StateDir;

pub async fn run(state: &Path, json: Option<&Path>) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(state)?)).await?;
    let status = status::status(&*tables.state, tables.clock.now()).await?;
    output::json(json, &status)?;
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
    output::line(table);
    for notice in &initial.notices {
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
