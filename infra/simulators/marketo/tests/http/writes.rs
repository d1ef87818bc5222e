//! Writing: custom activities and their types, people.

use serde_json::{Value, json};
use simulator_marketo::{Config, Fault, FaultAction, StreamConfig};

use crate::support::{Api, code, result, small};

const TYPE: &str = "/rest/v1/activities/external/type";
const ADD: &str = "/rest/v1/activities/external.json";

async fn approved_type(api: &Api) -> i64 {
    let body = json!({
        "apiName": "sim_Call",
        "name": "Sales call",
        "triggerName": "Has sales call",
        "filterName": "Had sales call",
        "primaryAttribute": { "apiName": "activityId", "name": "Activity Id" },
    });
    let made = api.post(&format!("{TYPE}.json"), body).await;
    assert_eq!(made["result"][0]["status"], "draft", "{made}");
    let attributes = json!({ "attributes": [{ "apiName": "minutes", "name": "Minutes", "dataType": "integer" }] });
    let made = api.post(&format!("{TYPE}/sim_Call/attributes/create.json"), attributes).await;
    let id = made["result"][0]["id"].as_i64().unwrap();
    let early = api.post(ADD, json!({ "input": [record(1_000_001, id, "early")] })).await;
    assert_eq!(early["result"][0]["errors"][0]["code"], "1003", "not approved yet: {early}");
    let approved = api.post(&format!("{TYPE}/sim_Call/approve.json"), json!({})).await;
    assert_eq!(approved["result"][0]["status"], "approved");
    id
}

fn record(lead: i64, kind: i64, key: &str) -> Value {
    json!({
        "leadId": lead,
        "activityTypeId": kind,
        "activityDate": "2026-09-21T13:30:00Z",
        "primaryAttributeValue": key,
        "attributes": [{ "apiName": "minutes", "value": "5" }],
    })
}

#[tokio::test]
async fn custom_activities_are_added_by_record_and_read_back() {
    let api = Api::start(small()).await;
    let kind = approved_type(&api).await;
    api.simulator.world().delete(1_000_002);
    let input = json!({ "input": [
        record(1_000_001, kind, "one"),
        record(1_000_002, kind, "two"),
        record(7, kind, "three"),
        record(1_000_003, 999, "four"),
    ] });
    let rows = result(&api.post(ADD, input).await);
    let told: Vec<&str> =
        rows.iter().map(|row| row["errors"][0]["code"].as_str().or(row["status"].as_str()).unwrap()).collect();
    assert_eq!(told, ["added", "1004", "1004", "1003"]);
    let mut long = record(1_000_001, kind, "long");
    long["attributes"][0]["value"] = "x".repeat(65_600).into();
    let rows = result(&api.post(ADD, json!({ "input": [long] })).await);
    assert_eq!(rows[0]["errors"][0]["code"], "1049");

    let kinds = kind.to_string();
    let query = [("activityTypeIds", kinds.as_str()), ("leadIds", "1000001,1000002")];
    let token = api.token_since("2026-09-21T13:00:00Z").await;
    let (rows, _) = api.follow("/rest/v1/activities.json", &query, token).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["primaryAttributeValue"], "one");
    assert_eq!(rows[0]["attributes"][0], json!({ "apiName": "minutes", "name": "Minutes", "value": 5 }));
    let types = result(&api.get("/rest/v1/activities/types.json", &[]).await);
    assert!(types.iter().any(|row| row["id"] == kind && row["apiName"] == "sim_Call"));
    let in_use = api.post(&format!("{TYPE}/sim_Call/delete.json"), json!({})).await;
    assert_eq!(code(&in_use), "709");
}

#[tokio::test]
async fn a_write_may_happen_although_its_answer_is_lost() {
    let api = Api::start(small()).await;
    let kind = approved_type(&api).await;
    let lost = Fault::once("POST /rest/v1/activities/external.json", FaultAction::Drop(0)).after_work();
    api.simulator.world().set_faults(vec![lost]);
    let sent = api.request("POST", ADD).json(&json!({ "input": [record(1_000_001, kind, "one")] })).send().await;
    assert!(sent.is_err());
    let kinds = kind.to_string();
    let query = [("activityTypeIds", kinds.as_str()), ("leadIds", "1000001")];
    let token = api.token_since("2026-09-21T13:00:00Z").await;
    assert_eq!(api.follow("/rest/v1/activities.json", &query, token).await.0.len(), 1);
}

#[tokio::test]
async fn a_late_record_is_there_and_shown_only_later() {
    let streams = StreamConfig { late_custom_share: 0.5, late_custom_seconds: 45, ..small().streams };
    let api = Api::start(Config { streams, ..small() }).await;
    let kind = approved_type(&api).await;
    let input: Vec<Value> = (0..40).map(|nth| record(1_000_001, kind, &nth.to_string())).collect();
    let told = result(&api.post(ADD, json!({ "input": input })).await);
    assert!(told.iter().all(|row| row["status"] == "added" && row["marketoGUID"].is_string()));
    let kinds = kind.to_string();
    let query = [("activityTypeIds", kinds.as_str())];
    let shown =
        async || api.follow("/rest/v1/activities.json", &query, api.token_since("2026-09-21T13:00:00Z").await).await;
    let (early, after_early) = shown().await;
    assert!((8..32).contains(&early.len()), "{}", early.len());
    api.simulator.world().advance(45);
    assert_eq!(shown().await.0.len(), 40);
    assert!(api.follow("/rest/v1/activities.json", &query, after_early).await.0.is_empty(), "who follows misses it");
}

#[tokio::test]
async fn drafts_are_edited_apart_from_what_is_approved() {
    let api = Api::start(small()).await;
    let kind = approved_type(&api).await;
    api.post(ADD, json!({ "input": [record(1_000_001, kind, "one")] })).await;
    let renamed = api.post(&format!("{TYPE}/sim_Call.json"), json!({ "name": "Call" })).await;
    assert_eq!(renamed["success"], false, "names are frozen once used: {renamed}");
    let described = api.post(&format!("{TYPE}/sim_Call.json"), json!({ "description": "A call" })).await;
    assert_eq!(described["result"][0]["status"], "approved with draft");
    let kept = api.get(&format!("{TYPE}/sim_Call/describe.json"), &[]).await;
    assert!(kept["result"][0]["description"].is_null());
    assert_eq!(kept["result"][0]["primaryAttribute"]["apiName"], "activityId");
    api.post(&format!("{TYPE}/sim_Call/discardDraft.json"), json!({})).await;
    let no_draft = api.get(&format!("{TYPE}/sim_Call/describe.json"), &[("draft", "true")]).await;
    assert_eq!(code(&no_draft), "1013");
    let types = result(&api.get("/rest/v1/activities/external/types.json", &[]).await);
    assert_eq!((types.len(), types[0]["status"].as_str()), (1, Some("approved")));
}

#[tokio::test]
async fn people_are_written_deleted_and_merged_over_the_api() {
    let api = Api::start(small()).await;
    let input = json!({ "input": [
        { "email": "new.person@example.com", "lastName": "New" },
        { "email": "x@example.com", "noSuchField": 1 },
    ] });
    let rows = result(&api.post("/rest/v1/leads.json", input).await);
    assert_eq!((rows[0]["status"].as_str(), rows[1]["reasons"][0]["code"].as_str()), (Some("created"), Some("1006")));
    let id = rows[0]["id"].as_i64().unwrap();
    let update = json!({ "action": "updateOnly", "lookupField": "id", "input": [{ "id": id, "title": "Boss", "unsubscribed": true }] });
    assert_eq!(api.post("/rest/v1/leads.json", update).await["result"][0]["status"], "updated");
    let read = api.people(&[id], "title,unsubscribed,lastName,firstName").await;
    assert_eq!(
        read,
        [json!({ "id": id, "title": "Boss", "unsubscribed": true, "lastName": "New", "firstName": null })]
    );

    let merged = api.request("POST", &format!("/rest/v1/leads/{id}/merge.json?leadIds=1000001,1000002")).send().await;
    assert_eq!(merged.unwrap().json::<Value>().await.unwrap()["success"], true);
    assert!(api.people(&[1_000_001, 1_000_002], "id").await.is_empty());
    let deleted = api.post("/rest/v1/leads/delete.json", json!({ "input": [{ "id": id }, { "id": 1_000_001 }] })).await;
    assert_eq!(deleted["result"][0]["status"], "deleted");
    assert_eq!(deleted["result"][1]["reasons"][0]["code"], "1004");
}
