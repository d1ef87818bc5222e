//! How fast people are stored, from the first call to the last opportunity, beside the rate of single conditional puts of the same items
//! into the same kind of table; and whether, under Marketo's limits, opportunity roles hold people up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::budget::CallLimits;
use tokio::task::JoinSet;

use super::Options;
use super::report::{Report, Target};
use super::simulator::{NO_LIMITS, SimulatorProcess};
use super::watched::Watched;
use crate::drive;
use crate::embedded::{Embedded, LocalTables};
use crate::failure::CommandFailure;
use crate::people_table;

/// How often the run without limits and the single puts are measured; the best of each counts, as whatever else a machine does only ever
/// slows down.
const ROUNDS: u32 = 3;
/// Single puts in flight.
const PUTS_IN_FLIGHT: usize = 16;
/// The share of people who must not wait for Marketo's limits: others have to be read again over REST.
const MOST: f64 = 0.99;
/// So many times longer, and so many seconds, may it take under the limits: a machine is never quite the same twice.
const HELD_UP: f64 = 1.5;
const SLACK: f64 = 0.5;

type Item = std::collections::HashMap<String, AttributeValue>;

/// One initial sync, in seconds from its beginning.
struct Took {
    most: Option<f64>,
    all: Option<f64>,
    done: f64,
    people: f64,
}

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("end to end, embedded");
    let simulator = SimulatorProcess::start(options.people)?;
    let (mut free, mut single) = round(&simulator).await?;
    // In turns, so that a machine that gets slower or faster does so for both.
    for _ in 1..if options.quick { 1 } else { ROUNDS } {
        let (took, rate) = round(&simulator).await?;
        single = single.max(rate);
        if took.done < free.done {
            free = took;
        }
    }
    drop(simulator);
    report.tell("people stored", free.people, "people");
    report.tell("until all are stored and their opportunities read", free.done, "seconds");
    report.tell("people stored a second", free.people / free.done, "people/s");
    report.tell("single conditional puts, 16 in flight", single, "puts/s");
    report.check("ratio", free.people / free.done / single, "times", Target::AtLeast(1.5), !options.quick);

    let simulator = SimulatorProcess::start(options.people)?;
    let mut embedded = Embedded::start(simulator.environment(CallLimits::default())?, None).await?;
    let limited = sync(&mut embedded).await?;
    let bound = Target::AtMost(free.most.map_or(0.0, |most| most * HELD_UP + SLACK));
    let judged = !options.quick;
    report.tell("99 % of people stored, without limits", free.most, "seconds");
    report.check("99 % of people stored, under Marketo's limits", limited.most, "seconds", bound, judged);
    report.tell("all people stored, under Marketo's limits", limited.all, "seconds");
    report.tell("opportunities read, under Marketo's limits", limited.done, "seconds");
    report.note("people whose last name reads `null` in the export wait for a call under Marketo's limits: REST tells their name");
    Ok(report)
}

/// An initial sync without limits, and the rate of single puts of what it stored.
async fn round(simulator: &SimulatorProcess) -> Result<(Took, f64), CommandFailure> {
    let mut embedded = Embedded::start(simulator.environment(NO_LIMITS)?, None).await?;
    let took = sync(&mut embedded).await?;
    let items = items(&embedded.tables.dynamodb, &embedded.tables.names.people).await?;
    drop(embedded);
    Ok((took, single_puts(items).await?))
}

async fn sync(embedded: &mut Embedded) -> Result<Took, CommandFailure> {
    let watched = Arc::new(Watched::new(embedded.initial.people.clone()));
    embedded.initial.people = watched.clone();
    drive::until_in_step(embedded, false).await?;
    let done = watched.seconds();
    let people = people_table::count(&people_table::all(&*watched).await?).active as f64;
    Ok(Took { most: watched.until(MOST), all: watched.until(1.0), done, people })
}

/// All items of the table, as they are stored: the embedded DynamoDB gets slower as it fills up, so the single puts have to fill it as much.
async fn items(client: &Client, table: &str) -> Result<Vec<Item>, CommandFailure> {
    let mut items: Vec<Item> = Vec::new();
    let mut from = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(from).send().await.map_err(of_dynamodb)?;
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key.filter(|key| !key.is_empty());
        if from.is_none() {
            return Ok(items);
        }
    }
}

/// Puts a second, one item a request, each on condition that it is not there, into a table of its own.
async fn single_puts(items: Vec<Item>) -> Result<f64, CommandFailure> {
    let tables = LocalTables::open(None).await?;
    let count = items.len();
    let left = Arc::new(Mutex::new(items));
    let began = Instant::now();
    let mut putters = JoinSet::<Result<(), CommandFailure>>::new();
    for _ in 0..PUTS_IN_FLIGHT {
        let (client, table, left) = (tables.dynamodb.clone(), tables.names.people.clone(), left.clone());
        putters.spawn(async move {
            loop {
                let next = left.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(item) = next else { return Ok(()) };
                let put = client.put_item().table_name(&table).set_item(Some(item));
                put.condition_expression("attribute_not_exists(id)").send().await.map_err(of_dynamodb)?;
            }
        });
    }
    while let Some(ended) = putters.join_next().await {
        ended.map_err(|e| CommandFailure::Wrong(e.to_string()))??;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

fn of_dynamodb<E>(_: E) -> CommandFailure {
    CommandFailure::Wrong("the embedded DynamoDB refused a request of the benchmark".into())
}
