//! Tokens: life, replay, one request for all, wrong credentials.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::MarketoPeople;
use domain::{Failure, FailureKind};
use futures_util::future::join_all;
use marketo::Credentials;
use secrecy::SecretString;
use serde_json::json;

use crate::support::{IDENTITY, Reply, SECRET, World, assert_harmless};

const DESCRIBE: &str = "GET /rest/v1/leads/describe.json";

fn fields() -> Reply {
    Reply::json(json!({"success": true, "result": [{"id": 1, "rest": {"name": "email"}}]}))
}

fn token(text: &str, life: u32) -> Reply {
    Reply::json(json!({"access_token": text, "token_type": "bearer", "expires_in": life}))
}

async fn used_tokens(world: &World) -> Vec<String> {
    world.seen(DESCRIBE).iter().map(|seen| seen.header("authorization").to_owned()).collect()
}

async fn ask(world: &World) -> Result<(), Failure> {
    world.client.lead_fields().await.map(drop)
}

#[tokio::test]
async fn the_token_travels_in_the_header_alone() {
    let world = World::new().await;
    world.script(DESCRIBE, [fields()]);
    ask(&world).await.unwrap();
    let seen = &world.seen(DESCRIBE)[0];
    assert_eq!((seen.header("authorization"), seen.query.as_str()), ("Bearer token-1", ""));
    assert_eq!(seen.header("accept-encoding"), "gzip");
    let identity = &world.seen(IDENTITY)[0].query;
    assert_eq!(*identity, format!("grant_type=client_credentials&client_id=client-id&client_secret={SECRET}"));
    assert!(!format!("{:?}", world.client).contains(SECRET));
}

#[tokio::test]
async fn many_tasks_fetch_one_token() {
    let world = World::new().await;
    world.script(DESCRIBE, [fields()]);
    for answer in join_all((0..20).map(|_| ask(&world))).await {
        answer.unwrap();
    }
    assert_eq!((world.seen(IDENTITY).len(), world.seen(DESCRIBE).len()), (1, 20));
    assert_eq!(world.client.stats().calls, 20, "identity is not counted");
}

#[tokio::test]
async fn a_token_is_left_before_it_dies() {
    let world = World::new().await;
    world.script(DESCRIBE, [fields()]).script(IDENTITY, [token("a", 100), token("b", 3600)]);
    for (advance, wanted) in [(0, "Bearer a"), (84, "Bearer a"), (2, "Bearer b"), (3000, "Bearer b")] {
        world.clock.advance(Duration::from_secs(advance));
        ask(&world).await.unwrap();
        assert_eq!(used_tokens(&world).await.last().unwrap(), wanted);
    }
    assert_eq!(world.seen(IDENTITY).len(), 2);
}

#[tokio::test]
async fn a_late_comer_gets_a_token_with_seconds_left() {
    let world = World::new().await;
    world.script(DESCRIBE, [fields()]).script(IDENTITY, [token("old", 10), token("old", 4), token("new", 3600)]);
    for advance in [0, 6, 4] {
        world.clock.advance(Duration::from_secs(advance));
        ask(&world).await.unwrap();
    }
    assert_eq!(used_tokens(&world).await, ["Bearer old", "Bearer old", "Bearer new"]);
}

#[tokio::test]
async fn a_dead_token_is_replaced_and_the_request_replayed() {
    let world = World::new().await;
    world.script(DESCRIBE, [Reply::error("602", "Access token expired"), Reply::error("601", "invalid"), fields()]);
    ask(&world).await.unwrap();
    assert_eq!(used_tokens(&world).await, ["Bearer token-1", "Bearer token-2", "Bearer token-3"]);
    assert!(world.pauses().is_empty());
}

#[tokio::test]
async fn replays_are_bounded() {
    let world = World::new().await;
    world.script(DESCRIBE, [Reply::error("601", "Access token invalid")]);
    let failure = ask(&world).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Unavailable, Some("601")));
    assert_eq!((world.seen(IDENTITY).len(), world.seen(DESCRIBE).len()), (3, 3));
}

#[tokio::test]
async fn tasks_that_meet_the_same_dead_token_fetch_one_new_one() {
    let world = World::new().await;
    let dead = (0..5).map(|_| Reply::error("602", ""));
    world.script(DESCRIBE, dead.chain([fields()]));
    for answer in join_all((0..5).map(|_| ask(&world))).await {
        answer.unwrap();
    }
    assert_eq!(world.seen(IDENTITY).len(), 2);
}

#[tokio::test]
async fn wrong_credentials_are_said_at_once() {
    for (status, body) in [
        (401, json!({"error": "unauthorized", "error_description": format!("No client with {SECRET}")})),
        (400, json!({"error": "invalid_client"})),
        (200, json!({"error": "invalid_client", "error_description": "Bad client credentials"})),
    ] {
        let world = World::new().await;
        world.script(IDENTITY, [Reply::text(status, body.to_string())]);
        for answer in join_all((0..5).map(|_| ask(&world))).await {
            let failure = answer.unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadCredentials);
            for word in ["MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET", "LaunchPoint"] {
                assert!(failure.message.contains(word), "{failure}");
            }
            assert_harmless(&failure);
        }
        assert!(world.seen(DESCRIBE).is_empty());
        assert_eq!(world.seen(IDENTITY).len(), 1, "those who waited are told the same");
    }
}

#[tokio::test]
async fn identity_is_asked_again_when_it_stumbles() {
    let stumbles = [
        Reply::text(503, ""),
        Reply::text(200, ""),
        Reply::text(200, "{").broken(),
        Reply::json(json!({"token_type": "bearer"})),
        token("a", 3600),
    ];
    let world = World::new().await;
    world.script(DESCRIBE, [fields()]).script(IDENTITY, stumbles);
    ask(&world).await.unwrap();
    assert_eq!((world.seen(IDENTITY).len(), *world.budget.taken.lock().unwrap()), (5, 1));

    let world = World::new().await;
    world.script(IDENTITY, [Reply::text(503, "")]);
    let failure = ask(&world).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(world.seen(IDENTITY).len(), 5);
}

#[tokio::test]
async fn no_identity_service_there() {
    let world = World::new().await;
    world.script(IDENTITY, [Reply::text(404, "<html>")]);
    let failure = ask(&world).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadSetting);
    assert!(failure.message.contains("MARKETO_BASE_URL"), "{failure}");
}

/// Credentials that somebody changes.
#[derive(Debug, Default)]
struct Kept {
    now: Mutex<String>,
    asked: AtomicU32,
}

#[async_trait]
impl Credentials for Kept {
    async fn get(&self) -> Result<(String, SecretString), Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.now.lock().unwrap().as_str() {
            "" => Err(Failure::new(FailureKind::BadCredentials, "the place is empty")),
            id => Ok((id.to_owned(), SECRET.into())),
        }
    }

    fn place(&self) -> String {
        "the place".to_owned()
    }
}

fn ids(world: &World) -> Vec<String> {
    let id = |query: &str| query.split('&').find_map(|pair| pair.strip_prefix("client_id=")).unwrap().to_owned();
    world.seen(IDENTITY).iter().map(|seen| id(&seen.query)).collect()
}

#[tokio::test]
async fn credentials_are_read_for_each_token_and_may_change() {
    let kept = Arc::new(Kept::default());
    *kept.now.lock().unwrap() = "first".to_owned();
    let world = World::with_credentials(kept.clone()).await;
    world.script(DESCRIBE, [fields(), fields(), Reply::error("601", "invalid"), fields()]);
    ask(&world).await.unwrap();
    ask(&world).await.unwrap();
    assert_eq!(kept.asked.load(Ordering::Relaxed), 1, "a token lives for an hour");
    *kept.now.lock().unwrap() = "second".to_owned();
    ask(&world).await.unwrap();
    assert_eq!(ids(&world), ["first", "second"], "a refused token is replaced with what is kept by then");
}

#[tokio::test]
async fn a_refusal_of_the_credentials_stands_for_half_a_minute() {
    let kept = Arc::new(Kept::default());
    let world = World::with_credentials(kept.clone()).await;
    world.script(DESCRIBE, [fields()]);
    for _ in 0..10 {
        assert_eq!(ask(&world).await.unwrap_err().kind, FailureKind::BadCredentials);
    }
    assert_eq!((kept.asked.load(Ordering::Relaxed), world.seen(IDENTITY).len()), (1, 0));
    *kept.now.lock().unwrap() = "wrong".to_owned();
    world.script(IDENTITY, [Reply::text(401, r#"{"error":"invalid_client"}"#), token("a", 3600)]);
    world.clock.advance(Duration::from_secs(31));
    for _ in 0..10 {
        let failure = ask(&world).await.unwrap_err();
        assert!(failure.message.contains("the place"), "{failure}");
    }
    assert_eq!((kept.asked.load(Ordering::Relaxed), world.seen(IDENTITY).len()), (2, 1));
    world.clock.advance(Duration::from_secs(31));
    ask(&world).await.unwrap();
}
