//! The simulator as its HTTP face sees it: the subscription with tokens, limits, faults and statistics around it.
//! Holds these together; must not know routes.

use std::io;
use std::sync::{Arc, Mutex};

use crate::config::Config;
use crate::faults::{Fault, FaultAction, Faults};
use crate::limits::Gate;
use crate::stats::Stats;
use crate::subscription::{Subscription, lock};
use crate::tokens::Tokens;

/// Everything behind the HTTP face.
pub(crate) struct Service {
    pub(crate) subscription: Subscription,
    pub(crate) tokens: Mutex<Tokens>,
    pub(crate) gate: Mutex<Gate>,
    /// Whether work is done by the caller's own thread, so that a simulation that polls everything by itself replays exactly.
    inline: bool,
    faults: Mutex<Faults>,
    stats: Mutex<Stats>,
}

impl Service {
    pub(crate) fn new(config: Config, inline: bool) -> Self {
        let (life, seed) = (config.token_life_seconds, config.seed);
        let subscription = Subscription::new(config);
        let now_ms = subscription.clock.now_ms();
        Self {
            tokens: Mutex::new(Tokens::new(life, seed, now_ms)),
            gate: Mutex::default(),
            inline,
            faults: Mutex::default(),
            stats: Mutex::default(),
            subscription,
        }
    }

    /// Does work that may take its time.
    pub(crate) async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        if self.inline { Ok(work()) } else { tokio::task::spawn_blocking(work).await.map_err(io::Error::other) }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.subscription.clock.now_ms()
    }

    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        lock(&self.faults).replace(faults);
    }

    pub(crate) fn strike(&self, endpoint: &str, applies: impl Fn(&FaultAction) -> bool) -> Option<Fault> {
        let struck = lock(&self.faults).strike(endpoint, applies);
        if struck.is_some() {
            self.count(|stats| stats.faults_struck += 1);
        }
        struck
    }

    pub(crate) fn count(&self, act: impl FnOnce(&mut Stats)) {
        act(&mut lock(&self.stats));
    }

    pub(crate) fn stats(&self) -> Stats {
        let export_bytes = self.subscription.with_jobs(|jobs, _| jobs.total_bytes);
        let gate = lock(&self.gate);
        let (max_in_flight, max_calls_in_20s) = (gate.max_in_flight, gate.max_in_window);
        drop(gate);
        Stats { max_in_flight, max_calls_in_20s, export_bytes, ..lock(&self.stats).clone() }
    }

    pub(crate) fn reset_stats(&self) {
        *lock(&self.stats) = Stats::default();
        let mut gate = lock(&self.gate);
        gate.max_in_flight = 0;
        gate.max_in_window = 0;
        drop(gate);
        self.subscription.with_jobs(|jobs, _| jobs.total_bytes = 0);
    }

    /// A call in flight, until dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        let limits = self.subscription.limits();
        let count = lock(&self.gate).enter(self.now_ms(), &limits);
        InFlight { service: Arc::clone(self), count }
    }
}

/// Counts a call as being answered for as long as it exists.
pub(crate) struct InFlight {
    service: Arc<Service>,
    /// How many calls were in flight when this one arrived, itself included.
    pub(crate) count: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.service.gate).leave();
    }
}
