//! How long an initial sync takes under Marketo's real limits, in simulated time, beside the least that these limits allow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::initial_sync::{self, InitialSync, PartState};
use domain::{Timestamp, lease};
use jiff::SignedDuration;
use simulator_marketo::{ClockMode, Config, Limits, Stats, World};
use store::memory::Misbehaviour;
use store::{MemoryOptOuts, MemoryPeople, MemoryState};

use super::deployment::Deployment;
use super::dice::Dice;
use super::executor::{Executor, Handle, Kind};
use super::faults::Switch;
use super::now;
use super::storage::Ground;
use super::trace::Trace;
use crate::lock;

/// When runs begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;
/// A usual export job.
const JOB_SECONDS: f64 = 20.0 * 60.0;
/// Longest span of creation dates that one job may have, days.
const LONGEST_WINDOW: u32 = 31;
/// How often the end is looked for.
const LOOK: Duration = Duration::from_secs(10);
/// A run that takes longer than this has failed.
const LONGEST: Duration = Duration::from_secs(40 * 86_400);

/// What a run took.
#[derive(Debug, Clone)]
pub struct Report {
    /// Least seconds that the limits allow.
    pub optimum: f64,
    /// Seconds until all people were stored.
    pub people_stored: f64,
    /// Seconds until the run was complete, opportunity roles included.
    pub complete: f64,
    /// People stored.
    pub people: usize,
    /// What Marketo counted.
    pub stats: Stats,
}

/// Runs an initial sync of so many people, created over so many days, with nothing going wrong.
pub fn run(people: u64, days: u32) -> Report {
    let timers = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = timers.enter();
    let mut config = Config {
        people,
        days_of_history: days,
        clock: ClockMode::Manual(Some(START)),
        limits: Limits::default(),
        ..Config::default()
    };
    config.export.seconds = JOB_SECONDS;
    config.export.status_refresh_seconds = 60;
    let world = World::without_network(config.clone());
    let trace = Arc::new(Trace::new(false));
    let start = Timestamp::from_second(START).unwrap();
    let executor = Executor::new(start, Dice::new(1, 2), trace.clone());
    let handle = executor.handle();
    let ground = Ground { handle: handle.clone(), dice: Dice::new(1, 3), faults: Arc::default(), witness: None, trace };
    let queue = |name: &str, part| Deployment::queue(name, &handle, &Dice::new(1, part), Misbehaviour::default());
    let deployment = Deployment {
        world: world.clone(),
        config,
        people: Arc::new(MemoryPeople::new()),
        opt_outs: Arc::new(MemoryOptOuts::new()),
        state: Arc::new(MemoryState::new()),
        batches: queue("people-batches", 4),
        reads: queue("people-reads", 5),
        ground,
        network: Arc::new(Switch::default()),
        clock_off_by: SignedDuration::ZERO,
        doubled_events: 0,
    };
    deployment.begin();
    let times = Arc::new(Mutex::new(Times::default()));
    let (watcher, state) = (Watcher { handle: handle.clone(), times: times.clone() }, deployment.state.clone());
    handle.begin(Kind::Stage, "watcher", async move { watcher.watch(&state).await });
    executor.run(|milliseconds| world.advance_milliseconds(milliseconds));
    let times = lock(&times);
    let people = now(crate::compare::all_rows(&*deployment.people)).len();
    let stats = world.stats();
    Report {
        optimum: optimum(days, &stats, &world.limits()),
        people_stored: times.stored.unwrap_or(f64::INFINITY),
        complete: times.complete.unwrap_or(f64::INFINITY),
        people,
        stats,
    }
}

/// As few jobs as dates allow, as many at once as Marketo runs, and no more megabytes a day than it gives.
fn optimum(days: u32, stats: &Stats, limits: &Limits) -> f64 {
    let rounds = days.div_ceil(LONGEST_WINDOW).div_ceil(u32::try_from(limits.jobs_running).unwrap_or(1));
    let whole_days = stats.export_bytes / (limits.export_megabytes_per_day * 1_000_000);
    (f64::from(rounds) * JOB_SECONDS).max(whole_days as f64 * 86_400.0)
}

#[derive(Default)]
struct Times {
    stored: Option<f64>,
    complete: Option<f64>,
}

struct Watcher {
    handle: Handle,
    times: Arc<Mutex<Times>>,
}

impl Watcher {
    async fn watch(self, state: &MemoryState) {
        let start = self.handle.now();
        loop {
            self.handle.sleep(LOOK).await;
            let seconds = self.handle.now().duration_since(start).as_secs_f64();
            let run: InitialSync = now(lease::peek(state, initial_sync::KEY)).unwrap().unwrap_or_default();
            let mut times = lock(&self.times);
            if times.stored.is_none()
                && run.run.as_ref().is_none_or(|run| all_rows_stored(state, run))
                && seconds > 60.0
            {
                times.stored = Some(seconds);
            }
            if run.completed.is_some() || seconds > LONGEST.as_secs_f64() {
                times.complete = run.completed.map(|_| seconds);
                self.handle.stop();
                return;
            }
        }
    }
}

/// Whether every batch of rows has its receipt, whether or not its opportunity roles are read.
fn all_rows_stored(state: &MemoryState, run: &initial_sync::Run) -> bool {
    use domain::ports::SyncState;
    run.parts.iter().enumerate().all(|(at, part)| match &part.state {
        PartState::Cut { batches, .. } => {
            let group = initial_sync::Receipts::Rows.group(&run.id, &run.label(at));
            now(state.receipts(&group, batches.rows)).is_ok_and(|done| done.len() == batches.rows as usize)
        }
        PartState::Stored { .. } => true,
        _ => false,
    })
}
