//! `bench`: speed, memory, calls and cost, each beside its target, and beside other people's clients where those are installed.
//!
//! One file a measurement. Measurements run one after the other, so that none slows down another; what is not measured runs in
//! processes of its own.

mod calls;
mod clients;
mod cost;
mod end_to_end;
mod export;
mod functions;
mod lambda;
mod logger;
mod machine;
mod memory;
mod meter;
mod packaged;
pub mod parts;
mod peers;
mod pipeline;
mod processes;
mod report;
mod simulator;
mod sqs;
mod venvs;
mod watched;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use serde::Serialize;

use crate::args::Measurement;
use crate::failure::CommandFailure;
use crate::output;
use machine::Machine;
use packaged::Packaged;
use peers::Peers;
use report::Report;
use venvs::Venvs;

/// People of a quick run.
const QUICK_PEOPLE: u64 = 3_000;

/// What to measure.
pub struct Options {
    people: u64,
    quick: bool,
    only: BTreeSet<Measurement>,
    venvs: Venvs,
    packaged: Packaged,
}

impl Options {
    /// All measurements where none is named.
    pub fn new(
        people: u64,
        quick: bool,
        only: &[Measurement],
        venvs: Option<PathBuf>,
        packaged: Option<PathBuf>,
    ) -> Result<Self, CommandFailure> {
        let all = Measurement::value_variants();
        let only = if only.is_empty() { all } else { only };
        let people = if quick { people.min(QUICK_PEOPLE) } else { people };
        let (venvs, packaged) = (Venvs::find(venvs)?, Packaged::find(packaged)?);
        Ok(Self { people, quick, only: only.iter().copied().collect(), venvs, packaged })
    }
}

/// Everything that was measured; the keys are a contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    machine: Machine,
    people: u64,
    quick: bool,
    seconds: f64,
    pipeline: Option<Report>,
    end_to_end: Option<Report>,
    calls: Option<Report>,
    memory: Option<Report>,
    packaged: Option<Report>,
    peers: Option<Peers>,
    cost: Option<Report>,
    /// Targets that are not met.
    missed: Vec<String>,
}

pub async fn run(options: &Options, json: Option<&Path>) -> Result<(), CommandFailure> {
    let began = Instant::now();
    let machine = Machine::this();
    output::line(format!("{} people; {}", options.people, machine.words()));
    let wanted = |measurement| {
        let wanted = options.only.contains(&measurement);
        if wanted {
            eprintln!("measuring: {measurement:?}");
        }
        wanted
    };
    let pipeline = if wanted(Measurement::Pipeline) { Some(show(pipeline::measure(options).await?)) } else { None };
    let end_to_end = if wanted(Measurement::EndToEnd) { Some(show(end_to_end::measure(options).await?)) } else { None };
    let calls = if wanted(Measurement::Calls) { Some(show(calls::measure(options).await?)) } else { None };
    let memory = if wanted(Measurement::Memory) { Some(show(memory::measure(options).await?)) } else { None };
    let packaged = if wanted(Measurement::Packaged) { Some(show(packaged::measure(options).await?)) } else { None };
    let peers = if wanted(Measurement::Peers) { Some(peers::measure(options)?) } else { None };
    let cost = cost::model(calls.as_ref(), memory.as_ref()).map(show);
    let missed: Vec<String> =
        [&pipeline, &end_to_end, &calls, &memory, &packaged].into_iter().flatten().flat_map(Report::missed).collect();
    let (people, quick, seconds) = (options.people, options.quick, began.elapsed().as_secs_f64());
    let figures =
        Figures { machine, people, quick, seconds, pipeline, end_to_end, calls, memory, packaged, peers, cost, missed };
    output::json(json, &figures)?;
    if figures.missed.is_empty() {
        output::line(format!("every target that was judged is met; {:.0} s", figures.seconds));
        return Ok(());
    }
    Err(CommandFailure::Wrong(format!("targets are missed:\n  {}", figures.missed.join("\n  "))))
}

fn show(report: Report) -> Report {
    output::line(report.table());
    for note in &report.notes {
        output::line(format!("note: {note}"));
    }
    report
}
