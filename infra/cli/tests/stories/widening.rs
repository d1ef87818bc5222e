//! Settings that widen and narrow who is synced, and what of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Story, quick};

#[tokio::test]
async fn wider_settings_bring_in_who_newly_qualifies() {
    let story = Story::of(quick("widening", 3_000)).await;
    story.sync_to_truth("after the initial sync").await;
    let before = active(&story);

    story.set("people.extraFields", "leadScore,sfdcLeadOwnerId,externalSalesPersonId").await;
    story.sync_to_truth("with further fields").await;
    let rows = story.dump();
    assert!(rows.values().all(|row| row["status"] != "active" || row["extra"]["leadScore"].is_string()));
    assert!(before.iter().all(|id| !owned_by_a_queue(&rows[id])), "somebody whose owner is a queue was synced");

    story.set("people.includeQueueOwners", "on").await;
    story.sync(&[]).await.ends(0, &[]);
    let (rows, now) = (story.dump(), active(&story));
    assert!(now.is_superset(&before) && now.len() > before.len(), "{} before, {} now", before.len(), now.len());
    assert!(now.difference(&before).all(|id| owned_by_a_queue(&rows[id])), "somebody else came in, too");
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);

    story.set("people.includeQueueOwners", "off").await;
    story.sync(&[]).await.ends(0, &[]);
    assert_eq!(active(&story), before, "narrower settings take them out again");
    story.set("people.extraFields", "").await;
    story.sync(&[]).await.ends(0, &[]);
    assert!(story.dump().values().all(|row| row["status"] != "active" || row.get("extra").is_none()));
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
}

fn active(story: &Story) -> BTreeSet<i64> {
    story.dump().into_iter().filter(|(_, row)| row["status"] == "active").map(|(id, _)| id).collect()
}

/// The first owner field that is filled decides.
fn owned_by_a_queue(row: &Value) -> bool {
    let owner = |field: &str| row["extra"][field].as_str();
    owner("sfdcLeadOwnerId").or(owner("externalSalesPersonId")).is_some_and(|id| id.starts_with("00G"))
}
