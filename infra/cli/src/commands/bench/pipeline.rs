//! From the bytes of an export to batches that can be stored, in people per CPU-second; beside it, what other people's clients do with
//! the same bytes.

use std::process::{Command, Stdio};

use serde::Deserialize;

use super::export::{Cut, Export};
use super::report::{Report, Target};
use super::simulator::{NO_LIMITS, SimulatorProcess};
use super::venvs::{MARKETORESTPYTHON, TAP_MARKETO, Venvs};
use super::{Options, processes};
use crate::embedded::Embedded;
use crate::failure::CommandFailure;

/// How often all are measured; the best of each counts, as whatever else a machine does only ever slows down.
const ROUNDS: u32 = 5;
/// CPU seconds that a measurement takes at least, as Linux counts them in hundredths.
const LEAST_CPU: f64 = 1.5;
const LEAST_CPU_QUICK: f64 = 0.2;
/// People that a client of Python's gets to read at least, in passes over the file.
const LEAST_PEOPLE: u64 = 200_000;

/// Whose rows are measured, by which program, and how many times faster ours have to be.
const CLIENTS: [(&str, &str, f64); 2] =
    [(TAP_MARKETO, "tap_marketo_rows.py", 20.0), (MARKETORESTPYTHON, "marketorestpython_rows.py", 4.0)];

/// Name of the figure of ours.
const OURS: &str = "people per CPU-second: verified, qualified, typed, in batches";

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("pipeline");
    let simulator = SimulatorProcess::start(options.people)?;
    let embedded = Embedded::start(simulator.environment(NO_LIMITS)?, None).await?;
    let export = Export::make(&embedded.initial).await?;
    drop(simulator);

    let passes = (LEAST_PEOPLE / export.people().max(1)).clamp(1, 20);
    let (rounds, passes, least) = if options.quick { (1, 1, LEAST_CPU_QUICK) } else { (ROUNDS, passes, LEAST_CPU) };
    let mut ours = Vec::new();
    let mut theirs: Vec<Vec<f64>> = vec![Vec::new(); CLIENTS.len()];
    let mut cut = export.cut(&embedded.initial).await?;
    // In turns, so that a machine that gets slower or faster does so for all.
    for _ in 0..rounds {
        let rate;
        (rate, cut) = our_rate(&export, &embedded, least).await?;
        ours.extend(rate);
        for ((client, program, _), rates) in CLIENTS.iter().zip(&mut theirs) {
            if let Some(python) = options.venvs.python(client) {
                let mut command = Command::new(python);
                command.arg(Venvs::program(program)).arg(export.path.path()).arg(passes.to_string());
                rates.push(rows_of(command)?);
            }
        }
    }
    let ours = best(ours);
    report.tell("people in the file", export.people() as f64, "people");
    report.tell("size of a row", export.bytes() as f64 / export.people() as f64, "bytes");
    report.tell("people who qualify", cut.qualifying as f64, "people");
    report.tell("batches", cut.messages as f64, "messages");
    report.tell("size of a batch", cut.bytes as f64 / cut.messages.max(1) as f64, "bytes");
    report.tell(OURS, ours, "people/s");
    for ((client, _, times), rates) in CLIENTS.iter().zip(theirs) {
        let Some(theirs) = best(rates) else {
            report.note(Venvs::not_installed(client));
            continue;
        };
        report.tell(format!("people per CPU-second: rows of {client}"), theirs, "people/s");
        let ratio = ours.map(|ours| ours / theirs);
        report.check(format!("times {client}"), ratio, "times", Target::AtLeast(*times), !options.quick);
    }
    Ok(report)
}

/// People per CPU-second of our own, where this machine tells CPU seconds, and what the last pass gave.
async fn our_rate(export: &Export, embedded: &Embedded, least: f64) -> Result<(Option<f64>, Cut), CommandFailure> {
    let before = processes::own_cpu();
    let spent = || before.zip(processes::own_cpu()).map(|(before, now)| now - before);
    let mut people = 0;
    loop {
        let cut = export.cut(&embedded.initial).await?;
        people += cut.people;
        if spent().is_none_or(|spent| spent >= least) {
            return Ok((spent().map(|spent| people as f64 / spent), cut));
        }
    }
}

fn best(rates: Vec<f64>) -> Option<f64> {
    rates.into_iter().max_by(f64::total_cmp)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spent {
    people: f64,
    cpu_seconds: f64,
}

/// People per CPU-second, as the program says itself.
fn rows_of(mut command: Command) -> Result<f64, CommandFailure> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().last().unwrap_or_default();
    if !output.status.success() {
        return Err(CommandFailure::Wrong(format!("{command:?} ended with {}: {last}", output.status)));
    }
    let spent: Spent = serde_json::from_str(last)?;
    Ok(spent.people / spent.cpu_seconds)
}
