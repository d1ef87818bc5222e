//! Every fault, as the caller meets it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator_marketo::{Fault, FaultAction};

use crate::support::{Api, code, result, small};

const LISTS: &str = "/rest/v1/lists.json";
const ON_LISTS: &str = "GET /rest/v1/lists.json";
const ON_FILE: &str = "GET /bulk/v1/leads/export/{exportId}/file.json";
const ON_STATUS: &str = "GET /bulk/v1/leads/export/{exportId}/status.json";

async fn with(fault: Fault) -> Api {
    let api = Api::start(small()).await;
    api.simulator.world().set_faults(vec![fault]);
    api
}

#[tokio::test]
async fn envelopes_and_statuses_fail_as_often_as_asked() {
    let error = FaultAction::Error("611".into(), "System error".into());
    let api = with(Fault::once(ON_LISTS, error).after(1).times(2)).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(api.get(LISTS, &[]).await["success"] == true);
    }
    assert_eq!(seen, [true, false, false, true]);

    let rules = json!([{ "endpoint": "GET /rest/*", "status": 503, "retryAfter": 7 }]);
    let set = api.http.post(format!("{}/_sim/faults", api.base)).json(&rules).send().await.unwrap();
    assert_eq!(set.status(), StatusCode::OK);
    let reply = api.request("GET", LISTS).send().await.unwrap();
    assert_eq!(
        (reply.status(), &reply.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"7".parse().unwrap())
    );
    assert_eq!(api.get(LISTS, &[]).await["success"], true);
    let wrong =
        api.http.post(format!("{}/_sim/faults", api.base)).json(&json!([{ "endpoint": "*" }])).send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_silent_call_answers_never_and_is_not_counted() {
    let api = with(Fault::once(ON_LISTS, FaultAction::Hang(0))).await;
    let waited = tokio::time::timeout(Duration::from_millis(100), api.request("GET", LISTS).send()).await;
    assert!(waited.is_err());
    assert_eq!(api.get(LISTS, &[]).await["success"], true);
    assert_eq!(api.simulator.world().stats().calls, 1);
}

#[tokio::test]
async fn connections_close_before_and_within_the_body() {
    let api = with(Fault::once(ON_LISTS, FaultAction::Drop(0))).await;
    assert!(api.request("GET", LISTS).send().await.is_err());
    assert_eq!(api.get(LISTS, &[]).await["success"], true);

    let id = api.export(&["id", "email"]).await;
    let whole = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    api.simulator.world().set_faults(vec![Fault::once(ON_FILE, FaultAction::Drop(1_000))]);
    let mut broken = api.file(&id).send().await.unwrap();
    let mut got = Vec::new();
    let end = loop {
        match broken.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            other => break other,
        }
    };
    assert!(end.is_err());
    assert_eq!(got, whole[..1_000]);
    let rest = api.file(&id).header("Range", "bytes=1000-").send().await.unwrap().bytes().await.unwrap();
    assert_eq!([&got[..], &rest[..]].concat(), whole);
}

#[tokio::test]
async fn bodies_come_empty_halved_without_result_or_with_less_of_it() {
    let api = with(Fault::once(ON_LISTS, FaultAction::EmptyBody)).await;
    let world = api.simulator.world();
    let empty = api.request("GET", LISTS).send().await.unwrap();
    assert_eq!((empty.status(), empty.bytes().await.unwrap().len()), (StatusCode::OK, 0));
    world.set_faults(vec![Fault::once("*", FaultAction::BadJson)]);
    let half = api.request("GET", LISTS).send().await.unwrap().bytes().await.unwrap();
    assert!(!half.is_empty() && serde_json::from_slice::<Value>(&half).is_err());
    world.set_faults(vec![Fault::once("*", FaultAction::NoResult)]);
    let none = api.get(LISTS, &[]).await;
    assert!(none["success"] == true && none["result"].is_null());
    let whole = result(&api.get(LISTS, &[]).await);
    world.set_faults(vec![Fault::once("*", FaultAction::FewerResults)]);
    assert_eq!(result(&api.get(LISTS, &[]).await), whole[..whole.len() - 1]);
}

#[tokio::test]
async fn files_end_early_at_a_row_or_turn_out_to_be_an_error() {
    let api = with(Fault::once(ON_FILE, FaultAction::Truncate(0.5))).await;
    let id = api.export(&["id", "lastName"]).await;
    let short = api.file(&id).send().await.unwrap();
    let length = short.content_length().unwrap();
    let short = short.bytes().await.unwrap();
    let whole = api.file(&id).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(length, short.len() as u64);
    assert!(short.len() < whole.len() && short.ends_with(b"\n") && whole.starts_with(&short));
    assert_eq!(api.status(&id).await["fileSize"], whole.len());

    api.simulator.world().set_faults(vec![Fault::once("*", FaultAction::JsonErrorAsFile("611".into()))]);
    let instead = api.file(&id).send().await.unwrap();
    assert!(instead.headers()["content-type"].to_str().unwrap().starts_with("application/json"));
    assert_eq!(code(&instead.json().await.unwrap()), "611");
}

#[tokio::test]
async fn jobs_fail_lose_their_file_or_name_a_wrong_checksum() {
    let api = with(Fault::once(ON_STATUS, FaultAction::WrongChecksum)).await;
    let world = api.simulator.world();
    let (first, second) = (api.export(&["id"]).await, api.export(&["id"]).await);
    let wrong = api.status(&first).await["fileChecksum"].clone();
    assert_ne!(wrong, api.status(&second).await["fileChecksum"]);
    assert_eq!(wrong, api.status(&first).await["fileChecksum"]);

    world.set_faults(vec![Fault::once("*", FaultAction::CompletedButMissing)]);
    assert_eq!(api.status(&second).await["status"], "Completed");
    assert_eq!(api.file(&second).send().await.unwrap().status(), StatusCode::NOT_FOUND);

    world.set_faults(vec![Fault::once(ON_STATUS, FaultAction::JobFailed("out of luck".into()))]);
    let third = api.export(&["id"]).await;
    let failed = api.status(&third).await;
    assert_eq!((failed["status"].as_str(), failed["errorMsg"].as_str()), (Some("Failed"), Some("out of luck")));
    let fourth = api.export(&["id"]).await;
    assert_eq!(api.status(&fourth).await["status"], "Completed");
}

#[tokio::test]
async fn tokens_die_in_the_middle() {
    let mut api = with(Fault::once("*", FaultAction::TokenDies(3))).await;
    let mut codes = Vec::new();
    for _ in 0..7 {
        let reply = api.get(LISTS, &[]).await;
        let told = reply["errors"][0]["code"].as_str().unwrap_or("ok").to_owned();
        if told == "601" {
            api.token = api.fresh_token().await["access_token"].as_str().unwrap().to_owned();
        }
        codes.push(told);
    }
    assert_eq!(codes, ["ok", "ok", "602", "601", "ok", "ok", "602"]);
}

#[tokio::test]
async fn identity_can_fail_too() {
    let api = with(Fault::once("GET /identity/oauth/token", FaultAction::Status(502, None))).await;
    let reply = api.http.get(format!("{}/identity/oauth/token", api.base)).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::BAD_GATEWAY);
    assert!(api.fresh_token().await["access_token"].is_string());
}
