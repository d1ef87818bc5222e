//! Bulk extract: the life of jobs, ranges and checksums, the three meanings of 1029, snapshots.

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator_marketo::{ChangeSet, Config, ExportConfig, Limits};

use crate::support::{Api, code, export_body, message, result, small};

const CREATE: &str = "/bulk/v1/leads/export/create.json";
const FIELDS: [&str; 6] = ["id", "firstName", "lastName", "company", "createdAt", "leadScore"];

fn slow() -> Config {
    Config { export: ExportConfig { seconds: 60.0, status_refresh_seconds: 60, ..ExportConfig::default() }, ..small() }
}

/// SHA-256 in Marketo's form.
fn checksum(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[tokio::test]
async fn a_job_goes_through_its_states_on_the_refresh_grid() {
    let api = Api::start(slow()).await;
    let created = api.post(CREATE, export_body(&FIELDS)).await;
    let id = created["result"][0]["exportId"].as_str().unwrap().to_owned();
    assert_eq!(api.status(&id).await["status"], "Created");
    api.post(&format!("/bulk/v1/leads/export/{id}/enqueue.json"), json!({})).await;
    assert_eq!(api.status(&id).await["status"], "Queued");
    let early = api.file(&id).send().await.unwrap();
    assert_eq!(early.status(), StatusCode::NOT_FOUND);
    assert!(early.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
    // The clock began 20 seconds after a full minute.
    api.simulator.world().advance(40);
    assert_eq!(api.status(&id).await["status"], "Processing");
    api.simulator.world().advance(59);
    assert_eq!(api.status(&id).await["status"], "Processing", "done, but not refreshed yet");
    api.simulator.world().advance(1);
    let status = api.status(&id).await;
    assert_eq!((status["status"].as_str(), status["numberOfRecords"].as_u64()), (Some("Completed"), Some(400)));
    assert_eq!(status["finishedAt"], "2026-09-21T14:14:20Z");
    let listed = result(&api.get("/bulk/v1/leads/export.json?status=Created&status=Completed", &[]).await);
    assert_eq!(listed.len(), 1);
}

#[tokio::test]
async fn ranges_put_together_are_the_whole_file() {
    let api = Api::start(Config { people: 3_000, ..small() }).await;
    let id = api.export(&FIELDS).await;
    let status = api.status(&id).await;
    let whole = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(status["fileSize"], whole.len());
    assert_eq!(status["fileChecksum"], checksum(&whole));
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let (from, to) = (pieces.len(), pieces.len() + 50_000);
        let reply = api.file(&id).header("Range", format!("bytes={from}-{to}")).send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT);
        let last = to.min(whole.len() - 1);
        assert_eq!(reply.headers()["content-range"], format!("bytes {from}-{last}/{}", whole.len()));
        pieces.extend(reply.bytes().await.unwrap());
    }
    assert_eq!(checksum(&pieces), checksum(&whole));
    let beyond = api.file(&id).header("Range", format!("bytes={}-", whole.len())).send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let stats = api.simulator.world().stats();
    assert_eq!((stats.export_bytes, stats.export_bytes_served), (whole.len() as u64, 2 * whole.len() as u64));
}

#[tokio::test]
async fn a_file_shows_the_world_as_it_was_when_the_job_began() {
    let api = Api::start(slow()).await;
    let world = api.simulator.world();
    let id = api.export(&FIELDS).await;
    world.change(&ChangeSet { changed: 100, deleted: 100, created: 50, ..ChangeSet::default() });
    world.advance(120);
    let first = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(api.status(&id).await["numberOfRecords"], 400);
    world.change(&ChangeSet { changed: 100, ..ChangeSet::default() });
    let again = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn two_jobs_run_at_a_time_and_the_eleventh_is_refused() {
    let api = Api::start(Config { limits: Limits { job_queue: true, ..Limits::none() }, ..slow() }).await;
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(api.export(&FIELDS).await);
    }
    let created = api.post(CREATE, export_body(&FIELDS)).await;
    let eleventh = created["result"][0]["exportId"].as_str().unwrap().to_owned();
    let enqueue = format!("/bulk/v1/leads/export/{eleventh}/enqueue.json");
    let refused = api.post(&enqueue, json!({})).await;
    assert_eq!((code(&refused), message(&refused)), ("1029", "Too many jobs in queue"));
    let twice = api.post(&format!("/bulk/v1/leads/export/{}/enqueue.json", ids[0]), json!({})).await;
    assert_eq!((code(&twice), message(&twice)), ("1029", "Job already queued"));
    api.simulator.world().advance(100);
    let mut running = 0;
    for id in &ids {
        running += usize::from(api.status(id).await["status"] == "Processing");
    }
    assert_eq!(running, 2);
    assert_eq!(api.post(&enqueue, json!({})).await["success"], true);
    let cancelled = api.post(&format!("/bulk/v1/leads/export/{eleventh}/cancel.json"), json!({})).await;
    assert_eq!(cancelled["result"][0]["status"], "Cancelled");
    api.simulator.world().advance(300);
    assert_eq!(api.status(&ids[9]).await["status"], "Completed");
}

#[tokio::test]
async fn the_daily_megabytes_run_out_and_come_back() {
    let limits = Limits { export_quota: true, export_megabytes_per_day: 1, ..Limits::none() };
    let mut api = Api::start(Config { people: 20_000, limits, ..small() }).await;
    let first = api.export(&FIELDS).await;
    assert!(api.status(&first).await["fileSize"].as_u64() > Some(1024 * 1024));
    let refused = api.post(CREATE, export_body(&FIELDS)).await;
    assert_eq!((code(&refused), message(&refused)), ("1029", "Export daily quota 1MB exceeded"));
    api.simulator.world().advance(86_400);
    api.token = api.fresh_token().await["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.post(CREATE, export_body(&FIELDS)).await["success"], true);
}

#[tokio::test]
async fn each_wrong_request_has_its_code() {
    let export = ExportConfig { updated_at_filter: false, smart_lists: false, ..small().export };
    let api = Api::start(Config { export, ..small() }).await;
    let create = |fields: Value, filter: Value| {
        let api = &api;
        async move { api.post(CREATE, json!({ "fields": fields, "filter": filter })).await }
    };
    let dates = json!({ "startAt": "2026-09-01T00:00:00Z", "endAt": "2026-09-21T00:00:00Z" });
    assert_eq!(code(&create(json!(["nope"]), json!({ "createdAt": dates })).await), "1003");
    assert_eq!(code(&create(json!([]), json!({ "createdAt": dates })).await), "1002");
    assert_eq!(code(&create(json!(["id"]), json!({})).await), "1003");
    assert_eq!(code(&create(json!(["id"]), json!({ "updatedAt": dates })).await), "1035");
    assert_eq!(code(&create(json!(["id"]), json!({ "smartListId": 1001 })).await), "1035");
    let long = json!({ "startAt": "2026-08-01T00:00:00Z", "endAt": "2026-09-01T00:00:01Z" });
    assert_eq!(code(&create(json!(["id"]), json!({ "createdAt": long })).await), "1003");
    let closed = Api::start(Config { export: ExportConfig { enabled: false, ..small().export }, ..small() }).await;
    assert_eq!(code(&closed.post(CREATE, export_body(&FIELDS)).await), "603");
}

#[tokio::test]
async fn date_windows_include_both_ends_and_lists_hold_those_who_have_an_owner() {
    let api = Api::start(small()).await;
    let people = api.people(&[1_000_001, 1_000_200], "createdAt").await;
    let (from, to) = (&people[0]["createdAt"], &people[1]["createdAt"]);
    let read = |filter: Value| {
        let api = &api;
        async move {
            let body = json!({ "fields": ["id"], "filter": filter, "columnHeaderNames": { "id": "Number" } });
            let id = api.post(CREATE, body).await["result"][0]["exportId"].as_str().unwrap().to_owned();
            api.post(&format!("/bulk/v1/leads/export/{id}/enqueue.json"), json!({})).await;
            let text = api.file(&id).send().await.unwrap().text().await.unwrap();
            let mut lines = text.lines().map(str::to_owned);
            assert_eq!(lines.next().as_deref(), Some("Number"));
            lines.collect::<Vec<_>>()
        }
    };
    assert_eq!(read(json!({ "createdAt": { "startAt": from, "endAt": to } })).await.len(), 200);
    let owned = read(json!({ "smartListId": 1001 })).await;
    let qualifying = api.simulator.world().truth().map(|row| row.marketo_id.to_string());
    assert!(qualifying.into_iter().all(|id| owned.contains(&id)) && owned.len() < 400);
    assert_eq!(read(json!({ "smartListName": "People with owner" })).await, owned);
    assert_eq!(read(json!({ "staticListId": 101 })).await.len(), 400);
}

#[tokio::test]
async fn activities_are_exported_with_their_attributes_as_one_object() {
    let api = Api::start(small()).await;
    api.simulator.world().change(&ChangeSet { changed: 10, deleted: 3, ..ChangeSet::default() });
    let dates = json!({ "startAt": "2026-09-21T00:00:00Z", "endAt": "2026-09-22T00:00:00Z" });
    let body = json!({ "filter": { "createdAt": dates, "activityTypeIds": [12, 13] } });
    let created = api.post("/bulk/v1/activities/export/create.json", body).await;
    let id = created["result"][0]["exportId"].as_str().unwrap();
    api.post(&format!("/bulk/v1/activities/export/{id}/enqueue.json"), json!({})).await;
    let url = format!("/bulk/v1/activities/export/{id}/file.json");
    let bytes = api.request("GET", &url).send().await.unwrap().bytes().await.unwrap();
    let mut reader = csv::Reader::from_reader(&bytes[..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let changes: Vec<_> = rows.iter().filter(|row| &row[3] == "13").collect();
    assert!(changes.len() >= 10 && rows.len() > changes.len());
    assert!(changes.iter().all(|row| serde_json::from_str::<Value>(&row[7]).unwrap()["Source"].is_string()));
    let other_client = api.get(&format!("/bulk/v1/leads/export/{id}/status.json"), &[]).await;
    assert_eq!(code(&other_client), "1003", "an activity job is not a people job");
}
