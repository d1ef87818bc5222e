//! Data that comes late: batches of an old export, delivered after later changes were pulled, change nothing.
//!
//! What makes these stories fail when it is taken away is one comparison in `people/observation.rs`: `seen.as_of <= row.as_of`, by
//! which an observation that is not newer than the stored row is stale.

use std::collections::BTreeSet;

use domain::initial_sync;
use domain::people::{MarketoId, Status, WriteCounts};
use domain::pull::Overlap;
use simulator_marketo::{ChangeSet, Changed};
use system_tests::compare::all_rows;

use crate::support::memory::SmallWorld;

const PEOPLE: u64 = 1_500;

/// People who have to go, in every way there is.
fn goings() -> ChangeSet {
    ChangeSet { deleted: 40, merged: 20, owners_lost: 40, ..ChangeSet::default() }
}

fn gone(changed: &Changed) -> BTreeSet<MarketoId> {
    let losers = changed.merged.iter().map(|(_, loser)| loser);
    changed.deleted.iter().chain(losers).chain(&changed.owners_lost).copied().map(MarketoId).collect()
}

/// Hands every body that was ever queued to a worker once more, and then what came of it.
async fn deliver_all_again(small: &SmallWorld, again: bool) -> WriteCounts {
    let mut sum = WriteCounts::default();
    for body in small.batches.kept().iter().chain(&small.reads.kept()) {
        sum += small.deliver(body, again).await;
    }
    small.handle_queued().await;
    sum
}

/// A world whose batches are all stored, while the run has not yet been seen to be over.
async fn stored() -> SmallWorld {
    let small = SmallWorld::of(PEOPLE).await;
    small.run_until_queued().await;
    small.handle_queued().await;
    small.pull_all(Overlap::Always).await;
    small.assert_in_step().await;
    small.world.settle();
    small.pass(60);
    small
}

#[tokio::test]
async fn batches_of_a_run_that_is_over_are_left_out() {
    let small = SmallWorld::settled(PEOPLE).await;
    small.world.change(&goings());
    small.pass(60);
    let calls = small.world.stats().calls;
    assert_eq!(deliver_all_again(&small, true).await, WriteCounts::default());
    assert_eq!(small.world.stats().calls, calls, "and cost no calls");
}

#[tokio::test]
async fn whoever_went_does_not_come_back_with_an_old_batch() {
    let small = stored().await;
    let changed = small.world.change(&goings());
    assert!(gone(&changed).len() >= 95, "{changed:?}");
    small.pass(60);
    small.pull_all(Overlap::WhenDue).await;
    small.assert_in_step().await;

    // As redeliveries, and as messages that claim to be new to a table that was empty.
    for again in [true, false] {
        small.pass(60);
        let counts = deliver_all_again(&small, again).await;
        assert!(counts.stale >= gone(&changed).len() as u64, "{counts:?}");
        small.assert_in_step().await;
    }
}

#[tokio::test]
async fn values_of_an_old_batch_do_not_replace_newer_ones() {
    let small = stored().await;
    small.world.change(&ChangeSet { changed: 200, opportunities: 30, owners_gained: 20, ..ChangeSet::default() });
    small.pass(60);
    small.pull_all(Overlap::WhenDue).await;
    small.assert_in_step().await;
    let counts = deliver_all_again(&small, true).await;
    assert!(counts.stale > 0, "{counts:?}");
    small.assert_in_step().await;
}

#[tokio::test]
async fn whoever_went_before_the_batch_came_at_all_is_never_active() {
    let small = SmallWorld::of(PEOPLE).await;
    small.run_until_queued().await;
    assert!(all_rows(&*small.people).await.is_empty(), "nothing is stored yet");
    small.pass(60);
    let gone = gone(&small.world.change(&goings()));
    small.pass(60);
    small.pull_all(Overlap::WhenDue).await;
    assert!(initial_sync::is_running(&small.initial).await.unwrap());
    let shadows = all_rows(&*small.people).await.iter().filter(|row| row.shadow && gone.contains(&row.id)).count();
    assert_eq!(shadows, gone.len(), "each of them is remembered while older data may follow");

    small.handle_queued().await;
    small.run_to_the_end().await;
    let rows = all_rows(&*small.people).await;
    let back: Vec<MarketoId> =
        rows.iter().filter(|row| row.status == Status::Active && gone.contains(&row.id)).map(|row| row.id).collect();
    assert_eq!(back, [], "{} rows", rows.len());
    small.pull_all(Overlap::Always).await;
    small.assert_in_step().await;
}
