//! A clock that tests hold in their hands, alone or in step with a simulated Marketo, and chance from a seed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{Chance, Clock};
use jiff::SignedDuration;
use simulator_marketo::World;

use crate::lock;

/// Longest step in which a sleeper moves the time on before others may look at the clock.
const STEP: Duration = Duration::from_millis(500);

/// A clock on which no time is lost: sleeping moves it on, in steps, and lets others run between them.
pub struct TestClock {
    now: Mutex<Timestamp>,
    world: Option<World>,
}

impl TestClock {
    /// A clock of its own that stands still unless it is moved or slept on.
    pub fn alone(start: &str) -> Arc<Self> {
        Arc::new(Self { now: Mutex::new(start.parse().unwrap()), world: None })
    }

    /// A clock that moves the simulated Marketo's along, and goes on by a millisecond with each look, as real ones do.
    pub fn of(world: World) -> Arc<Self> {
        Self::off_by(world, SignedDuration::ZERO)
    }

    /// The same, but wrong by so much.
    pub fn off_by(world: World, error: SignedDuration) -> Arc<Self> {
        let now = Timestamp::from_second(world.now()).unwrap() + error;
        Arc::new(Self { now: Mutex::new(now), world: Some(world) })
    }

    /// Moves the time on, and the simulated Marketo's with it.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let mut now = lock(&self.now);
        let before = *now;
        *now = before + by;
        if let Some(world) = &self.world
            && now.as_second() > before.as_second()
        {
            world.advance(now.as_second() - before.as_second());
        }
        *now
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.advance(if self.world.is_some() { Duration::from_millis(1) } else { Duration::ZERO })
    }

    async fn sleep(&self, pause: Duration) {
        let mut now = self.advance(Duration::ZERO);
        let until = now + pause;
        while now < until {
            let left = Duration::try_from(until.duration_since(now)).unwrap_or_default();
            now = self.advance(left.min(STEP));
            tokio::task::yield_now().await;
        }
    }
}

/// Numbers that follow from a seed (SplitMix64).
pub struct Seeded(Mutex<u64>);

impl Seeded {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(seed)))
    }
}

impl Chance for Seeded {
    fn next_u64(&self) -> u64 {
        let mut state = lock(&self.0);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
