//! `demo`: the story of people, of sales activities, of opt-outs and of reminder tasks on embedded parts, and a table that proves every row.

mod activities;
mod opt_outs;
mod tasks;

use std::path::Path;
use std::time::Instant;

use comfy_table::{CellAlignment, Table};
use domain::people::PersonRow;
use serde::Serialize;
use simulator_marketo::{ChangeSet, Config};

use super::sync::{Figures, figures};
use crate::compare::{Comparison, compare};
use crate::embedded::Embedded;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::logging::Logging;
use crate::salesforce::SalesforceEnvironment;
use crate::{drive, output, people_table};

/// Figures of the demonstration.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DemoFigures {
    initial_sync: Figures,
    changes: Figures,
    after_initial_sync: Comparison,
    after_changes: Comparison,
    activities: activities::Logged,
    opt_outs: opt_outs::Kept,
    tasks: tasks::Reminded,
}

pub async fn run(people: u64, seed: u64, json: Option<&Path>) -> Result<(), CommandFailure> {
    eprintln!(
        "starting a simulated Marketo with {people} people (seed {seed}), and DynamoDB and queues in this process"
    );
    let environment = Environment::with_simulator(Config { people, seed, ..Config::default() }).await?;
    let embedded = Embedded::start(environment, None).await?;

    let (initial_sync, rows) = sync(&embedded).await?;
    let after_initial_sync = compare_now(&embedded, &rows)?;
    eprintln!("initial sync done in {:.1} s with {} Marketo calls", initial_sync.seconds, initial_sync.marketo.calls);

    let changes = some_changes(people);
    eprintln!(
        "in Marketo now: {} people change, {} are created, {} deleted, {} merged, {} lose and {} gain an owner, {} get other opportunities",
        changes.changed,
        changes.created,
        changes.deleted,
        changes.merged,
        changes.owners_lost,
        changes.owners_gained,
        changes.opportunities
    );
    let world = simulator(&embedded)?.world();
    world.settle();
    world.change(&changes);
    let (changes, rows) = sync(&embedded).await?;
    let after_changes = compare_now(&embedded, &rows)?;
    eprintln!("changes pulled in {:.1} s with {} Marketo calls", changes.seconds, changes.marketo.calls);
    let logging = Logging::start(embedded, SalesforceEnvironment::with_simulator().await?).await?;
    let activities = activities::run(&logging, &rows, seed).await?;
    let opt_outs = opt_outs::run(&logging, &rows).await?;
    let tasks = tasks::run(&logging, &rows).await?;

    print(&after_initial_sync, &after_changes);
    activities.print();
    opt_outs.print();
    tasks.print();
    let people_right = after_initial_sync.is_right() && after_changes.is_right();
    let right = people_right && activities.is_right() && opt_outs.is_right() && tasks.is_right();
    let figures = DemoFigures { initial_sync, changes, after_initial_sync, after_changes, activities, opt_outs, tasks };
    output::json(json, &figures)?;
    if right {
        output::line(
            "every row is as Marketo has it, every activity stands where it belongs, once, who said no gets no mail, and both \
             sides have the same tasks",
        );
        return Ok(());
    }
    Err(CommandFailure::Wrong(format!("some rows differ; run the same again with --seed {seed} to look into it")))
}

async fn sync(embedded: &Embedded) -> Result<(Figures, Vec<PersonRow>), CommandFailure> {
    let began = Instant::now();
    let before = embedded.client_stats();
    let writes = drive::until_in_step(embedded, false).await?;
    let rows = people_table::all(&*embedded.initial.people).await?;
    Ok((figures(embedded, &before, &rows, writes, began), rows))
}

fn simulator(embedded: &Embedded) -> Result<&simulator_marketo::Simulator, CommandFailure> {
    embedded
        .environment
        .simulator
        .as_ref()
        .ok_or_else(|| CommandFailure::Wrong("the demonstration needs its simulator".into()))
}

fn compare_now(embedded: &Embedded, rows: &[PersonRow]) -> Result<Comparison, CommandFailure> {
    Ok(compare(simulator(embedded)?.world().truth(), rows))
}

/// A busy day's changes, in proportion to the people there are.
pub(super) fn some_changes(people: u64) -> ChangeSet {
    let share = |one_in: u64| (people / one_in).max(1);
    ChangeSet {
        changed: share(100),
        created: share(1_000),
        deleted: share(1_000),
        merged: share(2_000),
        owners_lost: share(2_500),
        owners_gained: share(2_500),
        opportunities: share(5_000),
        ..ChangeSet::default()
    }
}

fn print(initial: &Comparison, changes: &Comparison) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(["people", "status", "expected", "stored", "agree"]);
    for (when, comparison) in [("after the initial sync", initial), ("after the changes", changes)] {
        for (status, count) in comparison.by_status() {
            table.add_row([
                when,
                status,
                &count.expected.to_string(),
                &count.stored.to_string(),
                &count.agree.to_string(),
            ]);
        }
        let unexpected = comparison.unexpected.to_string();
        table.add_row([when, "not expected", "0", &unexpected, if comparison.unexpected == 0 { "yes" } else { "NO" }]);
    }
    for index in 2..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    output::line(table);
}
