//! Settings that widen and narrow who is synced, and what of them.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Story, quick};

#[tokio::test]
async fn wider_settings_bring_in_who_newly_qualifies() {
    let story = Story::of(quick("widening", 1_500)).await;
    story.sync_to_truth("after the initial sync").await;
    let before = active(&story);

    story.set("people.extraFields", "doNotCall,sfdcLeadOwnerId,externalSalesPersonId").await;
    story.sync_to_truth("with further fields").await;
    let rows = story.dump();
    for (id, row) in rows.iter().filter(|(_, row)| row["status"] == "active") {
        let flag = row["extra"]["doNotCall"].as_str();
        assert!(matches!(flag, Some("true" | "false")), "{id} lacks a field that everybody has: {row}");
    }
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
}

fn active(story: &Story) -> BTreeSet<i64> {
    story.dump().into_iter().filter(|(_, row)| row["status"] == "active").map(|(id, _)| id).collect()
}

/// The first owner field that is filled decides.
fn owned_by_a_queue(row: &Value) -> bool {
    let owner = |field: &str| row["extra"][field].as_str();
    owner("sfdcLeadOwnerId").or(owner("externalSalesPersonId")).is_some_and(|id| id.starts_with("00G"))
}
