//! `cargo prove seeds`: runs the simulation for many seeds, on all cores, and shows the rate; or for one, event by event.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use system_tests::simulation::{self, Run};
use system_tests::{lock, parallel};

/// How often the rate is shown.
const SHOWN_EVERY: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub struct Args {
    /// How many seeds
    #[arg(long, default_value_t = 500)]
    count: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// End with the first broken seed
    #[arg(long)]
    stop: bool,
    /// One seed alone, its events on standard error
    #[arg(long, conflicts_with_all = ["count", "from"])]
    seed: Option<u64>,
    /// One flow alone
    #[arg(long)]
    flow: Option<Flow>,
}

/// Which flow is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Flow {
    /// Marketo's people into our table.
    People,
    /// Sales activities into Marketo and Salesforce.
    Activities,
    /// Opt-outs, here and in Salesforce.
    OptOuts,
    /// Reminder tasks, here and in Salesforce.
    Tasks,
}

impl Flow {
    /// All of them.
    const ALL: [Self; 4] = [Self::People, Self::Activities, Self::OptOuts, Self::Tasks];

    fn name(self) -> &'static str {
        match self {
            Self::People => "people",
            Self::Activities => "activities",
            Self::OptOuts => "opt-outs",
            Self::Tasks => "tasks",
        }
    }
}

/// What all threads found together.
#[derive(Default)]
struct Found {
    failures: Mutex<Vec<(u64, String)>>,
    events: AtomicU64,
    longest: AtomicU64,
    done: AtomicU64,
}

pub fn prove(args: &Args) -> ExitCode {
    for flow in Flow::ALL.into_iter().filter(|flow| args.flow.is_none_or(|only| only == *flow)) {
        let ended = match args.seed {
            Some(seed) => one(flow, seed),
            None => many(flow, args),
        };
        if ended != ExitCode::SUCCESS {
            return ended;
        }
    }
    ExitCode::SUCCESS
}

fn many(flow: Flow, args: &Args) -> ExitCode {
    let (began, found) = (Instant::now(), Found::default());
    thread::scope(|scope| {
        scope.spawn(|| found.show(args, began));
        let stop = || args.stop && found.is_broken();
        parallel::each(args.from..args.from + args.count, stop, |seed| found.add(flow, seed, run(flow, seed, false)));
    });
    found.conclude(flow, args, began)
}

fn one(flow: Flow, seed: u64) -> ExitCode {
    let run = run(flow, seed, true);
    println!(
        "{}: {} events, trace {:016x}, right {} minutes after the faults",
        flow.name(),
        run.told.events,
        run.told.hash,
        run.minutes_to_truth
    );
    match run.broken {
        None => ExitCode::SUCCESS,
        Some(broken) => {
            println!("seed {seed}: {broken}");
            ExitCode::FAILURE
        }
    }
}

/// A panic is a failed seed like any other.
fn run(flow: Flow, seed: u64, spoken: bool) -> Run {
    let ended = parallel::caught(|| match flow {
        Flow::People => simulation::run(seed, spoken),
        Flow::Activities => simulation::activities::run(seed, spoken),
        Flow::OptOuts => simulation::opt_outs::run(seed, spoken),
        Flow::Tasks => simulation::tasks::run(seed, spoken),
    });
    ended.unwrap_or_else(Run::failed)
}

impl Found {
    fn add(&self, flow: Flow, seed: u64, run: Run) {
        self.events.fetch_add(run.told.events, Ordering::Relaxed);
        self.longest.fetch_max(run.minutes_to_truth, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        if let Some(broken) = run.broken {
            println!("seed {seed}: {broken}\n    cargo prove seeds --flow {} --seed {seed}", flow.name());
            lock(&self.failures).push((seed, broken));
        }
    }

    fn is_broken(&self) -> bool {
        !lock(&self.failures).is_empty()
    }

    fn show(&self, args: &Args, began: Instant) {
        let (mut shown, count) = (Instant::now(), args.count);
        while self.done.load(Ordering::Relaxed) < count && !(args.stop && self.is_broken()) {
            thread::park_timeout(Duration::from_millis(50));
            if shown.elapsed() >= SHOWN_EVERY {
                shown = Instant::now();
                let done = self.done.load(Ordering::Relaxed);
                println!("{done} of {count} seeds, {:.0} a minute", rate(done, began));
            }
        }
    }

    fn conclude(&self, flow: Flow, args: &Args, began: Instant) -> ExitCode {
        let (failures, count) = (lock(&self.failures), self.done.load(Ordering::Relaxed));
        println!(
            "{}, seeds {} to {}: {} broken; {} events, {:.0} seeds a minute; slowest to be right: {} minutes after the faults",
            flow.name(),
            args.from,
            args.from + count.saturating_sub(1),
            failures.len(),
            self.events.load(Ordering::Relaxed),
            rate(count, began),
            self.longest.load(Ordering::Relaxed),
        );
        if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn rate(done: u64, began: Instant) -> f64 {
    done as f64 / began.elapsed().as_secs_f64().max(0.001) * 60.0
}
