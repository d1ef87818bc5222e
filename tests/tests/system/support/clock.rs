//! The machine's clock with jumps: pauses of minutes pass at once, for whoever is under test and for both simulated vendors alike.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::Clock;
use jiff::SignedDuration;
use runtime::SystemClock;

/// Longest that a sleeper really sleeps, so that others get on with what they do.
const REAL: Duration = Duration::from_millis(2);

pub struct JumpClock {
    ahead_ms: AtomicI64,
    marketo: simulator_marketo::World,
    salesforce: simulator_salesforce::World,
}

impl JumpClock {
    pub fn over(marketo: simulator_marketo::World, salesforce: simulator_salesforce::World) -> Self {
        Self { ahead_ms: AtomicI64::new(0), marketo, salesforce }
    }

    /// Moves all time on.
    pub fn jump(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap();
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
        self.marketo.advance_milliseconds(ms);
        self.salesforce.advance_milliseconds(ms);
    }
}

#[async_trait]
impl Clock for JumpClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + SignedDuration::from_millis(self.ahead_ms.load(Ordering::SeqCst))
    }

    async fn sleep(&self, pause: Duration) {
        let real = pause.min(REAL);
        self.jump(pause - real);
        SystemClock.sleep(real).await;
    }
}
