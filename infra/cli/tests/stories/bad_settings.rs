//! Settings that are refused, or that this subscription cannot serve; and the ways around what a subscription lacks.

use simulator_marketo::{ChangeSet, Config, ExportConfig};
use tokio::task::JoinSet;

use crate::support::{Story, quick};

#[tokio::test]
async fn a_bad_setting_names_itself_and_what_is_allowed() {
    let story = Story::of(quick("settings", 10)).await;
    for (key, value, says) in [
        ("people.colour", "red", "people.ownerFields"),
        ("people.overlapMinutes", "0", "1 to 1440"),
        ("people.includeQueueOwners", "perhaps", "on, off"),
        ("people.exportFrom", "31.01.2024", "2024-01-31"),
        ("people.ownerFields", "", "REST field names"),
    ] {
        story.on_state(&["settings", "set", key, value]).await.ends(2, &[key, says]);
        assert!(!story.state().exists(), "a refused setting makes no folder");
    }
    story.set("people.overlapMinutes", "20").await;
    story.on_state(&["settings", "set", "people.overlapMinutes", "-5"]).await.ends(2, &["1 to 1440"]);
    let run = story.on_state(&["settings", "get", "people.overlapMinutes"]).await;
    assert_eq!(run.ends(0, &[]).stdout.trim(), "20");
    story.on_state(&["settings", "get", "people.colour"]).await.ends(2, &["people.colour"]);
    story.on_state(&["settings", "get"]).await.ends(0, &["people.overlapMinutes = 20", "people.autoStart = on"]);
}

#[tokio::test]
async fn a_setting_that_marketo_cannot_serve_is_named_and_nothing_is_lost() {
    let mut stories = JoinSet::new();
    for (key, value, right) in [
        ("people.extraFields", "shoeSize", ""),
        ("people.ownerFields", "boss", "sfdcLeadOwnerId,externalSalesPersonId"),
        ("people.smartList", "No such list", ""),
        ("people.smartList", "424242", ""),
        ("people.exportFrom", "2999-01-01", ""),
    ] {
        stories.spawn(async move {
            let story = Story::of(quick(key, 500)).await;
            story.sync_to_truth("before").await;
            let kept = story.dump();
            story.set(key, value).await;
            story.world().change(&ChangeSet { changed: 50, created: 10, deleted: 10, ..ChangeSet::default() });
            let run = story.sync(&[]).await;
            assert_ne!(run.code, 0, "{key} = {value} was taken for right");
            let named = if key == "people.smartList" { key } else { value };
            run.ends(run.code, &[key]);
            assert!(run.stderr.contains(named), "{named} is not in: {}", run.stderr);
            story.on_state(&["status"]).await.ends(0, &["NeedsOperator", key]);
            assert_eq!(story.dump(), kept, "the last good dump stays");
            story.set(key, right).await;
            story.sync_to_truth(key).await;
            story.on_state(&["status"]).await.ends(0, &["Done"]);
        });
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn what_a_subscription_lacks_is_gone_around() {
    let mut stories = JoinSet::new();
    for (name, export, list, note) in [
        ("no bulk rights", ExportConfig { enabled: false, ..ExportConfig::default() }, "", "may not use bulk export"),
        ("no smart lists", ExportConfig { smart_lists: false, ..ExportConfig::default() }, "1001", "by smart list"),
        ("a smart list by id", ExportConfig::default(), "1001", "Done"),
        ("a smart list by name", ExportConfig::default(), "People with owner", "Done"),
    ] {
        stories.spawn(async move {
            let story = Story::of(Config { export, ..quick(name, 1_000) }).await;
            story.set("people.smartList", list).await;
            story.sync_to_truth(name).await;
            story.on_state(&["status"]).await.ends(0, &["initial sync", note]);
            story.world().change(&ChangeSet { changed: 50, created: 10, deleted: 10, ..ChangeSet::default() });
            story.sync_to_truth("after changes").await;
        });
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}
