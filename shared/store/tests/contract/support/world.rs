//! Clocks and chance that tests hold in their hands.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{Chance, Clock};

/// A clock on which a pause is over at once: sleeping moves the time on. Remembers the pauses.
#[derive(Debug, Default)]
pub struct JumpingClock {
    slept: Mutex<Vec<Duration>>,
}

impl JumpingClock {
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub fn pauses(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        start() + self.slept.lock().unwrap().iter().sum::<Duration>()
    }

    async fn sleep(&self, pause: Duration) {
        self.slept.lock().unwrap().push(pause);
        tokio::task::yield_now().await;
    }
}

/// A clock that moves only when the test moves it; nobody who sleeps on it ever wakes.
#[derive(Debug, Default)]
pub struct StoppedClock {
    passed: Mutex<Duration>,
}

impl StoppedClock {
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub fn advance(&self, by: Duration) {
        *self.passed.lock().unwrap() += by;
    }
}

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        start() + *self.passed.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {
        pending().await
    }
}

/// When the tests' clocks start.
fn start() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

/// Numbers that follow from a seed (SplitMix64).
#[derive(Debug)]
pub struct Seeded(Mutex<u64>);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Chance for Seeded {
    fn next_u64(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
