//! `status`, `verify`, `explain`: what an admin asks, and whether the answers are true.

use serde_json::Value;
use simulator_marketo::ChangeSet;

use crate::support::{Story, people};

#[tokio::test]
async fn verify_sees_drift_and_its_end() {
    let story = Story::of(people(2_000)).await;
    story.sync_to_truth("after the initial sync").await;
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
    story.world().settle();
    let set = ChangeSet { changed: 30, created: 20, deleted: 10, owners_lost: 5, ..ChangeSet::default() };
    story.world().change(&set);
    let json = story.path().join("verified.json");
    let run = story.on_state(&["verify", "--json", json.to_str().unwrap()]).await;
    run.ends(1, &["missing", "extra: ", "different", "--full"]);
    let found: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let extra = found["extra"]["count"].as_u64().unwrap();
    assert!((5..=15).contains(&extra), "everybody who lost the owner, and who was deleted and qualified: {found}");
    story.sync_to_truth("after a sync").await;
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
}

#[tokio::test]
async fn status_tells_where_each_flow_is() {
    let story = Story::of(people(500)).await;
    story.on_state(&["settings", "set", "people.overlapMinutes", "15"]).await.ends(0, &[]);
    story.on_state(&["status"]).await.ends(0, &["NotStarted", "never"]);
    story.sync_to_truth("after the initial sync").await;
    let json = story.path().join("status.json");
    story
        .on_state(&["status", "--json", json.to_str().unwrap()])
        .await
        .ends(0, &["initial sync", "Done", "incremental pull"]);
    let status: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(status["initialSync"]["state"], "done", "{status}");
    assert!(status["incrementalPull"]["cursorLagSeconds"].is_number(), "{status}");
}

#[tokio::test]
async fn explain_says_why() {
    let story = Story::of(people(1_000)).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().settle();
    let changed = story.world().change(&ChangeSet { deleted: 5, merged: 5, ..ChangeSet::default() });
    story.sync_to_truth("after the changes").await;
    let rows = story.dump();
    let of = |status: &str| rows.values().find(|row| row["status"] == status).unwrap();
    let active = of("active");
    story.on_state(&["explain", &active["marketoId"].to_string()]).await.ends(0, &[": synced", "qualifies"]);
    story
        .on_state(&["explain", &of("deleted")["marketoId"].to_string()])
        .await
        .ends(0, &["not synced", "deleted", "not there"]);
    let merged = of("merged");
    let into = format!("merged into {}", merged["mergedInto"]);
    story.on_state(&["explain", &merged["marketoId"].to_string()]).await.ends(0, &["not synced", &into]);
    assert!(!changed.merged.is_empty());
    let stranger = (1_000_001..1_001_001).find(|id| !rows.contains_key(id)).unwrap();
    story.on_state(&["explain", &stranger.to_string()]).await.ends(0, &["not synced", "no row", "does not qualify"]);
    let with_email = rows.values().find(|row| row["status"] == "active" && row["email"].is_string()).unwrap();
    let id = with_email["marketoId"].to_string();
    story.on_state(&["explain", with_email["email"].as_str().unwrap()]).await.ends(0, &[&id, ": synced"]);
    story.on_state(&["explain", "nobody"]).await.ends(2, &["Marketo id or by email"]);
}
