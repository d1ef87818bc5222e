//! Every fault, as the caller meets it.

use std::time::Duration;

use serde_json::{Value, json};
use simulator_salesforce::{Fault, FaultAction};

use crate::support::{Api, KEY, refusal, small};

const UPSERT: &str = "PATCH /sobjects/{object}/{field}/{value}";

async fn with(fault: Fault) -> Api {
    let api = Api::start(small()).await;
    api.world.set_faults(vec![fault]);
    api
}

fn path() -> String {
    format!("/sobjects/Task/{KEY}/a")
}

fn tasks(api: &Api) -> usize {
    api.world.records("Task").len()
}

#[tokio::test]
async fn errors_and_statuses_strike_as_often_as_asked() {
    let busy = FaultAction::Error(503, "SERVER_UNAVAILABLE".into(), "busy".into());
    let api = with(Fault::once(UPSERT, busy).after(1).times(2)).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = api.send("PATCH", &path(), json!({})).await;
        seen.push(answer.0);
        if answer.0 == 503 {
            assert_eq!(refusal(&answer), (503, "SERVER_UNAVAILABLE"));
        }
    }
    assert_eq!(seen, [201, 503, 503, 200]);

    let only = Fault::once("GET /query*", FaultAction::Status(502)).containing("FROM Lead");
    api.world.set_faults(vec![only]);
    assert_eq!(api.query("SELECT Id FROM Task").await.0, 200);
    let page = api.request("GET", "/query").query(&[("q", "SELECT Id FROM Lead")]).send().await.unwrap();
    assert_eq!(page.status().as_u16(), 502);
    assert!(page.headers().contains_key("sforce-limit-info"));
    assert!(page.text().await.unwrap().starts_with("<html>"));
    assert_eq!(api.world.stats().faults_struck, 3);
}

#[tokio::test]
async fn a_write_may_be_done_although_its_answer_is_lost() {
    let api = with(Fault::once(UPSERT, FaultAction::Status(502)).after_work()).await;
    let lost = api.request("PATCH", &path()).json(&json!({ "Subject": "x" })).send().await.unwrap();
    assert_eq!((lost.status().as_u16(), tasks(&api)), (502, 1));
    api.world.set_faults(vec![Fault::once(UPSERT, FaultAction::Drop(0)).after_work()]);
    let other = format!("/sobjects/Task/{KEY}/b");
    assert!(api.request("PATCH", &other).json(&json!({})).send().await.is_err());
    assert_eq!(tasks(&api), 2);
    let again = api.send("PATCH", &other, json!({})).await;
    assert_eq!((again.0, &again.1["created"]), (200, &json!(false)));
    // Without it, nothing is done.
    api.world.set_faults(vec![Fault::once(UPSERT, FaultAction::Drop(0))]);
    assert!(api.request("PATCH", &format!("/sobjects/Task/{KEY}/c")).json(&json!({})).send().await.is_err());
    assert_eq!(tasks(&api), 2);
}

#[tokio::test]
async fn answers_come_never_late_empty_or_halved() {
    let api = with(Fault::once("GET /sobjects", FaultAction::Hang(0))).await;
    let silent = tokio::time::timeout(Duration::from_millis(100), api.request("GET", "/sobjects").send()).await;
    assert!(silent.is_err());
    let set = |action: FaultAction| api.world.set_faults(vec![Fault::once("GET /sobjects", action)]);
    set(FaultAction::Slow(60));
    let began = std::time::Instant::now();
    assert_eq!(api.get("/sobjects").await.0, 200);
    assert!(began.elapsed() >= Duration::from_millis(60));
    set(FaultAction::EmptyBody);
    assert_eq!(api.get("/sobjects").await, (200, Value::Null));
    set(FaultAction::BadJson);
    let half = api.request("GET", "/sobjects").send().await.unwrap().bytes().await.unwrap();
    assert!(!half.is_empty() && serde_json::from_slice::<Value>(&half).is_err());
    set(FaultAction::Drop(10));
    let cut = api.request("GET", "/sobjects").send().await.unwrap();
    assert!(cut.bytes().await.is_err());
}

#[tokio::test]
async fn sessions_end_in_the_middle_and_token_requests_fail_too() {
    let rules = json!([{ "endpoint": "*", "sessionEnds": true, "everyCalls": 2 }]);
    let api = Api::start(small()).await;
    let set = api.http.post(format!("{}/_sim/faults", api.base)).json(&rules).send().await.unwrap();
    assert_eq!(set.status().as_u16(), 200);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(api.get("/sobjects").await.0);
    }
    assert_eq!(seen, [200, 401, 401]);
    api.world.set_faults(vec![Fault::once("POST /services/oauth2/token", FaultAction::Status(500))]);
    let url = format!("{}/services/oauth2/token", api.base);
    assert_eq!(api.http.post(&url).form(&crate::support::credentials()).send().await.unwrap().status().as_u16(), 500);
    assert_eq!(api.token_for(&crate::support::credentials()).await.0, 200);
}
