//! Peak memory of coordinator and worker, each a process under an emulated Lambda, at growing numbers of people; and, as it happens,
//! what of Lambda and SQS an initial sync uses.

use domain::{initial_sync, settings};
use serde_json::json;

use super::Options;
use super::functions::{COORDINATOR, Function, WORKER};
use super::report::{Report, Target};
use super::simulator::{NO_LIMITS, SimulatorProcess};
use super::sqs::Sqs;
use crate::embedded::{Embedded, LocalTables};
use crate::failure::CommandFailure;

pub const MEBIBYTE: f64 = 1024.0 * 1024.0;
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Most memory of either function, at any size.
const MAX_MEBIBYTES: f64 = 64.0;
/// "Flat": the largest size may take so much more than the smallest. Buffers fill up once, whatever comes after.
const MAX_GROWTH: f64 = 1.5;
/// Memory that Lambda gives and charges; more buys CPU, not room.
const FUNCTION_GIBIBYTES: f64 = 128.0 / 1024.0;
/// Ticks of the coordinator after which something must be wrong.
const MAX_TICKS: usize = 2_000;

/// Names of the figures that the cost is made of.
pub const INVOCATIONS: &str = "Lambda invocations per million people";
pub const GIBIBYTE_SECONDS: &str = "Lambda GiB-seconds per million people";
pub const SQS_REQUESTS: &str = "SQS requests per million people";

struct Peaks {
    coordinator: Option<f64>,
    worker: Option<f64>,
}

pub async fn measure(options: &Options) -> Result<Report, CommandFailure> {
    let mut report = Report::new("memory of the functions");
    let sizes = if options.quick { &SIZES[..1] } else { &SIZES[..] };
    let mut all = Vec::new();
    for people in sizes {
        let last = Some(people) == sizes.last();
        let peaks = one_size(*people, last, &mut report).await?;
        for (name, peak) in [(COORDINATOR, peaks.coordinator), (WORKER, peaks.worker)] {
            report.check(format!("{name} at {people} people"), peak, "MiB", Target::AtMost(MAX_MEBIBYTES), true);
        }
        all.push(peaks);
    }
    if let [first, .., last] = &all[..] {
        for (name, peak) in
            [(COORDINATOR, (first.coordinator, last.coordinator)), (WORKER, (first.worker, last.worker))]
        {
            let growth = peak.0.zip(peak.1).map(|(first, last)| last / first);
            report.check(format!("{name}, growth"), growth, "times", Target::AtMost(MAX_GROWTH), true);
        }
    }
    Ok(report)
}

/// A whole initial sync by one instance of each function.
async fn one_size(people: u64, last: bool, report: &mut Report) -> Result<Peaks, CommandFailure> {
    let around = Around::start(people).await?;
    let environment = around.environment();
    initial_sync::request(&around.embedded.initial, false).await?;
    let mut coordinator = Function::start(COORDINATOR, &environment).await?;
    let mut worker = Function::start(WORKER, &environment).await?;
    around.run_to_the_end(&mut coordinator, &mut worker).await?;
    if last {
        let millions = people as f64 / 1_000_000.0;
        let busy = coordinator.busy + worker.busy;
        report.tell(INVOCATIONS, (coordinator.invocations + worker.invocations) as f64 / millions, "invocations");
        report.tell(GIBIBYTE_SECONDS, busy.as_secs_f64() * FUNCTION_GIBIBYTES / millions, "GiB-s");
        report.tell(SQS_REQUESTS, around.sqs.requests() as f64 / millions, "requests");
        if !(coordinator.deployed && worker.deployed) {
            report.note("the functions' own programs are not beside this one; it ran the same code in their place");
        }
    }
    let mebibytes = |peak: Option<u64>| peak.map(|bytes| bytes as f64 / MEBIBYTE);
    Ok(Peaks { coordinator: mebibytes(coordinator.peak_memory()), worker: mebibytes(worker.peak_memory()) })
}

/// Everything around the functions, each in a process or a place of its own.
pub struct Around {
    simulator: SimulatorProcess,
    sqs: Sqs,
    pub embedded: Embedded,
    people: u64,
}

impl Around {
    /// A Marketo without limits that has so many people, and empty tables and queues.
    ///
    /// # Errors
    /// When something cannot be started.
    pub async fn start(people: u64) -> Result<Self, CommandFailure> {
        let simulator = SimulatorProcess::start(people)?;
        let tables = LocalTables::open(None).await?;
        let sqs = Sqs::start().await?;
        let embedded = Embedded::over(simulator.environment(NO_LIMITS)?, tables).await?;
        Ok(Self { simulator, sqs, embedded, people })
    }

    /// The environment of a function.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let [batches, reads] = self.sqs.urls();
        let tables = &self.embedded.tables;
        let mut environment = vec![
            ("AWS_ENDPOINT_URL", tables.endpoint.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.endpoint.clone()),
            ("PEOPLE_TABLE", tables.names.people.clone()),
            ("SYNC_STATE_TABLE", tables.names.sync_state.clone()),
            ("PEOPLE_BATCHES_QUEUE_URL", batches),
            ("PEOPLE_READS_QUEUE_URL", reads),
        ];
        environment.extend(self.simulator.variables());
        environment
    }

    /// Keeps an initial sync from beginning by itself.
    ///
    /// # Errors
    /// When the setting cannot be stored.
    pub async fn keep_from_starting(&self) -> Result<(), CommandFailure> {
        let tables = &self.embedded.tables;
        settings::set(&*tables.state, &tables.clock, "people.autoStart", "off", "bench").await?;
        Ok(())
    }

    /// Ticks, and hands what is queued to the worker, until the initial sync is complete.
    ///
    /// # Errors
    /// When a function fails, or no end is in sight.
    pub async fn run_to_the_end(
        &self,
        coordinator: &mut Function,
        worker: &mut Function,
    ) -> Result<(), CommandFailure> {
        let scheduled = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}" });
        for _ in 0..MAX_TICKS {
            coordinator.invoke(&scheduled).await?;
            while self.sqs.deliver(async |event| worker.invoke(&event).await).await? {}
            let state = initial_sync::peek(&self.embedded.initial).await?;
            if state.completed.is_some() && state.run.is_none() {
                return Ok(());
            }
        }
        Err(CommandFailure::Wrong(format!("no end of the initial sync of {} people is in sight", self.people)))
    }
}
