//! Bad input gets a clear error that says what to do, and loses nothing.

use std::fs;

use simulator_marketo::Config;

use crate::support::{Story, people};

#[tokio::test]
async fn a_bad_environment_is_named() {
    for (changes, code, says) in [
        (vec![("MARKETO_CLIENT_SECRET", "wrong")], 2, vec!["MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET"]),
        (
            vec![("MARKETO_CLIENT_ID", ""), ("MARKETO_CLIENT_SECRET", "")],
            2,
            vec!["MARKETO_CLIENT_ID is not set", "MARKETO_CLIENT_SECRET is not set"],
        ),
        (vec![("MARKETO_BASE_URL", "http://marketo.example")], 2, vec!["MARKETO_BASE_URL", "loopback"]),
        (vec![("MARKETO_BASE_URL", "http://127.0.0.1:9")], 1, vec!["MARKETO_BASE_URL"]),
        (vec![("MARKETO_EXPORT_POLL_SECONDS", "soon")], 2, vec!["MARKETO_EXPORT_POLL_SECONDS", "whole number"]),
    ] {
        let mut story = Story::of(people(10)).await;
        for (name, value) in &changes {
            story.env(name, value);
        }
        story.sync(&[]).await.ends(code, &says);
    }
}

#[tokio::test]
async fn a_setting_that_marketo_cannot_serve_is_named_and_mended() {
    for (key, value, says) in [
        ("people.extraFields", "shoeSize", "shoeSize"),
        ("people.ownerFields", "boss", "boss"),
        ("people.smartList", "No such list", "people.smartList"),
        ("people.exportFrom", "2999-01-01", "people.exportFrom"),
    ] {
        let story = Story::of(people(500)).await;
        story.on_state(&["settings", "set", key, value]).await.ends(0, &[]);
        story.sync(&[]).await.ends(2, &[key, says]);
        let default = if key == "people.ownerFields" { "sfdcLeadOwnerId,externalSalesPersonId" } else { "" };
        story.on_state(&["settings", "set", key, default]).await.ends(0, &[]);
        story.sync_to_truth(key).await;
    }
}

#[tokio::test]
async fn a_bad_setting_names_itself_and_what_is_allowed() {
    let story = Story::of(Config { people: 10, ..Config::default() }).await;
    story
        .on_state(&["settings", "set", "people.colour", "red"])
        .await
        .ends(2, &["people.colour", "people.ownerFields"]);
    story
        .on_state(&["settings", "set", "people.overlapMinutes", "0"])
        .await
        .ends(2, &["people.overlapMinutes", "1 to 1440"]);
    assert!(!story.state().exists(), "a refused setting makes no folder");
    story.on_state(&["settings", "set", "people.overlapMinutes", "20"]).await.ends(0, &[]);
    story.on_state(&["settings", "get", "people.overlapMinutes"]).await.ends(0, &["20"]);
    story.on_state(&["settings", "get", "people.colour"]).await.ends(2, &["people.colour"]);
    story.run(&["sync", "--nonsense"]).await.ends(2, &["--nonsense"]);
}

#[tokio::test]
async fn a_folder_that_is_not_ours_is_left_alone() {
    let story = Story::of(people(100)).await;
    fs::create_dir_all(story.state()).unwrap();
    fs::write(story.state().join("letter.txt"), "dear diary").unwrap();
    story.sync(&[]).await.ends(2, &["none of actions-sync", "new or empty folder"]);
    assert_eq!(fs::read_to_string(story.state().join("letter.txt")).unwrap(), "dear diary");
    assert_eq!(fs::read_dir(story.state()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_missing_a_damaged_and_another_subscriptions_folder_are_told_apart() {
    let mut story = Story::of(people(100)).await;
    story.on_state(&["status"]).await.ends(2, &["not a state folder", "sync --state"]);
    story.sync_to_truth("first").await;
    let marker = story.state().join("actions-sync.json");
    let kept = fs::read(&marker).unwrap();
    fs::write(&marker, "{").unwrap();
    story.sync(&[]).await.ends(2, &["damaged marker"]);
    fs::write(&marker, kept).unwrap();
    let base_url = story.simulator.base_url().replace("127.0.0.1", "localhost");
    story.env("MARKETO_BASE_URL", &base_url);
    story.sync(&[]).await.ends(2, &["127.0.0.1", "localhost"]);
    let base_url = story.simulator.base_url();
    story.env("MARKETO_BASE_URL", &base_url);
    for entry in fs::read_dir(story.state()).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("sqlite") {
            fs::write(path, "this is no database, whatever its name says").unwrap();
        }
    }
    story.sync(&[]).await.ends(1, &["cannot be opened", "backup"]);
}
