//! The activity streams: paging, order, lateness, and that nothing happens without a trace.

use std::collections::BTreeSet;

use serde_json::Value;
use simulator_marketo::{ChangeSet, Config, FIRST_ID, StreamConfig};

use crate::support::{Api, code, result, small};

const ALL: &str = "/rest/v1/activities.json";
const CHANGES: &str = "/rest/v1/activities/leadchanges.json";
const DELETED: &str = "/rest/v1/activities/deletedleads.json";
const BEFORE_EVERYTHING: &str = "2026-08-01T00:00:00Z";
const AT_START: &str = "2026-09-21T14:13:20Z";
const NAMES: &str =
    "firstName,lastName,email,phone,company,title,leadSource,linkedInProfileURL,sfdcLeadId,sfdcContactId,sfdcAccountId";

fn leads(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["leadId"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn the_whole_history_of_new_people_comes_once_in_spite_of_empty_and_short_pages() {
    let streams = StreamConfig { empty_page_share: 0.3, short_page_share: 0.3, ..StreamConfig::default() };
    let api = Api::start(Config { people: 2_000, streams, ..small() }).await;
    let token = api.token_since(BEFORE_EVERYTHING).await;
    let (rows, _) = api.follow(ALL, &[("activityTypeIds", "12")], token).await;
    assert_eq!(leads(&rows), (FIRST_ID..FIRST_ID + 2_000).collect::<Vec<_>>());
    let keys: BTreeSet<&str> = rows.iter().map(|row| row["marketoGUID"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 2_000);
    assert!(rows.iter().any(|row| row["id"].is_null()) && rows.iter().any(|row| row["id"].is_i64()));
    let some = [("activityTypeIds", "12"), ("leadIds", "1000003,1000001,999"), ("batchSize", "1")];
    let (rows, _) = api.follow(ALL, &some, api.token_since(BEFORE_EVERYTHING).await).await;
    assert_eq!(leads(&rows), [FIRST_ID, FIRST_ID + 2]);
    let middle = api.token_since("2026-09-09T00:00:00-08:00").await;
    let (rows, _) = api.follow(ALL, &[("activityTypeIds", "12")], middle).await;
    assert!((900..1_100).contains(&rows.len()), "{}", rows.len());
    assert!(rows.iter().all(|row| row["activityDate"].as_str().unwrap() >= "2026-09-09T08:00:00Z"));
}

#[tokio::test]
async fn every_operation_leaves_its_trace() {
    let api = Api::start(Config { people: 1_000, ..small() }).await;
    let since = api.token_since(AT_START).await;
    let set = ChangeSet {
        changed: 30,
        created: 5,
        deleted: 6,
        merged: 8,
        owners_lost: 10,
        owners_gained: 5,
        opportunities: 12,
        partitions: 3,
        losers_reported_share: Some(0.5),
        ..ChangeSet::default()
    };
    let done = api.simulator.world().change(&set);
    let (changes, _) = api.follow(CHANGES, &[("fields", NAMES)], since.clone()).await;
    let hinted: BTreeSet<i64> = leads(&changes).into_iter().collect();
    assert!(done.changed.iter().chain(&done.created).all(|id| hinted.contains(id)));
    let of_kind = |kinds: &'static str| {
        let (api, since) = (&api, since.clone());
        async move { api.follow(ALL, &[("activityTypeIds", kinds)], since).await.0 }
    };
    let merges = of_kind("32").await;
    for (survivor, loser) in &done.merged {
        let row = merges.iter().find(|row| row["leadId"] == *survivor).unwrap();
        let ids = row["attributes"].as_array().unwrap().iter().find(|attribute| attribute["name"] == "Merge IDs");
        assert_eq!(ids.unwrap()["value"][0], *loser);
    }
    let (deleted, _) = api.follow(DELETED, &[], since.clone()).await;
    let deleted = leads(&deleted);
    assert!(done.deleted.iter().all(|id| deleted.contains(id)));
    let losers_reported = done.merged.iter().filter(|(_, loser)| deleted.contains(loser)).count();
    assert!(losers_reported < 8 && deleted.len() == 6 + losers_reported);
    let owners = leads(&of_kind("23,13").await);
    assert!(done.owners_lost.iter().chain(&done.owners_gained).all(|id| owners.contains(id)));
    let opportunities = leads(&of_kind("34,35,36").await);
    assert!(done.opportunities.iter().all(|id| opportunities.contains(id)));
    assert_eq!(of_kind("100").await.len(), 3);

    let only = api.follow(CHANGES, &[("fields", "phone")], since).await.0;
    let fields: BTreeSet<&str> = only.iter().filter_map(|row| row["fields"][0]["name"].as_str()).collect();
    assert!(fields.into_iter().all(|name| name == "phone"));
    assert_eq!(code(&api.get(CHANGES, &[("fields", "phone,nope"), ("nextPageToken", "x=")]).await), "1006");
    assert_eq!(code(&api.get(ALL, &[("activityTypeIds", "12")]).await), "1002");
    assert_eq!(code(&api.get(ALL, &[("activityTypeIds", "12"), ("nextPageToken", "x=")]).await), "1003");
}

#[tokio::test]
async fn a_late_entry_is_missed_by_following_and_found_by_an_overlap() {
    let api = Api::start(small()).await;
    let world = api.simulator.world();
    let query = [("fields", NAMES)];
    let (_, token) = api.follow(CHANGES, &query, api.token_since(AT_START).await).await;
    let late = ChangeSet { changed: 3, late_share: 1.0, late_seconds: 45, ..ChangeSet::default() };
    let changed: BTreeSet<i64> = world.change(&late).changed.into_iter().collect();
    world.advance(10);
    let (rows, token) = api.follow(CHANGES, &query, token).await;
    assert!(rows.is_empty());
    world.change(&ChangeSet { created: 1, ..ChangeSet::default() });
    let (rows, token) = api.follow(CHANGES, &query, token).await;
    assert_eq!(rows.len(), 1, "prompt entries are never missed");
    world.advance(60);
    let (rows, _) = api.follow(CHANGES, &query, token).await;
    assert!(rows.is_empty(), "the token has passed the late entries");
    let (rows, _) = api.follow(CHANGES, &query, api.token_since(AT_START).await).await;
    let found: BTreeSet<i64> = leads(&rows).into_iter().collect();
    assert!(found.is_superset(&changed));
}

#[tokio::test]
async fn late_records_change_only_when_they_become_visible() {
    let api = Api::start(small()).await;
    let world = api.simulator.world();
    let deleted = || world.truth().filter(|row| row.status == "deleted").count();
    let set = ChangeSet { deleted: 4, late_share: 1.0, late_seconds: 30, late_records: true, ..ChangeSet::default() };
    assert_eq!(world.change(&set).pending, 4);
    assert_eq!(deleted(), 0);
    world.advance(30);
    assert!(deleted() >= 3);
    let (rows, _) = api.follow(DELETED, &[], api.token_since("2026-09-21T14:13:00Z").await).await;
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["activityDate"].as_str().unwrap() <= AT_START), "true time is kept");
}

#[tokio::test]
async fn deletions_are_kept_for_two_weeks() {
    let mut api = Api::start(small()).await;
    api.simulator.world().change(&ChangeSet { deleted: 2, ..ChangeSet::default() });
    api.simulator.world().advance(15 * 86_400);
    api.token = api.fresh_token().await["access_token"].as_str().unwrap().to_owned();
    let (rows, _) = api.follow(DELETED, &[], api.token_since(BEFORE_EVERYTHING).await).await;
    assert!(rows.is_empty());
}

#[tokio::test]
async fn types_and_folders_have_their_peculiar_shapes() {
    let api = Api::start(small()).await;
    let types = result(&api.get("/rest/v1/activities/types.json", &[]).await);
    let new_lead = types.iter().find(|kind| kind["id"] == 12).unwrap();
    assert!(new_lead["primaryAttribute"].is_null());
    let folders = api.get("/rest/asset/v1/folders.json", &[("maxDepth", "1")]).await;
    let oldest = result(&folders).iter().map(|row| row["createdAt"].as_str().unwrap().to_owned()).min().unwrap();
    assert_eq!(oldest, "2026-08-27T12:13:20Z+0000");
    let beyond = api.get("/rest/asset/v1/folders.json", &[("offset", "200")]).await;
    assert_eq!(beyond["warnings"][0], "No assets found for the given search criteria.");
}
