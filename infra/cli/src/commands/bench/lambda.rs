//! Lambda as a function sees it: the Runtime API over HTTP, for one function instance. Must not know what an event says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use domain::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as Turn, mpsc, oneshot};

/// Longest invocation, as Lambda has it.
const TIMEOUT: Duration = Duration::from_secs(15 * 60);
const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:actions-sync";

/// What an invocation ended with: its response, or the error it reported.
pub type Outcome = Result<Value, Value>;

struct Shared {
    next: Turn<mpsc::UnboundedReceiver<(String, String)>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

/// The emulator.
pub struct LambdaApi {
    /// Host and port, as `AWS_LAMBDA_RUNTIME_API` wants them.
    pub address: String,
    invocations: mpsc::UnboundedSender<(String, String)>,
    shared: Arc<Shared>,
    count: AtomicU64,
}

impl LambdaApi {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        let (invocations, next) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { next: Turn::new(next), waiting: Mutex::default() });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .layer(DefaultBodyLimit::max(6 << 20))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, invocations, shared, count: AtomicU64::new(0) })
    }

    /// Invokes the function; `None` when it does not answer in time.
    pub async fn invoke(&self, event: &Value) -> Option<Outcome> {
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012x}", self.count.fetch_add(1, Ordering::Relaxed));
        let (sender, outcome) = oneshot::channel();
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(request_id.clone(), sender);
        self.invocations.send((request_id, event.to_string())).ok()?;
        tokio::time::timeout(TIMEOUT, outcome).await.ok()?.ok()
    }
}

async fn next_invocation(State(shared): State<Arc<Shared>>) -> (StatusCode, HeaderMap, String) {
    let mut headers = HeaderMap::new();
    let Some((request_id, event)) = shared.next.lock().await.recv().await else {
        return (StatusCode::GONE, headers, String::new());
    };
    let deadline = (Timestamp::now() + TIMEOUT).as_millisecond();
    for (name, value) in [
        ("lambda-runtime-aws-request-id", request_id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", ARN.to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    (StatusCode::OK, headers, event)
}

async fn response(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Ok(serde_json::from_str(&body).unwrap_or_default()))
}

async fn error(State(shared): State<Arc<Shared>>, Path(id): Path<String>, body: String) -> StatusCode {
    settle(&shared, &id, Err(serde_json::from_str(&body).unwrap_or_default()))
}

fn settle(shared: &Shared, id: &str, outcome: Outcome) -> StatusCode {
    let waiting = shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    match waiting.map(|sender| sender.send(outcome)) {
        Some(_) => StatusCode::ACCEPTED,
        None => StatusCode::NOT_FOUND,
    }
}
