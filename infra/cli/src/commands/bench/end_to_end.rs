//! How fast people are stored, from the first call to the last opportunity, beside the rate of single conditional puts of the same items
//! into the same kind of table; and whether, under Marketo's limits, opportunity roles hold people up.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::budget::CallLimits;
use domain::ports::PeoplePorts;
use domain::status::{self, Progress};
use domain::{Failure, initial_sync};
use tokio::task::JoinSet;

use super::Options;
use super::report::{Report, Target};
use super::simulator::{NO_LIMITS, SimulatorProcess};
use crate::drive;
use crate::embedded::{Embedded, LocalTables};
use crate::failure::CommandFailure;
use crate::people_table;

/// Single puts in flight.
const PUTS_IN_FLIGHT: usize = 16;
/// Single puts made to know their rate.
const MAX_PUTS: usize = 20_000;
/// Between looks at the progress.
const LOOK: Duration = Duration::from_millis(100);
/// Slack for the looks, where two times are compared.
const SLACK: f64 = 0.5;

type Item = std::collections::HashMap<String, AttributeValue>;

/// One initial sync, in seconds from its beginning.
struct Took {
    exported: f64,
    stored: f64,
    done: f64,
    people: f64,
}

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("end to end, embedded");
    let simulator = SimulatorProcess::start(options.people)?;
    let embedded = Embedded::start(simulator.environment(NO_LIMITS)?, None).await?;
    let free = sync(&embedded).await?;
    let items = some_items(&embedded.tables.dynamodb, &embedded.tables.names.people).await?;
    drop(embedded);
    let single = single_puts(items).await?;
    report.tell("people stored", free.people, "people");
    report.tell("until all are stored and their opportunities read", free.done, "seconds");
    report.tell("people stored a second", free.people / free.done, "people/s");
    report.tell("single conditional puts, 16 in flight", single, "puts/s");
    let ratio = free.people / free.done / single;
    report.check("ratio", ratio, "times", Target::AtLeast(1.5), !options.quick);

    let simulator = SimulatorProcess::start(options.people)?;
    let embedded = Embedded::start(simulator.environment(CallLimits::default())?, None).await?;
    let limited = sync(&embedded).await?;
    report.tell("under Marketo's limits: export fetched and cut", limited.exported, "seconds");
    let most = free.stored * 1.5 + SLACK;
    report.check(
        "under Marketo's limits: people stored",
        limited.stored,
        "seconds",
        Target::AtMost(most),
        !options.quick,
    );
    report.tell("under Marketo's limits: opportunities read", limited.done, "seconds");
    report.note("the target of the stored people is 1.5 times what they take without limits");
    Ok(report)
}

/// When the export was cut, and when all people had been stored; none where it went too fast to be seen.
#[derive(Default)]
struct Milestones {
    exported: Option<f64>,
    stored: Option<f64>,
}

async fn sync(embedded: &Embedded) -> Result<Took, CommandFailure> {
    let began = Instant::now();
    let seen = Mutex::new(Milestones::default());
    let driven = tokio::select! {
        driven = drive::until_in_step(embedded, false) => driven,
        failure = watch(&embedded.initial, began, &seen) => Err(failure.into()),
    };
    driven?;
    let done = began.elapsed().as_secs_f64();
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    let people = people_table::count(&people_table::all(&*embedded.initial.people).await?).active as f64;
    Ok(Took { exported: seen.exported.unwrap_or(done), stored: seen.stored.unwrap_or(done), done, people })
}

/// Looks at the progress until it is dropped; ends only when it cannot look.
async fn watch(ports: &PeoplePorts, began: Instant, seen: &Mutex<Milestones>) -> Failure {
    loop {
        tokio::time::sleep(LOOK).await;
        let progress = match progress(ports).await {
            Ok(Some(progress)) => progress,
            Ok(None) => continue,
            Err(failure) => return failure,
        };
        let now = began.elapsed().as_secs_f64();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.exports_done == progress.exports {
            seen.exported.get_or_insert(now);
            if progress.processed == progress.total {
                seen.stored.get_or_insert(now);
            }
        }
    }
}

async fn progress(ports: &PeoplePorts) -> Result<Option<Progress>, Failure> {
    let Some(run) = initial_sync::peek(ports).await?.run else { return Ok(None) };
    status::progress(&*ports.state, ports.marketo.now(), &run).await.map(Some)
}

/// Items of the table, as they are stored.
async fn some_items(client: &Client, table: &str) -> Result<Vec<Item>, CommandFailure> {
    let mut items: Vec<Item> = Vec::new();
    let mut from = None;
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(from).send().await.map_err(of_dynamodb)?;
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key.filter(|key| !key.is_empty());
        if from.is_none() || items.len() >= MAX_PUTS {
            items.truncate(MAX_PUTS);
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
