//! The part of the demonstration in which sellers are at work: a day of activities, logged in both simulators and counted there.

use comfy_table::{CellAlignment, Table};
use domain::Timestamp;
use domain::people::PersonRow;
use jiff::SignedDuration;
use serde::Serialize;
use simulator_app::Expected;
use std::time::Instant;

use crate::commands::log::{self, Figures};
use crate::failure::CommandFailure;
use crate::logging::Logging;
use crate::output;
use crate::people_table;

/// One activity for so many people, within bounds.
const PEOPLE_PER_ACTIVITY: usize = 25;
const FEWEST: usize = 200;
const MOST: usize = 4_000;
/// Of a hundred messages, how many come twice.
const TWICE: u8 = 10;
/// The day began so long ago.
const DAY: SignedDuration = SignedDuration::from_hours(10);

/// What the day came to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Logged {
    figures: Figures,
    seconds: f64,
    marketo_expected: usize,
    marketo_found: usize,
    salesforce_expected: usize,
    salesforce_found: usize,
    by_type: Vec<(String, usize, usize)>,
    wrong: Vec<String>,
}

/// Sellers at work, and what both destinations show of it.
pub async fn run(logging: &Logging, rows: &[PersonRow], seed: u64) -> Result<Logged, CommandFailure> {
    let began = Instant::now();
    let people = people_table::known_to_the_app(rows);
    if people.is_empty() {
        return Err(CommandFailure::Wrong("nobody is synced, so there is nobody to sell to".into()));
    }
    let count = (people.len() / PEOPLE_PER_ACTIVITY).clamp(FEWEST, MOST);
    let start = logging.ports.clock.now().checked_sub(DAY).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = simulator_app::day(seed, &people, count, start);
    let sent = simulator_app::shuffled(seed, simulator_app::duplicated(seed, &day, TWICE));
    eprintln!("in the app: sellers do {count} things; {} messages are sent, in any order", sent.len());
    let lines = sent.iter().enumerate().map(|(place, message)| (place + 1, message.to_string())).collect();
    let figures = log::log(logging, lines).await?;
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("activities logged in {seconds:.1} s");
    compare(logging, &Expected::of(&day), figures, seconds)
}

fn compare(logging: &Logging, expected: &Expected, figures: Figures, seconds: f64) -> Result<Logged, CommandFailure> {
    let missing = || CommandFailure::Wrong("the demonstration needs its simulators".into());
    let marketo = logging.embedded.environment.simulator.as_ref().ok_or_else(missing)?.world().custom_activities();
    let tasks = logging.salesforce.simulator.as_ref().ok_or_else(missing)?.world().records("Task");
    let found: Vec<_> =
        marketo.iter().map(|activity| (activity.text("activityId").to_owned(), activity.lead)).collect();
    let mut wrong = expected.wrong_in_marketo(&found);
    wrong.extend(expected.wrong_in_salesforce(&tasks));
    let by_type = expected.by_type().into_iter().map(|(kind, count)| {
        let of_kind = |api_name: &str| api_name == api_name_of(&kind);
        let found = marketo.iter().filter(|activity| of_kind(&activity.kind)).count();
        (kind.clone(), count, found)
    });
    Ok(Logged {
        figures,
        seconds,
        marketo_expected: expected.activities(),
        marketo_found: found.len(),
        salesforce_expected: expected.tasks(),
        salesforce_found: tasks.len(),
        by_type: by_type.collect(),
        wrong,
    })
}

/// The custom activity type of a type of message.
fn api_name_of(kind: &str) -> &'static str {
    let kinds = domain::activities::Kind::ALL.iter().zip(&domain::activities::EIGHT);
    kinds.filter(|(known, _)| known.name() == kind).map(|(_, spec)| spec.api_name).next().unwrap_or_default()
}

impl Logged {
    /// Whether everything stands where it belongs, once.
    pub fn is_right(&self) -> bool {
        self.wrong.is_empty() && self.by_type.iter().all(|(_, expected, found)| expected == found)
    }

    /// Prints it.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
        table.set_header(["activities", "type", "expected", "found"]);
        for (kind, expected, found) in &self.by_type {
            table.add_row(["in Marketo", kind, &expected.to_string(), &found.to_string()]);
        }
        let tasks = (self.salesforce_expected.to_string(), self.salesforce_found.to_string());
        table.add_row(["in Salesforce", "tasks, flags right", &tasks.0, &tasks.1]);
        for index in 2..4 {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        output::line(table);
        for wrong in &self.wrong {
            output::line(format!("wrong: {wrong}"));
        }
    }
}
