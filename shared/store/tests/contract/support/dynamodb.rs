//! DynamoDB, embedded; and an endpoint that answers by script, for the answers that the embedded one never gives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use dynoxide::Database;
use serde_json::Value;
use tokio::net::TcpListener;

use super::tables;

/// A client of a fresh embedded database that has the tables.
pub async fn embedded() -> Client {
    let client = empty().await;
    store::create_tables(&client, &tables()).await.unwrap();
    client
}

/// A client of a fresh embedded database without tables.
pub async fn empty() -> Client {
    let (listener, endpoint) = listen().await;
    tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
    client(&endpoint)
}

/// A client of an address where nobody listens.
pub async fn unreachable() -> Client {
    let (listener, endpoint) = listen().await;
    drop(listener);
    client(&endpoint)
}

/// An endpoint that gives one answer after the other, the last one for ever.
pub struct Script {
    answers: Mutex<VecDeque<(u16, Value)>>,
    /// Bodies of the requests so far.
    pub requests: Mutex<Vec<Value>>,
}

impl Script {
    /// Starts it; the client does not retry by itself, so that each request is one of ours.
    pub async fn start(answers: impl IntoIterator<Item = (u16, Value)>) -> (Client, Arc<Self>) {
        let script = Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), requests: Mutex::default() });
        let (listener, endpoint) = listen().await;
        let app = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (client(&endpoint), script)
    }
}

async fn answer(State(script): State<Arc<Script>>, body: String) -> (StatusCode, String) {
    script.requests.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    let mut answers = script.answers.lock().unwrap();
    let (status, body) = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap();
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

/// A free port of this machine.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}

fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}
