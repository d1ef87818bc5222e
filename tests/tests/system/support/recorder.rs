//! AWS behind one address, as a function sees it with `AWS_ENDPOINT_URL`: DynamoDB and SQS are passed on to their emulators, Secrets Manager
//! answers with the secrets it was given. Keeps which permission each call needs, and on what.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use system_tests::lock;
use system_tests::template::policy::Permission;

use super::embedded::listen;

/// Largest request passed on, bytes.
const LARGEST: usize = 16 << 20;

/// What calls are passed on to.
#[derive(Clone)]
pub struct Behind {
    pub dynamodb: String,
    pub sqs: String,
    /// Secrets: names and texts.
    pub secrets: Vec<(String, String)>,
}

#[derive(Clone)]
struct Shared {
    behind: Behind,
    http: reqwest::Client,
    needed: Arc<Mutex<BTreeSet<Permission>>>,
}

/// The recorder of one function.
pub struct Recorder {
    pub endpoint: String,
    needed: Arc<Mutex<BTreeSet<Permission>>>,
}

impl Recorder {
    pub async fn start(behind: Behind) -> Self {
        let needed = Arc::default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let shared = Shared { behind, http, needed: Arc::clone(&needed) };
        let (listener, endpoint) = listen().await;
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(LARGEST)).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { endpoint, needed }
    }

    /// The permissions that the calls so far needed: an action, and the name of a table, queue or secret.
    pub fn needed(&self) -> BTreeSet<Permission> {
        lock(&self.needed).clone()
    }
}

async fn answer(State(shared): State<Shared>, mut headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let needed = permissions(&target, &request);
    assert!(!needed.is_empty(), "no permission is known for {target}");
    lock(&shared.needed).extend(needed);
    let behind = match target.split('.').next() {
        Some("DynamoDB_20120810") => &shared.behind.dynamodb,
        Some("AmazonSQS") => &shared.behind.sqs,
        _ => {
            let asked = request["SecretId"].as_str().unwrap_or_default();
            let secret = shared.behind.secrets.iter().find(|(name, _)| name == asked);
            return of_secret(secret.unwrap_or_else(|| panic!("there is no secret {asked}")));
        }
    };
    for name in ["host", "content-length"] {
        headers.remove(name);
    }
    let answer = shared.http.post(behind).headers(headers).body(body).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    response
}

fn of_secret((name, text): &(String, String)) -> Response {
    let body = json!({ "ARN": name, "Name": name, "VersionId": "1", "SecretString": text });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert("content-type", "application/x-amz-json-1.1".parse().unwrap());
    response
}

/// What IAM asks for a call. PartiQL statements are asked for by their verb, and batches of queue entries as single ones.
fn permissions(target: &str, request: &Value) -> Vec<Permission> {
    let Some((service, operation)) = target.split_once('.') else { return Vec::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |action: String, on: String| vec![(action, on)];
    match (service, operation) {
        ("DynamoDB_20120810", "BatchExecuteStatement") => {
            let statements = request["Statements"].as_array().into_iter().flatten();
            statements.map(|statement| of_statement(&text(&statement["Statement"]))).collect()
        }
        ("DynamoDB_20120810", "BatchGetItem") => {
            let tables = request["RequestItems"].as_object().into_iter().flatten();
            tables.map(|(table, _)| ("dynamodb:BatchGetItem".to_owned(), table.clone())).collect()
        }
        ("DynamoDB_20120810", _) => {
            let index = request["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
            one(format!("dynamodb:{operation}"), format!("{}{index}", text(&request["TableName"])))
        }
        ("AmazonSQS", _) => {
            let queue = text(&request["QueueUrl"]).rsplit('/').next().unwrap_or_default().to_owned();
            one(format!("sqs:{}", operation.trim_end_matches("Batch")), queue)
        }
        ("secretsmanager", _) => one(format!("secretsmanager:{operation}"), text(&request["SecretId"])),
        _ => Vec::new(),
    }
}

fn of_statement(statement: &str) -> Permission {
    let verb = statement.split_whitespace().next().unwrap_or_default().to_lowercase();
    let table = statement.split('"').nth(1).unwrap_or_default().to_owned();
    let verb = verb[..1].to_uppercase() + &verb[1..];
    (format!("dynamodb:PartiQL{verb}"), table)
}
