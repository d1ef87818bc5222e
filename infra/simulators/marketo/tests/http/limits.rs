//! Tokens, limits and sizes.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator_marketo::{Config, Fault, FaultAction, Limits};

use crate::support::{Api, code, message, small};

const PARTITIONS: &str = "/rest/v1/leads/partitions.json";

#[tokio::test]
async fn a_token_is_given_again_until_it_expires_and_dies_as_602_then_601() {
    let mut api = Api::start(Config { token_life_seconds: 100, ..small() }).await;
    api.simulator.world().advance(40);
    let again = api.fresh_token().await;
    assert_eq!((again["access_token"].as_str(), again["expires_in"].as_i64()), (Some(api.token.as_str()), Some(60)));
    assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);

    api.simulator.world().advance(61);
    assert_eq!(code(&api.get(PARTITIONS, &[]).await), "602");
    assert_eq!(code(&api.get(PARTITIONS, &[]).await), "601");
    let fresh = api.fresh_token().await;
    assert_eq!(fresh["expires_in"], 100);
    api.token = fresh["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);

    let in_query = format!("{}{PARTITIONS}?access_token={}", api.base, api.token);
    let reply: Value = api.http.get(in_query).send().await.unwrap().json().await.unwrap();
    assert_eq!(reply["success"], true);
    let usage = api.get("/rest/v1/stats/usage.json", &[]).await;
    assert_eq!(usage["result"][0]["total"], 4, "refused tokens are not counted: {usage}");
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_401() {
    let api = Api::start(small()).await;
    let query = [("grant_type", "client_credentials"), ("client_id", "simulator"), ("client_secret", "wrong")];
    let reply = api.http.post(format!("{}/identity/oauth/token", api.base)).form(&query).send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::UNAUTHORIZED);
    let body: Value = reply.json().await.unwrap();
    assert_eq!(body["error"], "unauthorized");
    assert!(body["error_description"].is_string());
}

#[tokio::test]
async fn the_rate_limit_opens_again_after_its_window() {
    let limits = Limits { rate: true, calls_per_window: 3, ..Limits::none() };
    let api = Api::start(Config { limits, ..small() }).await;
    for _ in 0..3 {
        assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);
    }
    let refused = api.get(PARTITIONS, &[]).await;
    assert_eq!((code(&refused), message(&refused)), ("606", "Max rate limit '3' exceeded with in '20' secs"));
    api.simulator.world().advance(20);
    assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);
    let stats = api.simulator.world().stats();
    assert_eq!((stats.calls, stats.max_calls_in_20s, stats.rejected["606"]), (5, 4, 1));
}

#[tokio::test]
async fn the_daily_quota_opens_again_at_midnight_us_central() {
    let limits = Limits { daily: true, calls_per_day: 2, ..Limits::none() };
    let api = Api::start(Config { limits, ..small() }).await;
    for _ in 0..2 {
        assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);
    }
    assert_eq!(code(&api.get(PARTITIONS, &[]).await), "607");
    // The clock begins at 09:13:20 in Chicago.
    let to_midnight = 14 * 3_600 + 46 * 60 + 40;
    api.simulator.world().advance(to_midnight - 1);
    assert_eq!(code(&api.get(PARTITIONS, &[]).await), "602", "the token is gone by then");
    let token = api.fresh_token().await["access_token"].as_str().unwrap().to_owned();
    let api = Api { token, ..api };
    assert_eq!(code(&api.get(PARTITIONS, &[]).await), "607");
    api.simulator.world().advance(1);
    assert_eq!(api.get(PARTITIONS, &[]).await["success"], true);
}

#[tokio::test]
async fn the_eleventh_call_in_flight_is_refused() {
    let limits = Limits { concurrency: true, ..Limits::none() };
    let api = Api::start(Config { limits, ..small() }).await;
    let world = api.simulator.world();
    world.set_faults(vec![Fault::once("GET /rest/v1/lists.json", FaultAction::Hang(0)).times(None)]);
    let silent: Vec<_> = (0..10).map(|_| tokio::spawn(api.request("GET", "/rest/v1/lists.json").send())).collect();
    while world.stats().max_in_flight < 10 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = api.get(PARTITIONS, &[]).await;
    assert_eq!(code(&refused), "615");
    silent.iter().for_each(tokio::task::JoinHandle::abort);
    let mut reply = refused;
    while reply["success"] != true {
        reply = api.get(PARTITIONS, &[]).await;
    }
    assert_eq!(world.stats().max_in_flight, 11);
}

#[tokio::test]
async fn long_addresses_and_large_bodies_are_refused_and_a_post_says_it_is_a_get() {
    let api = Api::start(small()).await;
    let values = vec!["somebody.with.a.long.address@example.com"; 299].join(",");
    let query = [("filterType", "email"), ("filterValues", values.as_str())];
    let long = api.request("GET", "/rest/v1/leads.json").query(&query).send().await.unwrap();
    assert_eq!(long.status(), StatusCode::URI_TOO_LONG);
    let posted = api.request("POST", "/rest/v1/leads.json?_method=GET").form(&query).send().await.unwrap();
    let posted: Value = posted.json().await.unwrap();
    assert_eq!(posted["result"], json!([]));
    let large = api.request("POST", "/rest/v1/leads.json").body("x".repeat(1_100_000)).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let stats = api.simulator.world().stats();
    assert_eq!(stats.by_endpoint["GET /rest/v1/leads.json"], 1);
    assert_eq!((stats.rejected["414"], stats.rejected["413"]), (1, 1));
}

#[tokio::test]
async fn large_rest_answers_are_compressed_on_request_and_every_answer_is_dated_by_the_simulator() {
    let api = Api::start(small()).await;
    let plain = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let url = format!("{}/rest/v1/leads/describe.json", api.base);
    let reply = plain.get(url).bearer_auth(&api.token).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(reply.headers()["content-encoding"], "gzip");
    assert_eq!(reply.headers()["date"], "Mon, 21 Sep 2026 14:13:20 GMT");
    assert!(reply.bytes().await.unwrap().starts_with(&[0x1f, 0x8b]));
    assert!(api.get("/rest/v1/leads/describe.json", &[]).await["result"].is_array());
}
