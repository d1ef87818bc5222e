//! `sync`: a new folder, changes, late changes, kills at any moment, changed settings, ways around what a subscription lacks.

use std::fs;
use std::time::Duration;

use simulator_marketo::{ChangeSet, Config, ExportConfig};

use crate::support::{Story, people};

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
async fn a_new_folder_is_filled_and_changes_arrive() {
    let story = Story::of(Config { people: 20_000, ..Config::default() }).await;
    let run = story.sync(&[]).await;
    run.ends(0, &["initial sync: "]);
    story.assert_truth("after the initial sync");
    let figures = story.figures();
    assert_eq!(figures["verified"], true);
    assert_eq!(figures["marketo"]["calls"], story.world().stats().calls, "every answered call is counted");
    let call = |name: &str| figures["marketo"]["by_endpoint"][name].as_u64().unwrap_or(0);
    let active = figures["people"]["active"].as_u64().unwrap();
    let polls = call("GET /bulk/v1/leads/export/{exportId}/status.json");
    let calls = figures["marketo"]["calls"].as_u64().unwrap();
    assert!(calls <= 10 + polls + active.div_ceil(300), "{figures}");
    let first_line = fs::read_to_string(story.path().join("dump")).unwrap().lines().next().unwrap().to_owned();
    let keys = [
        "marketoId",
        "status",
        "firstName",
        "lastName",
        "email",
        "phone",
        "company",
        "title",
        "source",
        "linkedInUrl",
        "sfdcLeadId",
        "sfdcContactId",
        "sfdcAccountId",
        "sfdcOpportunityId",
        "mergedInto",
    ];
    let places: Vec<usize> = keys.iter().map(|key| first_line.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{first_line}");

    story.world().settle();
    story.world().change(&a_busy_day());
    let figures = story.sync_to_truth("after the changes").await;
    assert!(figures["marketo"]["calls"].as_u64().unwrap() <= 25, "{figures}");
    let figures = story.sync_to_truth("after nothing more").await;
    assert_eq!(figures["writes"]["put"], 0, "{figures}");
}

#[tokio::test]
async fn late_changes_arrive_once_they_can_be_seen() {
    let story = Story::of(people(3_000)).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().settle();
    story.world().change(&ChangeSet { late_share: 0.5, late_seconds: 45, changed: 300, ..a_busy_day() });
    story.sync(&[]).await.ends(0, &[]);
    story.world().advance(60);
    story.sync_to_truth("after the overlap").await;
    assert_eq!(story.sync_to_truth("after nothing more").await["writes"]["put"], 0);
}

#[tokio::test]
async fn killed_at_any_moment_it_ends_right() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let story = Story::of(people(5_000)).await;
    for _ in 0..5 {
        kill_a_sync(&story, chance.u64(50..4_000)).await;
    }
    story.sync_to_truth("after five kills of the initial sync").await;
    for round in 0..5 {
        story.world().settle();
        story.world().change(&ChangeSet { changed: 300, created: 30, ..a_busy_day() });
        kill_a_sync(&story, chance.u64(50..1_500)).await;
        story.sync_to_truth(&format!("after kill {round} of a pull")).await;
    }
}

/// Kills with SIGKILL after some milliseconds, if the run has not ended before.
async fn kill_a_sync(story: &Story, milliseconds: u64) {
    let state = story.state();
    let mut child = story.command(&["sync", "--state", state.to_str().unwrap()]).spawn().unwrap();
    if tokio::time::timeout(Duration::from_millis(milliseconds), child.wait()).await.is_err() {
        child.kill().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_sync_over_what_is_stored_keeps_it() {
    let story = Story::of(people(2_000)).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().settle();
    story.world().change(&ChangeSet { changed: 100, created: 20, ..a_busy_day() });
    story.sync_to_truth("after the changes").await;
    story.world().settle();
    story.sync(&["--full"]).await.ends(0, &[]);
    story.assert_truth("after a full sync");
    assert_eq!(story.figures()["writes"]["put"], 0, "an unchanged table is not written again");
}

#[tokio::test]
async fn wider_settings_bring_the_newly_qualified_in() {
    let story = Story::of(people(3_000)).await;
    let before = story.sync_to_truth("after the initial sync").await;
    story.on_state(&["settings", "set", "people.includeQueueOwners", "on"]).await.ends(0, &[]);
    story.on_state(&["settings", "set", "people.extraFields", "leadScore"]).await.ends(0, &[]);
    story.sync(&[]).await.ends(0, &[]);
    let after = story.figures();
    let active = |figures: &serde_json::Value| figures["people"]["active"].as_u64().unwrap();
    assert!(active(&after) > active(&before), "{before} {after}");
    assert!(story.dump().values().any(|row| row["extra"]["leadScore"].is_string()));
    story.on_state(&["verify"]).await.ends(0, &["no drift"]);
    story.on_state(&["settings", "set", "people.includeQueueOwners", "off"]).await.ends(0, &[]);
    story.sync(&[]).await.ends(0, &[]);
    assert_eq!(active(&story.figures()), active(&before), "narrower settings take them out again");
}

#[tokio::test]
async fn what_a_subscription_lacks_is_gone_around() {
    for (name, export, list, note) in [
        ("no bulk rights", ExportConfig { enabled: false, ..ExportConfig::default() }, "", "300 a call"),
        ("no smart lists", ExportConfig { smart_lists: false, ..ExportConfig::default() }, "1001", "creation date"),
        ("a smart list by id", ExportConfig::default(), "1001", ""),
        ("a smart list by name", ExportConfig::default(), "People with owner", ""),
    ] {
        let story = Story::of(Config { export, ..people(1_000) }).await;
        story.on_state(&["settings", "set", "people.smartList", list]).await.ends(0, &[]);
        let run = story.sync(&[]).await;
        run.ends(0, &[]);
        story.assert_truth(name);
        story.on_state(&["status"]).await.ends(0, &["initial sync", note]);
    }
}

#[tokio::test]
async fn refused_opportunity_roles_are_said_once_and_the_sync_ends_well() {
    let story = Story::of(Config { roles: false, ..people(2_000) }).await;
    let figures = story.sync_to_truth("without roles").await;
    let asked = figures["marketo"]["by_endpoint"]["GET /rest/v1/opportunities/roles.json"].as_u64().unwrap();
    assert!(asked <= 6, "asked {asked} times although it is refused");
    story.on_state(&["status"]).await.ends(0, &["no opportunity"]);
}
