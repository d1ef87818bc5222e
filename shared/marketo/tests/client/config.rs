//! The base URL, and the route list.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use domain::FailureKind;
use domain::ports::{Clock, Marketo, MarketoPeople};
use marketo::{BaseUrl, MarketoClient, MarketoConfig, PlainCredentials, ROUTES};

use crate::support::{World, config};

#[test]
fn base_urls_that_are_taken() {
    let table = [
        ("https://123-ABC-456.mktorest.com", "https://123-abc-456.mktorest.com"),
        ("https://123-ABC-456.mktorest.com/", "https://123-abc-456.mktorest.com"),
        ("https://123-ABC-456.mktorest.com/rest", "https://123-abc-456.mktorest.com"),
        (" https://123-ABC-456.mktorest.com/rest/\n", "https://123-abc-456.mktorest.com"),
        ("https://x.example.com:8443//rest//", "https://x.example.com:8443"),
        ("https://gateway.example.com/marketo/rest", "https://gateway.example.com/marketo"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9/rest", "http://127.9.9.9"),
        ("http://[::1]:9/", "http://[::1]:9"),
        ("http://localhost:9", "http://localhost:9"),
    ];
    for (text, wanted) in table {
        assert_eq!(BaseUrl::parse(text).unwrap().to_string(), wanted);
    }
}

#[test]
fn base_urls_that_are_refused_with_the_rule() {
    let table = [
        ("", "not a URL"),
        ("123-ABC-456", "not a URL"),
        ("http://123-ABC-456.mktorest.com", "not a loopback"),
        ("http://127.0.0.1.example.com", "not a loopback"),
        ("http://0.0.0.0:80", "not a loopback"),
        ("http://localhost.example.com", "not a loopback"),
        ("ftp://localhost", "neither https:// nor http://"),
        ("https://user:pass-word@x.mktorest.com", "password"),
        ("https://x.mktorest.com?a=b", "a ? or a #"),
        ("https://x.mktorest.com/rest/v1", "more than /rest"),
        ("https://x.mktorest.com/identity", "more than /rest"),
    ];
    for (text, wanted) in table {
        let refusal = BaseUrl::parse(text).unwrap_err();
        assert!(refusal.contains("MARKETO_BASE_URL") && refusal.contains(wanted), "{text}: {refusal}");
        assert!(!refusal.contains("pass-word"));
    }
}

#[tokio::test]
async fn empty_credentials_are_refused_before_any_call() {
    let world = World::new().await;
    let nowhere = config("http://127.0.0.1:9", 1);
    let config = MarketoConfig { credentials: PlainCredentials::shared("", "secret"), ..nowhere };
    let client = MarketoClient::new(config, world.clock, Arc::new(Zero), world.budget);
    let failure = client.connect().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadSetting);
    assert!(failure.message.contains("MARKETO_CLIENT_ID"), "{failure}");
}

struct Zero;

impl domain::ports::Chance for Zero {
    fn next_u64(&self) -> u64 {
        0
    }
}

#[tokio::test]
async fn the_client_is_all_of_the_port() {
    let world = World::new().await;
    let port: Arc<dyn Marketo> = Arc::new(world.client.clone());
    assert_eq!(port.now(), world.clock.now());
}

/// Not in the vendor's route list for the database API: they have lists of their own.
const ELSEWHERE: [(&str, &str); 2] = [("GET", "/identity/oauth/token"), ("GET", "/rest/asset/v1/folders.json")];

#[test]
fn every_route_is_one_of_the_vendors() {
    let listed: BTreeSet<_> = ROUTES.iter().collect();
    assert_eq!(listed.len(), ROUTES.len(), "each route once");
    assert!(ELSEWHERE.iter().all(|route| listed.contains(route)));
    // The vendor's list is not part of this repository; where it lies beside it, it is held against ours.
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/facts/swagger-mapi.json");
    let Ok(text) = std::fs::read_to_string(list) else { return };
    let list: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (method, path) in ROUTES.iter().filter(|route| !ELSEWHERE.contains(route)) {
        assert!(list["paths"][path][method.to_lowercase()].is_object(), "{method} {path}");
    }
}
