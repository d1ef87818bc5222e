//! The simulator as its HTTP face sees it: the organisation with sessions, limits, faults and statistics around it.
//! Holds these together; must not know routes.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::config::{Config, Limits};
use crate::faults::{Fault, FaultAction, Faults, Target};
use crate::limits::Gate;
use crate::sessions::Sessions;
use crate::stats::Stats;
use crate::world::state::State;

/// Everything behind the HTTP face.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) gate: Mutex<Gate>,
    state: Mutex<State>,
    limits: Mutex<Limits>,
    /// Whether work is done by the caller's own thread, so that a simulation that polls everything by itself replays exactly.
    inline: bool,
    faults: Mutex<Faults>,
    stats: Mutex<Stats>,
}

/// A panic elsewhere must not take every later call with it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// # Errors
    /// When the configuration names an object or field that does not exist.
    pub(crate) fn new(config: Config, inline: bool) -> Result<Self, String> {
        let clock = Clock::new(config.clock);
        let now_ms = clock.now_ms();
        let sessions = Sessions::new(config.session_seconds, config.session_calls, config.seed, now_ms);
        Ok(Self {
            state: Mutex::new(State::new(&config, now_ms)?),
            limits: Mutex::new(config.limits.clone()),
            sessions: Mutex::new(sessions),
            gate: Mutex::default(),
            inline,
            faults: Mutex::default(),
            stats: Mutex::default(),
            clock,
            config,
        })
    }

    /// Does work that may take its time.
    pub(crate) async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        if self.inline { Ok(work()) } else { tokio::task::spawn_blocking(work).await.map_err(io::Error::other) }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Looks at or alters the organisation, alone.
    pub(crate) fn with_state<T>(&self, act: impl FnOnce(&mut State, i64) -> T) -> T {
        let mut state = lock(&self.state);
        let now_ms = self.now_ms();
        state.catch_up(now_ms);
        act(&mut state, now_ms)
    }

    pub(crate) fn limits(&self) -> Limits {
        lock(&self.limits).clone()
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        *lock(&self.limits) = limits;
    }

    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        lock(&self.faults).replace(faults);
    }

    pub(crate) fn strike(&self, target: &Target<'_>, applies: impl Fn(&FaultAction) -> bool) -> Option<Fault> {
        let struck = lock(&self.faults).strike(target, applies);
        if struck.is_some() {
            self.count(|stats| stats.faults_struck += 1);
        }
        struck
    }

    pub(crate) fn count(&self, act: impl FnOnce(&mut Stats)) {
        act(&mut lock(&self.stats));
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut gate = lock(&self.gate);
        let used_today = gate.used(self.now_ms().div_euclid(1000));
        let max_in_flight = gate.max_in_flight;
        drop(gate);
        Stats { max_in_flight, used_today, ..lock(&self.stats).clone() }
    }

    pub(crate) fn reset_stats(&self) {
        *lock(&self.stats) = Stats::default();
        lock(&self.gate).max_in_flight = 0;
    }

    /// A call in flight, until dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        lock(&self.gate).enter();
        InFlight(Arc::clone(self))
    }
}

/// Counts a call as being answered for as long as it exists.
pub(crate) struct InFlight(Arc<Service>);

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0.gate).leave();
    }
}

/// The locks of one request over the API, given back when dropped.
pub(crate) struct HeldLocks {
    service: Arc<Service>,
    pub(crate) request: u64,
}

impl HeldLocks {
    pub(crate) fn new(service: &Arc<Service>) -> Self {
        let request = service.with_state(|state, _| state.locks.begin());
        Self { service: Arc::clone(service), request }
    }
}

impl Drop for HeldLocks {
    fn drop(&mut self) {
        self.service.with_state(|state, _| state.locks.end(self.request));
    }
}
