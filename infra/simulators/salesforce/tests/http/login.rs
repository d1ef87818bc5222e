//! Tokens, sessions, versions and the daily limit.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use simulator_salesforce::{Config, Limits};

use crate::support::{Api, START, credentials, refusal, small, told};

#[tokio::test]
async fn every_flow_gives_a_session_of_the_integration_user() {
    let api = Api::start(small()).await;
    let (status, granted) = api.token_for(&credentials()).await;
    assert_eq!(status, 200);
    assert_eq!(granted["instance_url"], api.base);
    assert_eq!(granted["issued_at"], (START * 1000).to_string());
    assert!(granted["id"].as_str().unwrap().ends_with(&format!("/{}", api.world.integration_user())));
    assert_eq!((&granted["token_type"], granted.get("expires_in")), (&json!("Bearer"), None));

    let url = format!("{}/services/oauth2/token", api.base);
    let basic = api.http.post(&url).basic_auth("simulator", Some("simulator-secret"));
    assert_eq!(told(basic.form(&[("grant_type", "client_credentials")]).send().await.unwrap()).await.0, 200);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "simulator"),
        ("client_secret", "simulator-secret"),
        ("refresh_token", "simulator-refresh-token"),
    ];
    assert_eq!(api.token_for(&refresh).await.0, 200);
    let identity = api.http.get(granted["id"].as_str().unwrap()).bearer_auth(&api.token);
    assert_eq!(told(identity.send().await.unwrap()).await.1["user_id"], api.world.integration_user());
}

#[tokio::test]
async fn wrong_credentials_are_told_apart() {
    let api = Api::start(small()).await;
    for (grant, id, secret, expected) in [
        ("client_credentials", "nobody", "simulator-secret", "invalid_client_id"),
        ("client_credentials", "simulator", "wrong", "invalid_client"),
        ("password", "simulator", "simulator-secret", "unsupported_grant_type"),
        ("refresh_token", "simulator", "simulator-secret", "invalid_grant"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "", "", "invalid_grant"),
    ] {
        let form = [("grant_type", grant), ("client_id", id), ("client_secret", secret)];
        let (status, body) = api.token_for(&form).await;
        assert_eq!((status, &body["error"]), (400, &json!(expected)), "{body}");
        assert!(body["error_description"].is_string());
    }
}

fn signed(key: &KeyPair, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn assertions_must_be_alive_for_us_and_rightly_signed() {
    let (key, other) = (KeyPair::generate(KeySize::Rsa2048).unwrap(), KeyPair::generate(KeySize::Rsa2048).unwrap());
    let der = AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()));
    let api = Api::start(Config { jwt_public_key: Some(pem), ..small() }).await;
    let claims = |exp: Value, sub: &str| json!({ "iss": "simulator", "sub": sub, "aud": "https://login.example", "exp": exp, "iat": START });
    let user = "integration@simulator.example";
    for (key, claims, expected) in [
        (&key, claims(json!(START + 180), user), 200),
        (&key, claims(json!((START + 180).to_string()), user), 200),
        (&key, claims(json!(START - 1), user), 400),
        (&key, claims(json!(START + 3_600), user), 400),
        (&key, claims(json!(START + 180), "somebody@else.example"), 400),
        (&other, claims(json!(START + 180), user), 400),
    ] {
        let assertion = signed(key, &claims);
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", &assertion)];
        let (status, body) = api.token_for(&form).await;
        assert_eq!(status, expected, "{claims}: {body}");
    }
}

#[tokio::test]
async fn sessions_end_by_time_by_calls_and_by_command() {
    let api = Api::start(Config { session_seconds: 100, session_calls: Some(3), ..small() }).await;
    for expected in [200, 200, 200, 401, 401] {
        assert_eq!(api.get("/sobjects").await.0, expected);
    }
    let mut api = api;
    api.token = api.token_for(&credentials()).await.1["access_token"].as_str().unwrap().to_owned();
    api.world.advance(101);
    assert_eq!(refusal(&api.get("/sobjects").await), (401, "INVALID_SESSION_ID"));
    api.token = api.token_for(&credentials()).await.1["access_token"].as_str().unwrap().to_owned();
    assert_eq!(api.get("/sobjects").await.0, 200);
    api.world.end_sessions();
    assert_eq!(api.get("/sobjects").await.0, 401);
    assert_eq!(api.world.stats().rejected["INVALID_SESSION_ID"], 4);
}

#[tokio::test]
async fn any_version_is_answered_and_versions_need_no_session() {
    let api = Api::start(small()).await;
    let listed = api.http.get(format!("{}/services/data/", api.base)).send().await.unwrap();
    let (status, versions) = told(listed).await;
    assert!(status == 200 && versions.as_array().unwrap().iter().any(|version| version["version"] == "66.0"));
    for (version, expected) in [("v20.0", 200), ("v99.0", 200), ("v66", 404), ("66.0", 404)] {
        let url = format!("{}/services/data/{version}/sobjects", api.base);
        let (status, body) = told(api.http.get(url).bearer_auth(&api.token).send().await.unwrap()).await;
        assert_eq!(status, expected, "{version}");
        if status == 200 {
            let url = body["sobjects"][0]["urls"]["sobject"].as_str().unwrap();
            assert!(url.starts_with(&format!("/services/data/{version}/")), "{url}");
        }
    }
}

#[tokio::test]
async fn the_day_has_so_many_calls_and_every_answer_tells_how_many_are_used() {
    let limits = Limits { calls_per_day: 3, ..Limits::default() };
    let api = Api::start(Config { limits, ..small() }).await;
    for (nth, expected) in [(1, 200), (2, 404), (3, 200)] {
        let path = if nth == 2 { "/nowhere" } else { "/sobjects" };
        let reply = api.request("GET", path).send().await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), reply.headers()["sforce-limit-info"].to_str().unwrap()),
            (expected, format!("api-usage={nth}/3").as_str())
        );
        assert_eq!(reply.headers()["date"], "Mon, 21 Sep 2026 14:13:20 GMT");
    }
    assert_eq!(refusal(&api.get("/sobjects").await), (403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(api.get("/limits").await.1["DailyApiRequests"], json!({ "Max": 3, "Remaining": 0 }));
    api.world.advance(86_400 - 60);
    assert_eq!(api.get("/sobjects").await.0, 403);
    api.world.advance(120);
    assert_eq!(api.get("/sobjects").await.0, 200);
}

#[tokio::test]
async fn long_addresses_are_refused_and_large_answers_compressed() {
    let api = Api::start(small()).await;
    let long = api.request("GET", "/query").query(&[("q", "x".repeat(17_000))]).send().await.unwrap();
    assert_eq!(long.status().as_u16(), 414);
    let plain = reqwest::Client::builder().no_proxy().no_gzip().build().unwrap();
    let url = format!("{}/services/data/v66.0/sobjects/Task/describe", api.base);
    let reply = plain.get(url).bearer_auth(&api.token).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(reply.headers()["content-encoding"], "gzip");
}
