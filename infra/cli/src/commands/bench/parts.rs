//! The processes that `bench` starts of this program for itself: the simulator, and the deployed functions. They hold no rule.

use std::io::{BufRead, Write, stdin, stdout};

use runtime::metrics::Metrics;
use runtime::{config, people, queue, schedule, wiring};
use serde_json::{Value, json};
use simulator_marketo::{Config, ExportConfig, Limits, Simulator, World};

use super::functions::{COORDINATOR, WORKER};
use crate::args::BenchPart;
use crate::failure::CommandFailure;

pub async fn run(part: BenchPart) -> Result<(), CommandFailure> {
    match part {
        BenchPart::Simulator { people } => simulate(people).await,
        BenchPart::Function { name } => serve(&name).await,
    }
}

/// Says where it is, then answers each line of standard input by one of JSON, until there are no more.
async fn simulate(people: u64) -> Result<(), CommandFailure> {
    let export = ExportConfig { seconds: 0.0, ..ExportConfig::default() };
    let simulator = Simulator::start(Config { people, limits: Limits::none(), export, ..Config::default() }).await?;
    let (world, url) = (simulator.world(), simulator.base_url());
    let answering = tokio::task::spawn_blocking(move || -> Result<(), CommandFailure> {
        let mut answers = stdout();
        writeln!(answers, "{}", json!(url))?;
        for line in stdin().lock().lines() {
            writeln!(answers, "{}", answer(&world, &line?)?)?;
        }
        Ok(())
    });
    answering.await.map_err(|e| CommandFailure::Wrong(e.to_string()))?
}

fn answer(world: &World, line: &str) -> Result<Value, CommandFailure> {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("stats", _) => return Ok(serde_json::to_value(world.stats())?),
        ("reset-stats", _) => world.reset_stats(),
        ("settle", _) => world.settle(),
        ("change", set) => drop(world.change(&serde_json::from_str(set)?)),
        _ => return Err(CommandFailure::Usage(format!("the simulator does not understand `{line}`"))),
    }
    Ok(Value::Null)
}

/// What the `main` of the function does, for where the function's own program was not built.
async fn serve(name: &str) -> Result<(), CommandFailure> {
    let config = config::initial_sync_worker(&config::of_process)?;
    let metrics = &Metrics::start(&config.people.stack_name)?;
    let (wired, limits) = (&wiring::initial_sync(&config).await, config.people.limits);
    let (ports, reads, queues) = (&wired.ports, &*wired.reads, &wired.queues());
    match name {
        COORDINATOR => {
            schedule::serve(metrics, |deadline| people::coordinate(ports, queues, limits, deadline)).await?;
        }
        WORKER => {
            let redelivery = wired.redelivery();
            queue::serve(metrics, &redelivery, |body, again| people::store_batch(ports, reads, body, again)).await?;
        }
        _ => return Err(CommandFailure::Usage(format!("there is no function `{name}` to measure"))),
    }
    Ok(())
}
