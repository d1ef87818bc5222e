//! The people flow as a whole — coordinator, workers, pulls, queues, store, simulated Marketo — under one seed that drives the clock,
//! the order of everything, crashes, pauses, losses and Marketo's faults, with the invariants watched all along.
//!
//! The functions, the rules and the Marketo client are the real ones; network, storage, queues and time are simulated. The same seed
//! gives the same run, event by event.

pub mod activities;
mod deployment;
mod dice;
mod executor;
mod faults;
mod fleet;
pub mod limits;
mod network;
pub mod opt_outs;
mod scenario;
mod storage;
pub mod tasks;
mod trace;
mod way;
mod witness;

use std::sync::Arc;
use std::time::Duration;

use domain::budget::Purpose;
use domain::initial_sync::{self, InitialSync};
use domain::people::PersonRow;
use domain::pull::{self, PullState};
use domain::{Timestamp, lease};
use simulator_marketo::{FaultAction, World};
use store::{MemoryOptOuts, MemoryPeople, MemoryState};

use crate::compare;
use deployment::Deployment;
use dice::Dice;
use executor::{Executor, Handle, Kind, Roughness};
use faults::Switch;
use scenario::Scenario;
use storage::Ground;
use trace::Trace;
use witness::Witness;

pub use trace::Told;

const MINUTE: Duration = Duration::from_secs(60);
/// Ticks, a minute each, within which the table has to be right once nothing goes wrong any more: what was lost last may have been in
/// the hands of a function that is found dead after its lease (15 minutes), then in a message that comes again (10 minutes) or has to be
/// found missing (30 minutes) and is cut once more.
const MOST_TICKS: u64 = 90;
/// Ticks of a second pass over an unchanged world.
const MOST_TICKS_AGAIN: u64 = 40;
/// After this long nothing late comes any more, and the overlap holds no change.
const QUIET: Duration = Duration::from_secs(20 * 60);
/// After this long, a run has no more say in what the pulls do.
const LONG_AFTER_A_RUN: Duration = Duration::from_secs(70 * 60);
/// Seconds before the end of Marketo's day in which its calls do not run out any more: they would be gone for a whole day.
const DAYS_END: i64 = 8 * 60;
/// Seconds between two lists of activities that get lost: the overlap has been read twice.
const LOST_LISTS_EVERY: i64 = 20 * 60;
/// Error of clocks learned from answers: whole seconds, and what an answer takes to come.
const LEARNED_CLOCK_ERROR: i64 = 2_500;

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its trace.
    pub told: Told,
    /// Minutes after the end of all faults until the table was right.
    pub minutes_to_truth: u64,
    /// The invariant that was broken, if one was.
    pub broken: Option<String>,
}

impl Run {
    /// A run that did not come to its end.
    pub fn failed(why: String) -> Self {
        Self { told: Trace::new(false).told(), minutes_to_truth: 0, broken: Some(why) }
    }
}

/// Runs a seed; `spoken` runs print what happens.
pub fn run(seed: u64, spoken: bool) -> Run {
    // The client's time limits need a timer to hang on. It is never driven: simulated answers come, or are lost, in simulated time.
    let timers = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _context = timers.enter();
    let scenario = Scenario::drawn(seed, &Dice::new(seed, 1));
    let trace = Arc::new(Trace::new(spoken));
    let world = World::without_network(scenario.config.clone());
    let start = Timestamp::from_millisecond(world.now_milliseconds()).unwrap();
    let executor = Executor::new(start, Dice::new(seed, 2), trace.clone());
    let stage = Stage::set(seed, scenario, world.clone(), executor.handle(), trace.clone());
    stage.deployment.begin();
    let (witness, minutes) = (stage.witness.clone(), stage.minutes.clone());
    executor.handle().begin(Kind::Stage, "director", async move { stage.direct().await });
    executor.run(|milliseconds| world.advance_milliseconds(milliseconds));
    let minutes_to_truth = minutes.load(std::sync::atomic::Ordering::Relaxed);
    Run { told: trace.told(), minutes_to_truth, broken: witness.broken() }
}

/// Everything that a run needs, and its director.
struct Stage {
    scenario: Scenario,
    dice: Dice,
    world: World,
    handle: Handle,
    witness: Arc<Witness>,
    deployment: Deployment,
    ground: Ground,
    minutes: Arc<std::sync::atomic::AtomicU64>,
}

impl Stage {
    fn set(seed: u64, scenario: Scenario, world: World, handle: Handle, trace: Arc<Trace>) -> Self {
        let off = scenario.clock_off_by;
        let slack = if off.is_zero() { 0 } else { LEARNED_CLOCK_ERROR };
        let witness = Arc::new(Witness::new(world.clone(), handle.clone(), slack, scenario.lists_get_lost));
        let ground = Ground {
            handle: handle.clone(),
            dice: Dice::new(seed, 3),
            faults: Arc::new(Switch::new(scenario.storage)),
            witness: Some(witness.clone()),
            trace,
        };
        let queue = |name: &str, part| Deployment::queue(name, &handle, &Dice::new(seed, part), scenario.queues);
        let deployment = Deployment {
            world: world.clone(),
            config: scenario.config.clone(),
            people: Arc::new(MemoryPeople::new()),
            opt_outs: Arc::new(MemoryOptOuts::new()),
            state: Arc::new(MemoryState::new()),
            batches: queue("people-batches", 4),
            reads: queue("people-reads", 5),
            ground: ground.clone(),
            network: Arc::new(Switch::new(scenario.network)),
            clock_off_by: off,
            doubled_events: scenario.doubled_events,
        };
        Self { scenario, dice: Dice::new(seed, 6), world, handle, witness, deployment, ground, minutes: Arc::default() }
    }

    async fn direct(self) {
        if self.scenario.settled {
            self.treat(false);
            if !self.converges().await {
                return self.handle.stop();
            }
            self.handle.sleep(LONG_AFTER_A_RUN).await;
        }
        self.rough_time().await;
        self.calm();
        if self.converges().await {
            self.second_pass().await;
        }
        self.limits_were_kept();
        self.handle.stop();
    }

    /// Lets things go wrong, or not.
    fn treat(&self, roughly: bool) {
        self.ground.faults.set(roughly);
        self.deployment.network.set(roughly);
        self.handle.treat(if roughly { self.scenario.roughness } else { Roughness::default() });
    }

    async fn rough_time(&self) {
        self.treat(true);
        let mut last_lost = 0;
        for _ in 0..self.scenario.rough_minutes {
            let day_ends_soon = self.scenario.day_ends.is_some_and(|end| self.world.now() > end - DAYS_END);
            if day_ends_soon {
                self.world.set_faults(Vec::new());
            }
            if self.dice.chance(self.scenario.changes) {
                self.change();
            }
            if self.dice.chance(self.scenario.vendor_faults) {
                let may_get_lost = self.world.now() > last_lost + LOST_LISTS_EVERY;
                let fault = self.scenario.vendor_fault(&self.dice, !day_ends_soon, may_get_lost);
                if fault.action == FaultAction::NoResult {
                    last_lost = self.world.now();
                }
                self.tell(|| format!("{fault:?}"));
                self.world.set_faults(vec![fault]);
            }
            if self.dice.chance(self.scenario.requests) {
                let ports = self.deployment.instance(Purpose::Changes);
                let asked = initial_sync::request(&ports, self.scenario.sweeps).await;
                self.tell(|| format!("a new run is asked for: {asked:?}"));
            }
            self.handle.sleep(Duration::from_millis(self.dice.roll(120_000))).await;
        }
        self.change();
    }

    fn change(&self) {
        let (set, late) = Scenario::change(&self.dice);
        let changed = self.world.change(&set);
        self.tell(|| format!("{changed:?}"));
        self.witness.look_at_all(late);
        if late > 0 {
            let (witness, handle) = (self.witness.clone(), self.handle.clone());
            self.handle.begin(Kind::Stage, "late change", async move {
                handle.sleep(Duration::from_millis(late.unsigned_abs())).await;
                witness.look_at_all(0);
            });
        }
    }

    /// From here on nothing goes wrong.
    fn calm(&self) {
        self.world.set_faults(Vec::new());
        self.treat(false);
        self.handle.wake_paused();
        self.tell(|| "the faults are over".to_owned());
    }

    /// Invariant 7.
    async fn converges(&self) -> bool {
        let mut wrong = Vec::new();
        for minute in 0..MOST_TICKS {
            self.handle.sleep(MINUTE).await;
            let (run, caught_up) = self.at_rest();
            if run.is_none() && caught_up {
                wrong = self.differences();
                if wrong.is_empty() {
                    self.minutes.store(minute + 1, std::sync::atomic::Ordering::Relaxed);
                    return true;
                }
            }
        }
        wrong.truncate(5);
        let state = self.at_rest();
        self.witness.says(format!("{MOST_TICKS} minutes after the faults the table is not right: {wrong:?} {state:?}"));
        false
    }

    /// Invariant 5: the same once more writes nothing.
    async fn second_pass(&self) {
        self.world.settle();
        self.handle.sleep(QUIET).await;
        let (writes, last) = (self.witness.writes(), self.peek_run().completed.map(|run| run.id));
        let ports = self.deployment.instance(Purpose::Changes);
        if let Err(failure) = initial_sync::request(&ports, self.scenario.sweeps).await {
            self.witness.says(format!("a new run cannot be asked for: {failure}"));
        }
        for _ in 0..MOST_TICKS_AGAIN {
            self.handle.sleep(MINUTE).await;
            let state = self.peek_run();
            if state.run.is_none() && state.completed.map(|run| run.id) != last {
                let written = self.witness.writes() - writes;
                if written > 0 {
                    self.witness.says(format!("a second pass over an unchanged world wrote {written} rows"));
                }
                let wrong = self.differences();
                if !wrong.is_empty() {
                    self.witness.says(format!("after a second pass the table is wrong: {wrong:?}"));
                }
                return;
            }
        }
        self.witness.says(format!("a second pass takes longer than {MOST_TICKS_AGAIN} minutes"));
    }

    /// Invariant 6. A paused function holds its call open for longer than Marketo would, so runs with pauses say nothing of this.
    fn limits_were_kept(&self) {
        let stats = self.world.stats();
        let limits = self.world.limits();
        let (calls, at_once) = (stats.max_calls_in_20s, stats.max_in_flight);
        if self.scenario.roughness.pauses == 0 && (calls > limits.calls_per_window || at_once > limits.in_flight) {
            self.witness.says(format!("{calls} calls in 20 seconds, {at_once} at once"));
        }
    }

    fn peek_run(&self) -> InitialSync {
        self.peek(initial_sync::KEY).unwrap_or_default()
    }

    fn at_rest(&self) -> (Option<initial_sync::Run>, bool) {
        let state = self.peek_run();
        let pull = self.peek::<PullState>(pull::KEY).unwrap_or_default();
        let caught_up = state.completed.is_some() && pull.problem.is_none() && pull.cursor.is_some();
        (state.run, caught_up)
    }

    fn peek<T: serde::de::DeserializeOwned>(&self, key: &str) -> Option<T> {
        now(lease::peek::<T>(&*self.deployment.state, key)).unwrap()
    }

    fn differences(&self) -> Vec<String> {
        let mut rows: Vec<PersonRow> = now(compare::all_rows(&*self.deployment.people));
        rows.retain(|row| !row.shadow);
        compare::differences(self.world.truth(), &rows)
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        self.ground.trace.event(self.handle.now(), self.handle.current(), what);
    }
}

/// What storage in memory says at once.
fn now<T>(call: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(call).unwrap()
}
