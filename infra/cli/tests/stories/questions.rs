//! `status`, `verify`, `explain`: what an admin asks, and whether the answers are true.

use serde_json::Value;
use simulator_marketo::{ChangeSet, FIRST_ID};

use crate::support::{Story, quick};

const PEOPLE: u64 = 2_000;

#[tokio::test]
async fn verify_sees_drift_and_its_end() {
    let story = Story::of(quick("verify", PEOPLE)).await;
    story.sync_to_truth("after the initial sync").await;
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
    let set = ChangeSet { changed: 60, created: 40, deleted: 10, owners_lost: 5, ..ChangeSet::default() };
    let before = active_ids(&story);
    story.world().change(&set);
    let now: Vec<i64> = story.world().truth().filter(|row| row.status == "active").map(|row| row.marketo_id).collect();
    let missing = now.iter().filter(|id| !before.contains(id)).count();
    let extra = before.iter().filter(|id| !now.contains(id)).count();
    let json = story.path("found");
    let run = story.on_state(&["verify", "--json", json.to_str().unwrap()]).await;
    run.ends(1, &[&format!("missing: {missing}"), &format!("extra: {extra}"), "different: ", "--full"]);
    let found = story.json("found");
    assert_eq!(found["missing"]["count"], missing, "{found}");
    assert_eq!(found["extra"]["count"], extra, "{found}");
    assert!(found["different"]["count"].as_u64().unwrap() > 0, "{found}");
    assert_eq!(found["qualifying"], now.len(), "{found}");
    assert_eq!(found["activeRows"], before.len(), "{found}");
    story.sync_to_truth("after a sync").await;
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
}

fn active_ids(story: &Story) -> Vec<i64> {
    story.dump().into_iter().filter(|(_, row)| row["status"] == "active").map(|(id, _)| id).collect()
}

#[tokio::test]
async fn status_tells_where_each_flow_is() {
    let story = Story::of(quick("status", 500)).await;
    story.on_state(&["status"]).await.ends(2, &["sync --state"]);
    story.set("people.overlapMinutes", "15").await;
    story.on_state(&["status"]).await.ends(0, &["initial sync", "NotStarted", "incremental pull", "never"]);
    story.sync_to_truth("after the initial sync").await;
    let json = story.path("status");
    story.on_state(&["status", "--json", json.to_str().unwrap()]).await.ends(0, &["Done", "Running"]);
    let status = story.json("status");
    for flow in ["initialSync", "incrementalPull"] {
        assert!(status[flow]["lastSuccess"].is_string(), "{status}");
        assert_eq!(status[flow].get("problem"), Some(&Value::Null), "{status}");
    }
    assert_eq!(status["initialSync"]["state"], "done", "{status}");
    assert_eq!(status["incrementalPull"]["state"], "running", "{status}");
    assert!(status["incrementalPull"]["cursorLagSeconds"].as_i64().unwrap() < 600, "{status}");
    assert!(status["incrementalPull"]["writes"]["put"].is_u64(), "{status}");
}

#[tokio::test]
async fn explain_says_why() {
    let story = Story::of(quick("explain", PEOPLE)).await;
    story.sync_to_truth("after the initial sync").await;
    let set = ChangeSet { deleted: 20, merged: 10, owners_lost: 10, ..ChangeSet::default() };
    story.world().change(&set);
    story.sync_to_truth("after the changes").await;
    let rows = story.dump();
    let of = |status: &str| rows.values().find(|row| row["status"] == status).unwrap();
    let merged = format!("merged into {}", of("merged")["mergedInto"]);
    let last = FIRST_ID + i64::try_from(PEOPLE).unwrap();
    let never = (FIRST_ID..last).find(|id| !rows.contains_key(id)).unwrap().to_string();
    for (id, says) in [
        (of("active")["marketoId"].to_string(), vec![": synced", "qualifies"]),
        (of("unqualified")["marketoId"].to_string(), vec!["not synced", "unqualified", "does not qualify, because"]),
        (of("deleted")["marketoId"].to_string(), vec!["not synced", "deleted", "not there"]),
        (of("merged")["marketoId"].to_string(), vec!["not synced", &merged]),
        (never, vec!["not synced", "no row", "does not qualify, because"]),
        ("999999999".to_owned(), vec!["not synced", "no row", "not there"]),
    ] {
        story.on_state(&["explain", &id]).await.ends(0, &says).ends(0, &[&id]);
    }
    story.on_state(&["explain", "nobody"]).await.ends(2, &["Marketo id or by email"]);
    story.on_state(&["explain", "nobody@nowhere.example"]).await.ends(0, &["nobody with that email"]);
}
