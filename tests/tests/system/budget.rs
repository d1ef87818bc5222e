//! The call budget, shared by functions that know of each other only through one document.

use std::sync::Arc;
use std::time::Duration;

use domain::budget::{
    ALLOWANCE_EVERY, CallLimits, Purpose, SharedBudget, left_today, next_central_midnight, parked_until,
};
use domain::ports::{CallBudget, Chance, Clock};
use domain::{Failure, FailureKind, Timestamp};

use crate::support::unsure::UnsureState;
use system_tests::world::{Seeded, TestClock};

const START: &str = "2026-07-01T12:00:00Z";
const WINDOW: Duration = Duration::from_secs(20);
/// So many calls a day that the day plays no part.
const ENDLESS: u64 = 1_000_000;

struct Deployment {
    state: Arc<UnsureState>,
    clock: Arc<TestClock>,
}

impl Deployment {
    fn at(start: &str) -> Self {
        Self { state: UnsureState::shared(), clock: TestClock::alone(start) }
    }

    /// What is left of so many calls a day.
    async fn left(&self, daily_calls: u64) -> u64 {
        let limits = CallLimits { per_day: daily_calls, ..CallLimits::default() };
        left_today(&*self.state, limits, self.clock.now()).await.unwrap()
    }

    fn budget(&self, purpose: Purpose, daily_calls: u64, seed: u64) -> SharedBudget {
        let limits = CallLimits { per_day: daily_calls, ..CallLimits::default() };
        SharedBudget::new(self.state.clone(), self.clock.clone(), Seeded::new(seed), purpose, limits)
    }
}

/// Takes calls, each taking a little time, with a longer rest now and then, and tells when each was granted.
async fn callers(budget: &SharedBudget, clock: &TestClock, calls: usize, seed: u64) -> Vec<Timestamp> {
    let chance = Seeded::new(seed);
    let mut granted = Vec::new();
    for _ in 0..calls {
        budget.take().await.unwrap();
        granted.push(clock.now());
        clock.advance(Duration::from_millis(chance.next_u64() % 60));
        tokio::task::yield_now().await;
        if chance.next_u64().is_multiple_of(20) {
            clock.sleep(Duration::from_secs(chance.next_u64() % 20)).await;
        }
    }
    granted
}

/// Gives the pull its calls that need not be asked for, as often as its holder may.
async fn allowances(budget: &SharedBudget, clock: &TestClock, times: usize) {
    for _ in 0..times {
        budget.allow();
        clock.sleep(Duration::try_from(ALLOWANCE_EVERY).unwrap()).await;
    }
}

/// Most calls within any window that begins with a call.
fn most_in_a_window(granted: &[Timestamp]) -> usize {
    let within = |from: &Timestamp| granted.iter().filter(|at| *at >= from && **at < *from + WINDOW).count();
    granted.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn no_window_holds_more_calls_than_marketo_allows() {
    for seed in 0..5 {
        let deployment = Deployment::at(START);
        let (initial, changes) = (
            deployment.budget(Purpose::InitialSync, ENDLESS, seed),
            deployment.budget(Purpose::Changes, ENDLESS, seed + 100),
        );
        let clock = &*deployment.clock;
        let (a, b, c, ()) = tokio::join!(
            callers(&initial, clock, 300, seed + 1),
            callers(&changes, clock, 300, seed + 2),
            callers(&changes, clock, 300, seed + 3),
            allowances(&changes, clock, 30),
        );
        let mut granted = [a, b, c].concat();
        granted.sort_unstable();
        assert_eq!(granted.len(), 900);
        let most = most_in_a_window(&granted);
        assert!(most <= 100, "seed {seed}: {most} calls in 20 seconds");
        assert!(most > 60, "seed {seed}: the allowance is hardly used, {most} at most");
    }
}

#[tokio::test]
async fn the_initial_sync_leaves_a_part_of_each_window_to_others() {
    for others_call in [true, false] {
        let deployment = Deployment::at(START);
        let start = deployment.clock.now();
        let initial = deployment.budget(Purpose::InitialSync, ENDLESS, 1);
        let changes = deployment.budget(Purpose::Changes, ENDLESS, 2);
        for _ in 0..90 {
            initial.take().await.unwrap();
        }
        if others_call {
            for _ in 0..4 {
                changes.take().await.unwrap();
            }
            changes.allow();
            for _ in 0..6 {
                changes.take().await.unwrap();
            }
        }
        assert_eq!(deployment.clock.now(), start, "ninety are free at once, four for others, and six for the pull");
        initial.take().await.unwrap();
        let waited_until = deployment.clock.now();
        assert!(waited_until >= start + WINDOW, "one more waits for the window, until {waited_until}");
    }
}

async fn take_all(budget: &SharedBudget) -> (u64, Failure) {
    let mut taken = 0;
    loop {
        match budget.take().await {
            Ok(()) => taken += 1,
            Err(failure) => return (taken, failure),
        }
        assert!(taken < 10_000, "no end of calls");
    }
}

#[tokio::test]
async fn a_used_up_day_ends_at_midnight_in_central_time() {
    for (start, midnight) in [
        ("2026-07-01T12:00:00Z", "2026-07-02T05:00:00Z"),
        ("2026-12-24T05:59:00Z", "2026-12-24T06:00:00Z"),
        // The clocks go forward on this day, and back on the next one.
        ("2026-03-08T07:00:00Z", "2026-03-09T05:00:00Z"),
        ("2026-11-01T06:00:00Z", "2026-11-02T06:00:00Z"),
    ] {
        let deployment = Deployment::at(start);
        let midnight: Timestamp = midnight.parse().unwrap();
        assert_eq!(next_central_midnight(deployment.clock.now()), midnight);
        assert_eq!(deployment.left(50).await, 50, "nobody has called yet");
        let initial = deployment.budget(Purpose::InitialSync, 50, 1);
        let changes = deployment.budget(Purpose::Changes, 50, 2);
        let (of_initial, failure) = take_all(&initial).await;
        assert_eq!((of_initial, failure.kind, failure.until), (40, FailureKind::DailyCalls, Some(midnight)));
        assert_eq!(deployment.left(50).await, 10);
        let (of_changes, failure) = take_all(&changes).await;
        assert!((5..=10).contains(&of_changes), "{start}: {of_changes} are left for changes");
        assert_eq!((failure.kind, failure.until), (FailureKind::DailyCalls, Some(midnight)));

        let now = deployment.clock.now();
        assert!(now < midnight, "nobody waited for the next day");
        deployment.clock.advance(Duration::try_from(midnight.duration_since(now)).unwrap());
        assert_eq!(deployment.left(50).await, 50, "a new day");
        initial.take().await.unwrap();
    }
}

#[tokio::test]
async fn when_marketo_says_that_the_day_is_over_everybody_waits() {
    let deployment = Deployment::at(START);
    let first = deployment.budget(Purpose::InitialSync, ENDLESS, 1);
    let second = deployment.budget(Purpose::Changes, ENDLESS, 2);
    let until: Timestamp = "2026-07-02T05:00:00Z".parse().unwrap();
    first.daily_calls_gone(until).await;
    for budget in [&first, &second] {
        let failure = budget.take().await.unwrap_err();
        assert_eq!((failure.kind, failure.until), (FailureKind::DailyCalls, Some(until)));
    }
    assert_eq!(parked_until(&*deployment.state).await, Ok(Some(until)));
    let pause = until.duration_since(deployment.clock.now());
    deployment.clock.advance(Duration::try_from(pause).unwrap());
    for budget in [&first, &second] {
        budget.take().await.unwrap();
    }
}
