//! The subscription as one thing: its people, its clock, its jobs and its limits, each behind one lock.
//! Every access first lets happen what is due. Must not know HTTP.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::export::file::Built;
use crate::export::jobs::{Jobs, Pace, Recipe};
use crate::world::people::Base;
use crate::world::state::State;

/// One simulated subscription.
pub(crate) struct Subscription {
    pub(crate) config: Config,
    pub(crate) clock: Arc<Clock>,
    pub(crate) base: Arc<Base>,
    limits: Mutex<Limits>,
    /// Locked before `state`, never after it.
    jobs: Mutex<Jobs>,
    state: Mutex<State>,
}

/// A poisoned lock means that a test panicked elsewhere; the data is still good enough to finish with.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Subscription {
    pub(crate) fn new(config: Config) -> Self {
        let clock = Arc::new(Clock::new(config.clock));
        let base = Arc::new(Base::new(&config, clock.now()));
        let state = State::new(Arc::clone(&base), config.streams.clone(), config.durable_unsubscribes);
        Self {
            clock,
            limits: Mutex::new(config.limits.clone()),
            jobs: Mutex::default(),
            state: Mutex::new(state),
            base,
            config,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        lock(&self.limits).clone()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *lock(&self.limits) = limits;
    }

    /// The people and their log, now.
    pub(crate) fn with_state<T>(&self, act: impl FnOnce(&mut State, i64) -> T) -> T {
        // A job that is due takes its snapshot before anything changes.
        let jobs = self.ticked_jobs();
        let mut state = lock(&self.state);
        drop(jobs);
        let now_ms = self.clock.now_ms();
        state.catch_up(now_ms);
        act(&mut state, now_ms)
    }

    /// The export jobs, now.
    pub(crate) fn with_jobs<T>(&self, act: impl FnOnce(&mut Jobs, i64) -> T) -> T {
        let mut jobs = self.ticked_jobs();
        act(&mut jobs, self.clock.now_ms())
    }

    fn ticked_jobs(&self) -> MutexGuard<'_, Jobs> {
        let mut jobs = lock(&self.jobs);
        let export = &self.config.export;
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a duration in seconds")]
        let duration_ms =
            ((export.seconds + export.seconds_per_million * self.base.people as f64 / 1e6) * 1000.0) as i64;
        let begin = |recipe: &Recipe, built: &Arc<OnceLock<Built>>| {
            let mut state = lock(&self.state);
            let now_ms = self.clock.now_ms();
            state.catch_up(now_ms);
            let content = recipe(&state, now_ms);
            drop(state);
            let (clock, built, shared) = (Arc::clone(&self.clock), Arc::clone(built), Arc::clone(&content));
            let pass = move || {
                // A hand-set clock stands still meanwhile, so the pass then takes no time at all.
                let now_ms = || if clock.is_manual() { i64::MIN } else { clock.now_ms() };
                built.get_or_init(|| Built::new(&shared, now_ms));
            };
            if self.clock.is_manual() {
                pass();
            } else {
                std::thread::spawn(pass);
            }
            content
        };
        let running = self.limits().jobs_running;
        jobs.tick(&Pace { now_ms: self.clock.now_ms(), duration_ms, running, begin: &begin });
        jobs
    }
}
