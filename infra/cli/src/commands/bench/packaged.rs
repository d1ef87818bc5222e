//! The programs as they are deployed: how large they are, how fast they start beside a function that does nothing, and how much memory a
//! tick or an ordinary batch takes. Measures what `infra/package` left; builds nothing.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use domain::initial_sync;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use serde_json::{Value, json};

use super::Options;
use super::functions::{COORDINATOR, Function, LOGGER, PULL, WORKER};
use super::logger::Destinations;
use super::memory::{Around, MEBIBYTE};
use super::report::{Report, Target};
use crate::failure::CommandFailure;

/// Largest program, and largest zip of one.
const MAX_PROGRAM: f64 = 8.0;
const MAX_ZIP: f64 = 3.5;
/// Time to the first answer beside that of a function that does nothing.
const MAX_START: f64 = 2.0;
/// Most memory of a tick or an ordinary batch.
const MAX_MEBIBYTES: f64 = 32.0;
/// Starts measured of each program, in turns.
const STARTS: usize = 21;
/// People of the initial sync after which the memory is looked at: some thirty batches.
const PEOPLE: u64 = 10_000;
const NAMES: [&str; 4] = [COORDINATOR, WORKER, PULL, LOGGER];
/// The function that does nothing, among the packaged ones.
const EMPTY: &str = "empty";

/// Where packaged programs lie: `NAME/bootstrap`.
pub struct Packaged(PathBuf);

impl Packaged {
    /// The folder given, else what `infra/package` leaves for this machine's processor.
    ///
    /// # Errors
    /// When this program does not know where it lies.
    pub fn find(given: Option<PathBuf>) -> std::io::Result<Self> {
        if let Some(given) = given {
            return Ok(Self(given));
        }
        let program = std::env::current_exe()?;
        let target = program.ancestors().nth(2).unwrap_or(&program);
        let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { std::env::consts::ARCH };
        Ok(Self(target.join(format!("lambda-{architecture}"))))
    }

    fn program(&self, name: &'static str) -> Option<Program> {
        let path = self.0.join(name).join("bootstrap");
        path.is_file().then_some(Program { name, path })
    }
}

/// One of them.
struct Program {
    name: &'static str,
    path: PathBuf,
}

impl Program {
    async fn start(&self, environment: &[(&str, String)]) -> Result<Function, CommandFailure> {
        Function::of_program(self.name, &self.path, environment).await
    }
}

/// Measures; without the programs there is nothing but a note that says how to make them.
pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("packaged functions");
    let programs: Vec<Program> = NAMES.into_iter().filter_map(|name| options.packaged.program(name)).collect();
    let (Some(empty), true) = (options.packaged.program(EMPTY), programs.len() == NAMES.len()) else {
        report.note(
            "the packaged functions are not there, so they are not measured; `infra/package --with-empty` makes them",
        );
        return Ok(report);
    };
    for program in &programs {
        sizes(program, &mut report)?;
    }
    starts(&empty, &programs, options, &mut report).await?;
    memory(&programs, &mut report).await?;
    Ok(report)
}

fn sizes(Program { name, path }: &Program, report: &mut Report) -> Result<(), CommandFailure> {
    let bytes = fs::read(path)?;
    let mut zip = DeflateEncoder::new(Vec::new(), Compression::best());
    zip.write_all(&bytes)?;
    let megabytes = |bytes: usize| Some(bytes as f64 / 1e6);
    report.check(format!("{name}, program"), megabytes(bytes.len()), "MB", Target::AtMost(MAX_PROGRAM), true);
    report.check(format!("{name}, zipped"), megabytes(zip.finish()?.len()), "MB", Target::AtMost(MAX_ZIP), true);
    Ok(())
}

/// From the start of the process to its first answer, each function in turn with the empty one; the median counts. The first event is a real
/// tick over tables in which there is nothing to do, and for the worker a batch of a run that is over.
async fn starts(
    empty: &Program,
    programs: &[Program],
    options: &Options,
    report: &mut Report,
) -> Result<(), CommandFailure> {
    let around = Around::start(10).await?;
    around.keep_from_starting().await?;
    let environment = environment(&around, &Destinations::start(&around).await?);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); programs.len() + 1];
    for _ in 0..STARTS {
        for (place, program) in std::iter::once(empty).chain(programs).enumerate() {
            times[place].push(first_answer(program, &environment).await?);
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    report.tell("first answer of a function that does nothing", medians[0] * 1e3, "ms");
    for (Program { name, .. }, seconds) in programs.iter().zip(&medians[1..]) {
        report.tell(format!("{name}, first answer"), seconds * 1e3, "ms");
        let ratio = Some(seconds / medians[0]);
        report.check(format!("{name}, times that"), ratio, "times", Target::AtMost(MAX_START), !options.quick);
    }
    Ok(())
}

/// What any of the functions is told, and some more.
fn environment(around: &Around, destinations: &Destinations) -> Vec<(&'static str, String)> {
    let mut environment = around.environment();
    environment.extend(destinations.variables(around));
    environment
}

async fn first_answer(program: &Program, environment: &[(&str, String)]) -> Result<f64, CommandFailure> {
    let began = Instant::now();
    let mut function = program.start(environment).await?;
    function.invoke(&first_event(program.name)).await?;
    Ok(began.elapsed().as_secs_f64())
}

fn first_event(name: &str) -> Value {
    if name != WORKER {
        return json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}" });
    }
    let body = json!({ "v": 1, "kind": "roles", "batch": { "run": "over", "part": "0.0", "number": 0 }, "ids": [1] });
    json!({ "Records": [{ "messageId": "1", "receiptHandle": "1", "body": body.to_string(), "attributes": {} }] })
}

/// A whole initial sync, a pull and a full batch of activities, by one instance of each function.
async fn memory(programs: &[Program], report: &mut Report) -> Result<(), CommandFailure> {
    let around = Around::start(PEOPLE).await?;
    initial_sync::request(&around.embedded.initial, false).await?;
    let [coordinator, worker, pull, logger] = programs else { return Ok(()) };
    let mut coordinator = coordinator.start(&around.environment()).await?;
    let mut worker = worker.start(&around.environment()).await?;
    around.run_to_the_end(&mut coordinator, &mut worker).await?;
    let mut pull = pull.start(&around.environment()).await?;
    pull.invoke(&first_event(PULL)).await?;
    let destinations = Destinations::start(&around).await?;
    let mut logger = logger.start(&environment(&around, &destinations)).await?;
    logger.invoke(&destinations.batch()).await?;
    for (name, function) in NAMES.into_iter().zip([&coordinator, &worker, &pull, &logger]) {
        let peak = function.peak_memory().map(|bytes| bytes as f64 / MEBIBYTE);
        report.check(format!("{name}, peak memory"), peak, "MiB", Target::AtMost(MAX_MEBIBYTES), true);
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
