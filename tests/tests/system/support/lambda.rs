//! Lambda as a function sees it: the Runtime API over HTTP. One emulator serves one function instance.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use domain::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex as Turn, mpsc, oneshot};

use super::embedded::listen;
use system_tests::lock;

/// What an invocation ended with: its response, or the error it reported.
pub type Outcome = Result<Value, Value>;

struct Invocation {
    request_id: String,
    event: String,
    /// The time it is told to have.
    time: Duration,
}

struct Shared {
    next: Turn<mpsc::UnboundedReceiver<Invocation>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

/// The emulator.
pub struct LambdaApi {
    /// Host and port, as `AWS_LAMBDA_RUNTIME_API` wants them.
    pub address: String,
    invocations: mpsc::UnboundedSender<Invocation>,
    shared: Arc<Shared>,
}

impl LambdaApi {
    pub async fn start() -> Self {
        let (invocations, next) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { next: Turn::new(next), waiting: Mutex::default() });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .layer(DefaultBodyLimit::max(6 << 20))
            .with_state(shared.clone());
        let (listener, endpoint) = listen().await;
        tokio::spawn(async move { axum::serve(listener, app).await });
        let address = endpoint.trim_start_matches("http://").to_owned();
        Self { address, invocations, shared }
    }

    /// Invokes the function; `None` when it ends or stays silent for too long.
    pub async fn invoke(&self, event: &Value, time: Duration, longest: Duration) -> Option<Outcome> {
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012x}", Timestamp::now().as_microsecond());
        let (sender, outcome) = oneshot::channel();
        lock(&self.shared.waiting).insert(request_id.clone(), sender);
        self.invocations.send(Invocation { request_id, event: event.to_string(), time }).ok()?;
        tokio::time::timeout(longest, outcome).await.ok()?.ok()
    }
}

async fn next_invocation(State(shared): State<Arc<Shared>>) -> (StatusCode, HeaderMap, String) {
    let invocation = shared.next.lock().await.recv().await;
    let Some(Invocation { request_id, event, time }) = invocation else {
        return (StatusCode::GONE, HeaderMap::new(), String::new());
    };
    let deadline = (Timestamp::now() + time).as_millisecond();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:actions-sync".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
    }
    (StatusCode::OK, headers, event)
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Ok(serde_json::from_str(&body).unwrap()))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Err(serde_json::from_str(&body).unwrap()))
}

fn settle(shared: &Shared, id: &str, outcome: Outcome) -> StatusCode {
    match lock(&shared.waiting).remove(id).map(|sender| sender.send(outcome)) {
        Some(_) => StatusCode::ACCEPTED,
        None => StatusCode::NOT_FOUND,
    }
}
