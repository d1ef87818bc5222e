//! What can happen to a call of DynamoDB, and the HTTP proxy that makes it happen. Must not know what the calls are for.

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Router, body::Bytes};
use domain::ports::Chance;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::lock;
use crate::world::Seeded;

/// Largest request of DynamoDB.
const LARGEST: usize = 16 * 1024 * 1024;
const TARGET: &str = "x-amz-target";

/// The calls that the people flow makes.
pub const OPERATIONS: [&str; 6] = ["GetItem", "PutItem", "UpdateItem", "BatchGetItem", "BatchExecuteStatement", "Scan"];

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// The table's throughput is exceeded; nothing is done.
    Throttled,
    /// Another transaction is at the same item; nothing is done.
    TransactionConflict,
    /// HTTP 500; nothing is done.
    ServerError,
    /// The connection breaks before anything is done.
    Reset,
    /// Done; the connection breaks before the answer.
    ResetAfterCommit,
    /// Done; no answer ever comes.
    SilentAfterCommit,
    /// Done; HTTP 500.
    ServerErrorAfterCommit,
    /// Half of a batch is done, the rest throttled; of a single call, nothing.
    HalfDone,
}

impl Ill {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::TransactionConflict => "transaction conflict",
            Self::ServerError => "HTTP 500",
            Self::Reset => "connection reset",
            Self::ResetAfterCommit => "reset after commit",
            Self::SilentAfterCommit => "time-out after commit",
            Self::ServerErrorAfterCommit => "HTTP 500 after commit",
            Self::HalfDone => "half of a batch throttled",
        }
    }
}

/// All of them.
pub const ILLS: [Ill; 8] = [
    Ill::Throttled,
    Ill::TransactionConflict,
    Ill::ServerError,
    Ill::Reset,
    Ill::ResetAfterCommit,
    Ill::SilentAfterCommit,
    Ill::ServerErrorAfterCommit,
    Ill::HalfDone,
];

/// When what goes wrong.
#[derive(Debug, Clone)]
pub enum Misfortune {
    /// The calls of one operation from a certain one on, so many times; for ever with `None`.
    Some(&'static str, Ill, u64, Option<u64>),
    /// Of a hundred calls of any operation so many, each in a way drawn by this seed.
    Share(u64, u64),
}

struct Plan {
    misfortune: Option<Misfortune>,
    seen: u64,
    struck: u64,
    dice: Arc<Seeded>,
}

impl Plan {
    /// What happens to the next call.
    fn next(&mut self, operation: &str) -> Option<Ill> {
        let ill = match self.misfortune.as_ref()? {
            Misfortune::Some(struck, ill, after, times) => {
                if *struck != operation {
                    return None;
                }
                self.seen += 1;
                let left = times.is_none_or(|times| self.struck < times);
                (self.seen > *after && left).then_some(*ill)
            }
            Misfortune::Share(percent, _) => {
                let drawn = self.dice.next_u64();
                (drawn % 100 < *percent).then(|| ILLS[(drawn / 100) as usize % ILLS.len()])
            }
        };
        self.struck += u64::from(ill.is_some());
        ill
    }
}

/// Stands before DynamoDB until dropped.
pub struct Proxy {
    endpoint: String,
    plan: Arc<Mutex<Plan>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Behind {
    endpoint: String,
    http: reqwest::Client,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// Begins to listen on a free port of this machine.
    pub async fn start(behind: &str, misfortune: Option<Misfortune>) -> Self {
        let seed = if let Some(Misfortune::Share(_, seed)) = misfortune { seed } else { 0 };
        let plan = Arc::new(Mutex::new(Plan { misfortune, seen: 0, struck: 0, dice: Seeded::new(seed) }));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let state = Behind { endpoint: behind.to_owned(), http, plan: plan.clone() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(state);
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self { endpoint, plan, server }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Lets every call pass from now on.
    pub fn relent(&self) {
        lock(&self.plan).misfortune = None;
    }

    /// How many calls were struck.
    pub fn struck(&self) -> u64 {
        lock(&self.plan).struck
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(State(behind): State<Behind>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap();
    let target = parts.headers.get(TARGET).and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let ill = lock(&behind.plan).next(&operation);
    match ill {
        None => forward(&behind, parts.headers, body).await,
        Some(Ill::Throttled) => refused(400, "ProvisionedThroughputExceededException"),
        Some(Ill::TransactionConflict) => refused(400, "TransactionConflictException"),
        Some(Ill::ServerError) => refused(500, "InternalServerError"),
        Some(Ill::Reset) => broken(),
        Some(Ill::ResetAfterCommit) => {
            forward(&behind, parts.headers, body).await;
            broken()
        }
        Some(Ill::SilentAfterCommit) => {
            forward(&behind, parts.headers, body).await;
            std::future::pending().await
        }
        Some(Ill::ServerErrorAfterCommit) => {
            forward(&behind, parts.headers, body).await;
            refused(500, "InternalServerError")
        }
        Some(Ill::HalfDone) => half(&behind, parts.headers, &body, &operation).await,
    }
}

async fn forward(behind: &Behind, mut headers: HeaderMap, body: Bytes) -> Response {
    for name in ["host", "content-length"] {
        headers.remove(name);
    }
    let answer = behind.http.post(&behind.endpoint).headers(headers).body(body).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    response
}

fn refused(status: u16, code: &str) -> Response {
    let body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "simulated" });
    answer(StatusCode::from_u16(status).unwrap(), &body)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
    response
}

/// The head of an answer is still buffered when the body fails, so that nothing at all is sent.
fn broken() -> Response {
    let failed = stream::once(async { Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset)) });
    Response::new(Body::from_stream(failed))
}

/// Batches are done up to their middle, as DynamoDB does when it throttles.
async fn half(behind: &Behind, headers: HeaderMap, body: &Bytes, operation: &str) -> Response {
    let mut asked: Value = serde_json::from_slice(body).unwrap();
    let (field, list) = match operation {
        "BatchExecuteStatement" => ("Statements", &mut asked["Statements"]),
        "BatchGetItem" => {
            let table = asked["RequestItems"].as_object().and_then(|tables| tables.keys().next().cloned()).unwrap();
            ("Keys", &mut asked["RequestItems"][table]["Keys"])
        }
        _ => return refused(400, "ProvisionedThroughputExceededException"),
    };
    let all = list.as_array().cloned().unwrap_or_default();
    let rest = all[all.len() / 2..].to_vec();
    list.as_array_mut().unwrap().truncate(all.len() / 2);
    if all.len() < 2 {
        return refused(400, "ThrottlingException");
    }
    let left = if field == "Keys" {
        let mut left = asked["RequestItems"].clone();
        let table = left.as_object().and_then(|tables| tables.keys().next().cloned()).unwrap();
        left[table]["Keys"] = Value::Array(rest.clone());
        left
    } else {
        Value::Null
    };
    let done = forward(behind, headers, Bytes::from(asked.to_string())).await;
    let bytes = to_bytes(done.into_body(), LARGEST).await.unwrap();
    let mut done: Value = serde_json::from_slice(&bytes).unwrap();
    if field == "Keys" {
        done["UnprocessedKeys"] = left;
    } else {
        let throttled = json!({ "Error": { "Code": "ThrottlingError", "Message": "simulated" } });
        done["Responses"].as_array_mut().unwrap().extend(rest.iter().map(|_| throttled.clone()));
    }
    answer(StatusCode::OK, &done)
}
