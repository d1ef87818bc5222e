//! A server that speaks as much of SQS as the adapter and the contract need, with its limits, and refuses entries on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use domain::ports::{Clock, Queue};
use serde_json::{Value, json};
use store::{MemoryQueue, SqsQueue};

use super::dynamodb::listen;
use super::world::{JumpingClock, Seeded};

/// What happens to entries with a certain body.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub body: String,
    /// The code they fail with; `None` = the answer does not mention them.
    pub code: Option<&'static str>,
    pub sender_fault: bool,
    /// How often.
    pub times: usize,
}

/// The server, and what it saw.
pub struct SqsServer {
    state: Arc<Shared>,
    client: Client,
    url: String,
}

struct Shared {
    queue: MemoryQueue,
    refusals: Mutex<Vec<Refusal>>,
    /// Per SendMessageBatch: how many entries, how many bytes.
    calls: Mutex<Vec<(usize, usize)>>,
    /// Per ChangeMessageVisibility: the receipt handle, and seconds.
    changes: Mutex<Vec<(String, u64)>>,
}

impl SqsServer {
    pub async fn start() -> Self {
        let chance = Arc::new(Seeded::new(7));
        let queue = MemoryQueue::new("people-batches", Duration::from_secs(30), JumpingClock::shared(), chance);
        let state =
            Arc::new(Shared { queue, refusals: Mutex::default(), calls: Mutex::default(), changes: Mutex::default() });
        let (listener, endpoint) = listen().await;
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(8 << 20)).with_state(state.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let url = format!("{endpoint}/000000000000/people-batches");
        Self { state, client: client(&endpoint), url }
    }

    /// The adapter under test.
    pub fn adapter(&self, clock: Arc<dyn Clock>) -> SqsQueue {
        SqsQueue::new(self.client.clone(), &self.url, clock)
    }

    /// An adapter for a queue that is not there.
    pub fn adapter_of_absent_queue(&self) -> SqsQueue {
        let url = self.url.replace("people-batches", "absent");
        SqsQueue::new(self.client.clone(), url, JumpingClock::shared())
    }

    pub fn refuse(&self, refusal: Refusal) {
        self.state.refusals.lock().unwrap().push(refusal);
    }

    /// Entries and bytes of the SendMessageBatch calls since the last time.
    pub fn take_calls(&self) -> Vec<(usize, usize)> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
    }

    /// Receipt handles and seconds of the ChangeMessageVisibility calls since the last time.
    pub fn take_changes(&self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.state.changes.lock().unwrap())
    }

    /// Receives a message, and gives its receipt handle.
    pub async fn receive_one(&self) -> String {
        let page = self.client.receive_message().queue_url(&self.url).send().await.unwrap();
        page.messages.unwrap().remove(0).receipt_handle.unwrap()
    }

    /// Receives and deletes all there is, as any client of SQS would.
    pub async fn drain(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        loop {
            let page = self.client.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let messages = page.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return bodies;
            }
            for message in messages {
                let handle = message.receipt_handle.unwrap();
                self.client.delete_message().queue_url(&self.url).receipt_handle(handle).send().await.unwrap();
                bodies.push(message.body.unwrap());
            }
        }
    }
}

async fn answer(State(state): State<Arc<Shared>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let body: Value = serde_json::from_str(&body).unwrap();
    let answer = if body["QueueUrl"].as_str().unwrap().ends_with("/people-batches") {
        match headers["x-amz-target"].to_str().unwrap() {
            "AmazonSQS.SendMessageBatch" => send(&state, &body).await,
            "AmazonSQS.ReceiveMessage" => Ok(receive(&state, &body)),
            "AmazonSQS.DeleteMessage" => {
                state.queue.delete(body["ReceiptHandle"].as_str().unwrap());
                Ok(json!({}))
            }
            "AmazonSQS.ChangeMessageVisibility" => change_visibility(&state, &body),
            other => panic!("{other} is not spoken here"),
        }
    } else {
        Err("QueueDoesNotExist")
    };
    match answer {
        Ok(answer) => (StatusCode::OK, answer.to_string()),
        Err(code) => {
            let error = json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": "canary-message" });
            (StatusCode::BAD_REQUEST, error.to_string())
        }
    }
}

async fn send(state: &Shared, request: &Value) -> Result<Value, &'static str> {
    let entries: Vec<_> = request["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["Id"].as_str().unwrap(), entry["MessageBody"].as_str().unwrap()))
        .collect();
    let bytes = entries.iter().map(|(_, body)| body.len()).sum();
    state.calls.lock().unwrap().push((entries.len(), bytes));
    if entries.len() > 10 {
        return Err("TooManyEntriesInBatchRequest");
    }
    if bytes > 256 * 1024 {
        return Err("BatchRequestTooLong");
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (id, body) in entries {
        match refusal_of(state, body) {
            Some(Refusal { code: None, .. }) => {}
            Some(Refusal { code, sender_fault, .. }) => {
                failed.push(json!({ "Id": id, "Code": code, "SenderFault": sender_fault, "Message": body }));
            }
            None => {
                state.queue.send(vec![body.to_owned()]).await.unwrap();
                successful.push(json!({ "Id": id, "MessageId": id, "MD5OfMessageBody": "" }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn refusal_of(state: &Shared, body: &str) -> Option<Refusal> {
    let mut refusals = state.refusals.lock().unwrap();
    let refusal = refusals.iter_mut().find(|refusal| refusal.body == body && refusal.times > 0)?;
    refusal.times -= 1;
    Some(refusal.clone())
}

fn change_visibility(state: &Shared, request: &Value) -> Result<Value, &'static str> {
    let (handle, seconds) =
        (request["ReceiptHandle"].as_str().unwrap(), request["VisibilityTimeout"].as_u64().unwrap());
    if seconds > 12 * 60 * 60 {
        return Err("InvalidParameterValue");
    }
    if !state.queue.change_visibility(handle, Duration::from_secs(seconds)) {
        return Err("ReceiptHandleIsInvalid");
    }
    state.changes.lock().unwrap().push((handle.to_owned(), seconds));
    Ok(json!({}))
}

fn receive(state: &Shared, request: &Value) -> Value {
    let max = request["MaxNumberOfMessages"].as_u64().unwrap_or(1).try_into().unwrap();
    let messages: Vec<_> = state
        .queue
        .receive(max)
        .into_iter()
        .map(|d| json!({ "MessageId": d.message_id, "ReceiptHandle": d.receipt_handle, "Body": d.body }))
        .collect();
    json!({ "Messages": messages })
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
