//! Pulls that fail half-way, with positions that Marketo refuses, and after an outage longer than Marketo's memory.

use domain::initial_sync;
use domain::people::Status;
use domain::ports::PeopleTable;
use domain::pull::{self, Overlap};
use domain::{FailureKind, people::MarketoId};
use serde_json::json;
use simulator_marketo::ChangeSet;

use crate::support::memory::SmallWorld;
use crate::support::unsure::Loss;

const PEOPLE: u64 = 600;
const DAY: u64 = 24 * 60 * 60;
const TOKENS: &str = "GET /rest/v1/activities/pagingtoken.json";

fn some_of_everything() -> ChangeSet {
    ChangeSet {
        changed: 40,
        created: 10,
        deleted: 10,
        merged: 5,
        owners_lost: 5,
        owners_gained: 5,
        opportunities: 5,
        ..ChangeSet::default()
    }
}

#[tokio::test]
async fn the_cursor_stays_where_it_is_when_a_write_fails() {
    for loss in [Loss::Work, Loss::Answer(FailureKind::Unavailable)] {
        let small = SmallWorld::settled(PEOPLE).await;
        let before = small.pull_state().await;
        small.world.change(&some_of_everything());
        small.pass(60);
        small.people.lose(loss);
        let failure = small.pull_once(Overlap::No).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        let after = small.pull_state().await;
        assert_eq!((&after.cursor, after.caught_up_at), (&before.cursor, before.caught_up_at), "{loss:?}");
        assert!(after.problem.is_some(), "{loss:?}");

        // Without the overlap: what makes it good is the cursor alone.
        small.pass(60);
        let pulled = small.pull_once(Overlap::No).await.unwrap();
        assert!(pulled.caught_up && !pulled.held, "{loss:?}: {pulled:?}");
        assert_eq!(small.pull_state().await.problem, None);
        small.assert_in_step().await;
    }
}

/// Makes a stored position one that Marketo does not know.
async fn spoil(small: &SmallWorld, stream: usize) {
    let document = small.changes.state.load(pull::KEY).await.unwrap().unwrap();
    let mut value = document.value;
    let position = &mut value["state"]["cursor"][stream];
    assert!(position.is_string(), "{stream}");
    *position = json!("nonsense");
    small.changes.state.save(pull::KEY, &value, Some(document.version)).await.unwrap();
}

#[tokio::test]
async fn a_position_that_marketo_refuses_is_made_anew() {
    let small = SmallWorld::settled(PEOPLE).await;
    for stream in [0, 1, 2] {
        small.world.change(&some_of_everything());
        small.pass(60);
        spoil(&small, stream).await;
        small.world.reset_stats();
        let pulled = small.pull_once(Overlap::No).await.unwrap();
        assert!(pulled.caught_up, "{stream}: {pulled:?}");
        let stats = small.world.stats();
        assert_eq!(stats.rejected.get("1003"), Some(&1), "{stream}: {stats:?}");
        assert_eq!(stats.by_endpoint.get(TOKENS), Some(&1), "{stream}: {stats:?}");
        small.assert_in_step().await;
        small.world.settle();
    }
}

#[tokio::test]
async fn after_an_outage_longer_than_marketos_memory_a_full_run_finds_who_was_deleted() {
    let small = SmallWorld::settled(PEOPLE).await;
    let changed = small.world.change(&some_of_everything());
    let merged = changed.merged.iter().map(|(_, loser)| *loser);
    small.pass(15 * DAY);
    small.pull_all(Overlap::WhenDue).await;

    let deleted: Vec<MarketoId> = changed.deleted.iter().copied().map(MarketoId).collect();
    let rows = small.people.get(&deleted).await.unwrap();
    assert!(rows.iter().any(|row| row.status == Status::Active), "the log tells of their deletion still: {rows:?}");
    assert!(initial_sync::is_wanted(&small.initial).await.unwrap());

    small.run_to_the_end().await;
    assert!(!initial_sync::is_wanted(&small.initial).await.unwrap());
    small.assert_in_step().await;
    let rows = small.people.get(&deleted).await.unwrap();
    assert!(rows.iter().all(|row| row.status == Status::Deleted), "{rows:?}");
    let losers: Vec<MarketoId> = merged.map(MarketoId).collect();
    let rows = small.people.get(&losers).await.unwrap();
    assert!(rows.iter().all(|row| row.status == Status::Merged && row.merged_into.is_some()), "{rows:?}");
    assert!(!rows.is_empty());

    // In step again: the next pull asks for nothing more.
    small.pass(60);
    small.pull_all(Overlap::WhenDue).await;
    assert!(!initial_sync::is_wanted(&small.initial).await.unwrap());
    small.assert_in_step().await;
}

#[tokio::test]
async fn an_outage_that_marketo_remembers_needs_no_new_run() {
    let small = SmallWorld::settled(PEOPLE).await;
    small.world.change(&some_of_everything());
    small.pass(12 * DAY);
    small.pull_all(Overlap::WhenDue).await;
    assert!(!initial_sync::is_wanted(&small.initial).await.unwrap());
    small.assert_in_step().await;
}

/// Longest position that Marketo was seen to give out.
const LONG_POSITION: &str = "WQV2VQVPPCKHC6AQYVK7JDSA3J62DUSJ3EXJGDPTKPEBFW3SAVUA====";

#[tokio::test]
async fn the_state_of_an_idle_pull_is_one_write_unit() {
    let small = SmallWorld::settled(PEOPLE).await;
    for _ in 0..30 {
        small.pass(60);
        small.pull_all(Overlap::WhenDue).await;
    }
    let document = small.changes.state.load(pull::KEY).await.unwrap().unwrap();
    let mut value = document.value;
    let mut positions = 0;
    let state = &mut value["state"];
    let cursors = std::iter::once(state["cursor"].take()).chain(state["behind"].take().as_array().unwrap().clone());
    let longest: Vec<_> = cursors
        .map(|mut cursor| {
            for stream in 0..3 {
                cursor[stream] = json!(LONG_POSITION);
                positions += 1;
            }
            cursor
        })
        .collect();
    state["cursors"] = json!(longest);
    assert_eq!(positions, 9);
    // Beside the document, an item has names, key, layout and version.
    let bytes = value.to_string().len() + 100;
    assert!(bytes <= 1024, "{bytes} bytes are two write units: {value}");
}
