//! A server that speaks as much of SQS as functions need: they send, and say when a message comes back. Tests receive from the queues behind it, as Lambda's pollers do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use domain::ports::Queue;
use runtime::{SystemChance, SystemClock};
use serde_json::{Value, json};
use store::MemoryQueue;
use store::memory::Delivery;

use super::embedded::listen;
use system_tests::lock;

const BATCHES: &str = "people-batches";
const READS: &str = "people-reads";
const ACTIVITIES: &str = "sales-activities";
const OPT_OUTS: &str = "opt-outs";
const TASKS: &str = "reminder-tasks";
const EVENTS: &str = "task-events";

pub struct SqsServer {
    pub endpoint: String,
    pub queues: Queues,
}

#[derive(Clone)]
pub struct Queues {
    pub batches: Arc<MemoryQueue>,
    pub reads: Arc<MemoryQueue>,
    pub activities: Arc<MemoryQueue>,
    pub opt_outs: Arc<MemoryQueue>,
    pub tasks: Arc<MemoryQueue>,
    pub events: Arc<MemoryQueue>,
    changes: Arc<Mutex<Vec<(String, u64)>>>,
}

impl SqsServer {
    pub async fn start() -> Self {
        let queue = |name: &str| {
            Arc::new(MemoryQueue::new(name, Duration::from_secs(600), Arc::new(SystemClock), Arc::new(SystemChance)))
        };
        let (batches, reads, activities, opt_outs) = (queue(BATCHES), queue(READS), queue(ACTIVITIES), queue(OPT_OUTS));
        let (tasks, events) = (queue(TASKS), queue(EVENTS));
        let queues = Queues { batches, reads, activities, opt_outs, tasks, events, changes: Arc::default() };
        let (listener, endpoint) = listen().await;
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(8 << 20)).with_state(queues.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { endpoint, queues }
    }

    /// Message ids, and the seconds after which they were told to come back, since the last time.
    pub fn take_changes(&self, event: &Value) -> Vec<(String, u64)> {
        let changes = std::mem::take(&mut *lock(&self.queues.changes));
        let records = event["Records"].as_array().unwrap();
        let id_of = |handle: &str| {
            let record = records.iter().find(|record| record["receiptHandle"] == handle).unwrap();
            record["messageId"].as_str().unwrap().to_owned()
        };
        changes.into_iter().map(|(handle, seconds)| (id_of(&handle), seconds)).collect()
    }

    pub fn batches_url(&self) -> String {
        format!("{}/000000000000/{BATCHES}", self.endpoint)
    }

    pub fn activities_url(&self) -> String {
        format!("{}/000000000000/{ACTIVITIES}", self.endpoint)
    }

    pub fn opt_outs_url(&self) -> String {
        format!("{}/000000000000/{OPT_OUTS}", self.endpoint)
    }

    pub fn tasks_url(&self) -> String {
        format!("{}/000000000000/{TASKS}", self.endpoint)
    }

    pub fn events_url(&self) -> String {
        format!("{}/000000000000/{EVENTS}", self.endpoint)
    }

    pub fn reads_url(&self) -> String {
        format!("{}/000000000000/{READS}", self.endpoint)
    }
}

async fn answer(State(queues): State<Queues>, headers: HeaderMap, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let url = request["QueueUrl"].as_str().unwrap_or_default();
    let queue = match url.rsplit('/').next() {
        Some(BATCHES) => queues.batches,
        Some(READS) => queues.reads,
        Some(ACTIVITIES) => queues.activities,
        Some(OPT_OUTS) => queues.opt_outs,
        Some(TASKS) => queues.tasks,
        Some(EVENTS) => queues.events,
        _ => return refused("QueueDoesNotExist"),
    };
    if target == Some("AmazonSQS.ChangeMessageVisibility") {
        let (handle, seconds) =
            (request["ReceiptHandle"].as_str().unwrap(), request["VisibilityTimeout"].as_u64().unwrap());
        if !queue.change_visibility(handle, Duration::from_secs(seconds)) {
            return refused("ReceiptHandleIsInvalid");
        }
        lock(&queues.changes).push((handle.to_owned(), seconds));
        return (StatusCode::OK, "{}".to_owned());
    }
    if target != Some("AmazonSQS.SendMessageBatch") {
        return refused("UnsupportedOperation");
    }
    let entries = request["Entries"].as_array().unwrap();
    if entries.len() > 10 {
        return refused("TooManyEntriesInBatchRequest");
    }
    let bodies: Vec<String> = entries.iter().map(|e| e["MessageBody"].as_str().unwrap().to_owned()).collect();
    if bodies.iter().map(String::len).sum::<usize>() > 256 * 1024 {
        return refused("BatchRequestTooLong");
    }
    queue.send(bodies).await.unwrap();
    let successful: Vec<Value> =
        entries.iter().map(|e| json!({ "Id": e["Id"], "MessageId": e["Id"], "MD5OfMessageBody": "" })).collect();
    (StatusCode::OK, json!({ "Successful": successful, "Failed": [] }).to_string())
}

fn refused(code: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, json!({ "__type": format!("com.amazonaws.sqs#{code}"), "message": code }).to_string())
}

/// The event that Lambda's poller makes of messages, in all its detail.
pub fn sqs_event(queue: &str, deliveries: &[Delivery]) -> Value {
    let records: Vec<Value> = deliveries.iter().map(|delivery| record(queue, delivery)).collect();
    json!({ "Records": records })
}

fn record(queue: &str, delivery: &Delivery) -> Value {
    json!({
        "messageId": delivery.message_id,
        "receiptHandle": delivery.receipt_handle,
        "body": delivery.body,
        "attributes": {
            "ApproximateReceiveCount": delivery.receive_count.to_string(),
            "SentTimestamp": "1782907200000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1782907200010"
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:eu-central-1:123456789012:{queue}"),
        "awsRegion": "eu-central-1"
    })
}

/// The event that EventBridge Scheduler sends where the schedule names no input of its own.
pub fn scheduled_event(schedule: &str) -> Value {
    json!({
        "version": "0",
        "id": "5b5b6c5e-2d2f-4f39-9b7c-0d5d1c0c3a11",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2026-07-01T12:00:00Z",
        "region": "eu-central-1",
        "resources": [format!("arn:aws:scheduler:eu-central-1:123456789012:schedule/default/{schedule}")],
        "detail": "{}"
    })
}
