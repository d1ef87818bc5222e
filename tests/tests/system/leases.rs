//! Leases under contention: one holder, no way back for one who was replaced, and answers that get lost.

use std::time::Duration;

use domain::FailureKind;
use domain::lease::{self, Lease, Life};
use domain::ports::{Clock, SyncState};

use crate::support::unsure::{Loss, UnsureState};
use system_tests::world::TestClock;

const KEY: &str = "lease-of-a-test";
const LIFE: Duration = Duration::from_secs(300);
const START: &str = "2026-07-01T12:00:00Z";

async fn take<'a>(state: &'a UnsureState, clock: &'a TestClock, holder: &str) -> Option<Lease<'a, u64>> {
    lease::take(state, clock, KEY, holder, Life::of(LIFE)).await.unwrap()
}

async fn stored(state: &UnsureState) -> Option<u64> {
    lease::peek(state, KEY).await.unwrap()
}

#[tokio::test]
async fn of_many_takers_at_once_one_wins() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    for _ in 0..3 {
        let (a, b) = tokio::join!(take(&state, &clock, "a"), take(&state, &clock, "b"));
        let mut won = [a, b].into_iter().flatten();
        let lease = won.next().unwrap();
        assert!(won.next().is_none(), "both hold it");
        assert!(take(&state, &clock, "c").await.is_none(), "a third finds it held");
        lease.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_holder_who_was_replaced_can_change_nothing() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    let mut old = take(&state, &clock, "old").await.unwrap();
    old.state = 1;
    old.commit().await.unwrap();
    clock.advance(LIFE - Duration::from_secs(1));
    assert!(take(&state, &clock, "new").await.is_none(), "it is alive until its time is over");

    clock.advance(Duration::from_secs(2));
    let mut new = take(&state, &clock, "new").await.unwrap();
    assert_eq!(new.state, 1, "the state goes on");
    old.state = 2;
    assert_eq!(old.commit().await.unwrap_err().kind, FailureKind::Conflict);
    new.state = 3;
    new.commit().await.unwrap();
    assert_eq!(old.commit().await.unwrap_err().kind, FailureKind::Conflict, "not at the second try either");
    assert_eq!(old.release().await.unwrap_err().kind, FailureKind::Conflict);
    assert_eq!(stored(&state).await, Some(3));
    assert!(take(&state, &clock, "third").await.is_none(), "the old one has not freed it");
    new.release().await.unwrap();
    assert_eq!(stored(&state).await, Some(3));
}

#[tokio::test]
async fn a_commit_prolongs_the_lease() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    let mut lease = take(&state, &clock, "a").await.unwrap();
    for _ in 0..4 {
        clock.advance(LIFE - Duration::from_secs(1));
        lease.commit().await.unwrap();
        assert!(take(&state, &clock, "b").await.is_none());
    }
}

/// A client that repeats a save whose answer was lost is told of a conflict with itself.
#[tokio::test]
async fn a_conflict_with_our_own_save_does_not_lose_the_lease() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    let own = Loss::Answer(FailureKind::Conflict);
    state.lose(own);
    let mut lease = take(&state, &clock, "a").await.unwrap();
    lease.state = 7;
    state.lose(own);
    lease.commit().await.unwrap();
    lease.state = 8;
    lease.commit().await.unwrap();
    lease.state = 9;
    state.lose(own);
    lease.release().await.unwrap();
    assert_eq!(stored(&state).await, Some(9));
    assert!(take(&state, &clock, "b").await.is_some(), "it was given back");
}

/// Where the store stays silent, it is not known whether the save happened. Nothing may be lost, and nobody locked out for good.
#[tokio::test]
async fn a_save_without_an_answer_locks_nobody_out_for_good() {
    for loss in [Loss::Answer(FailureKind::Unavailable), Loss::Work] {
        let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
        let mut lease = take(&state, &clock, "a").await.unwrap();
        lease.state = 1;
        lease.commit().await.unwrap();
        lease.state = 2;
        state.lose(loss);
        let told = lease.commit().await;
        let happened = matches!(loss, Loss::Answer(_));
        assert!(told.is_ok() <= happened, "{loss:?}: {told:?}");
        assert_eq!(stored(&state).await, Some(if happened { 2 } else { 1 }), "{loss:?}");

        let _given_back_or_not = lease.release().await;
        clock.advance(LIFE + Duration::from_secs(1));
        let next = take(&state, &clock, "b").await.unwrap();
        assert_eq!(next.state, 2, "{loss:?}");
    }
}

/// Two who would save the same state are still two.
#[tokio::test]
async fn the_same_state_saved_by_another_is_not_taken_for_our_own() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    let mut old = take(&state, &clock, "old").await.unwrap();
    clock.advance(LIFE);
    let new = take(&state, &clock, "new").await.unwrap();
    assert_eq!(old.state, new.state);
    assert_eq!(old.commit().await.unwrap_err().kind, FailureKind::Conflict);
    let version = state.load(KEY).await.unwrap().unwrap().version;
    assert_eq!(version, 2, "two takings, and nothing of the old holder's");
}

/// A holder that is cut off keeps nobody waiting for longer than it would itself have lived, and commits do not change that.
#[tokio::test]
async fn a_lease_ends_with_the_invocation() {
    let (state, clock) = (UnsureState::shared(), TestClock::alone(START));
    let taken = |name: &'static str, deadline| {
        let (state, clock) = (&state, &clock);
        async move {
            let life = Life::within(LIFE, Some(deadline));
            lease::take::<u64>(&**state, &**clock, KEY, name, life).await.unwrap()
        }
    };
    let deadline = clock.now() + Duration::from_secs(40);
    let mut cut_off = taken("cut off", deadline).await.unwrap();
    clock.advance(Duration::from_secs(39));
    cut_off.commit().await.unwrap();
    clock.advance(lease::GRACE);
    assert!(taken("next", deadline).await.is_none(), "it may still be saving its place");
    clock.advance(Duration::from_secs(12));
    let next = taken("next", clock.now() + LIFE * 100).await.unwrap();
    assert!(next.taken_over, "what the other had read may still come");
    assert_eq!(
        cut_off.commit().await.unwrap_err().kind,
        FailureKind::Conflict,
        "it sleeps no longer, and moves nothing"
    );

    clock.advance(LIFE - Duration::from_secs(1));
    assert!(taken("third", deadline).await.is_none());
    clock.advance(Duration::from_secs(2));
    assert!(taken("third", deadline).await.is_some(), "never longer than without an end in sight");
}
