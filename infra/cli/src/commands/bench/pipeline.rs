//! From the bytes of an export to batches that can be stored, in people per CPU-second; beside it, what other people's clients do with
//! the same bytes.

use std::process::{Command, Stdio};

use serde::Deserialize;

use super::export::Export;
use super::report::{Report, Target};
use super::simulator::{NO_LIMITS, SimulatorProcess};
use super::venvs::{MARKETORESTPYTHON, TAP_MARKETO, Venvs};
use super::{Options, processes};
use crate::embedded::Embedded;
use crate::failure::CommandFailure;

/// CPU seconds that a measurement takes at least, as Linux counts them in hundredths.
const LEAST_CPU: f64 = 2.0;
const LEAST_CPU_QUICK: f64 = 0.2;
/// People that a client of Python's gets to read at least, in passes over the file.
const LEAST_PEOPLE: u64 = 200_000;

/// Name of the figure of ours.
const OURS: &str = "people per CPU-second: verified, qualified, typed, in batches";

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("pipeline");
    let simulator = SimulatorProcess::start(options.people)?;
    let embedded = Embedded::start(simulator.environment(NO_LIMITS)?, None).await?;
    let export = Export::make(&embedded.initial).await?;
    drop(simulator);

    let least = if options.quick { LEAST_CPU_QUICK } else { LEAST_CPU };
    let before = processes::own_cpu();
    let spent = || before.zip(processes::own_cpu()).map(|(before, now)| now - before);
    let (mut passes, mut people) = (0_u32, 0);
    let cut = loop {
        let cut = export.cut(&embedded.initial).await?;
        (passes, people) = (passes + 1, people + cut.people);
        if spent().is_none_or(|spent| spent >= least) {
            break cut;
        }
    };
    let ours = spent().map(|spent| people as f64 / spent);
    report.tell("people in the file", export.people() as f64, "people");
    report.tell("size of a row", export.bytes() as f64 / export.people() as f64, "bytes");
    report.tell("people who qualify", cut.qualifying as f64, "people");
    report.tell("batches", cut.messages as f64, "messages");
    report.tell("size of a batch", cut.bytes as f64 / cut.messages.max(1) as f64, "bytes");
    report.tell(OURS, ours, "people/s");

    let passes = (LEAST_PEOPLE / export.people().max(1)).clamp(1, 20);
    let passes = if options.quick { 1 } else { passes };
    for (client, program, times) in
        [(TAP_MARKETO, "tap_marketo_rows.py", 20.0), (MARKETORESTPYTHON, "marketorestpython_rows.py", 4.0)]
    {
        let Some(python) = options.venvs.python(client) else {
            report.note(Venvs::not_installed(client));
            continue;
        };
        let mut command = Command::new(python);
        command.arg(Venvs::program(program)).arg(export.path.path()).arg(passes.to_string());
        let theirs = rows_of(command)?;
        report.tell(format!("people per CPU-second: rows of {client}"), theirs, "people/s");
        let ratio = ours.map(|ours| ours / theirs);
        report.check(format!("times {client}"), ratio, "times", Target::AtLeast(times), !options.quick);
    }
    Ok(report)
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
