//! What happens in Marketo after the first sync, seen at once or late.

use simulator_marketo::{ChangeSet, Config};

use crate::support::{Story, quick, seed};

/// Calls of a run that finds a busy day's changes.
const MAX_CALLS: u64 = 25;
/// Near an initial sync, people who changed in the very second in which they were read are written again when they are next read, so that a
/// worker who wakes late with older data finds newer rows.
const LATER: i64 = 60;

fn a_busy_day() -> ChangeSet {
    ChangeSet {
        changed: 1_000,
        created: 100,
        deleted: 100,
        merged: 50,
        owners_lost: 40,
        owners_gained: 40,
        ..ChangeSet::default()
    }
}

#[tokio::test]
async fn changes_arrive() {
    let story = Story::of(Config { people: 10_000, seed: seed("changes"), ..Config::default() }).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().change(&a_busy_day());
    story.world().advance(LATER);
    let figures = story.sync_to_truth("after the changes").await;
    assert!(figures["marketo"]["calls"].as_u64().unwrap() <= MAX_CALLS, "{figures}");
    for status in ["unqualified", "deleted", "merged"] {
        assert!(figures["people"][status].as_u64().unwrap() > 0, "{figures}");
    }
    let figures = story.sync_to_truth("after nothing more").await;
    assert_eq!(figures["writes"]["put"], 0, "{figures}");
}

#[tokio::test]
async fn late_changes_arrive_once_they_can_be_seen() {
    let story = Story::of(quick("late changes", 4_000)).await;
    story.sync_to_truth("after the initial sync").await;
    for late_records in [false, true] {
        let late = ChangeSet { late_share: 0.5, late_seconds: 45, late_records, changed: 400, ..a_busy_day() };
        story.world().change(&late);
        story.sync(&[]).await.ends(0, &[]);
        if !late_records {
            assert!(!story.differences().is_empty(), "half of the changes cannot be seen yet");
        }
        story.world().advance(60);
        story.sync_to_truth(&format!("after the overlap, late records: {late_records}")).await;
    }
    let figures = story.sync_to_truth("after nothing more").await;
    assert_eq!(figures["writes"]["put"], 0, "{figures}");
}

#[tokio::test]
async fn a_full_sync_keeps_what_is_deleted_and_merged() {
    let story = Story::of(quick("full", 2_000)).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().change(&ChangeSet { changed: 100, created: 20, ..a_busy_day() });
    story.world().advance(LATER);
    let before = story.sync_to_truth("after the changes").await;
    story.sync(&["--full"]).await.ends(0, &[]);
    story.is_true("after a full sync");
    let figures = story.figures();
    assert_eq!(figures["people"], before["people"]);
    assert_eq!(figures["writes"]["put"], 0, "an unchanged table is not written again: {figures}");
}
