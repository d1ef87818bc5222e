//! As much of SQS as the functions need: they send over HTTP, and what they sent is received here, as Lambda's pollers do. Counts what
//! SQS charges for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use domain::ports::Queue;
use runtime::{SystemChance, SystemClock};
use serde_json::{Value, json};
use store::MemoryQueue;
use store::memory::Delivery;
use tokio::net::TcpListener;

use crate::failure::CommandFailure;

const BATCHES: &str = "people-batches";
const READS: &str = "people-reads";
/// Longer than any handling here.
const VISIBILITY: Duration = Duration::from_secs(15 * 60);
/// Messages that Lambda hands over at once, by default.
const MESSAGES_PER_EVENT: usize = 10;
/// SQS charges a request for each started so many bytes.
const BYTES_PER_REQUEST: usize = 64 * 1024;

/// The server and its queues.
pub struct Sqs {
    pub endpoint: String,
    queues: Arc<Queues>,
}

struct Queues {
    batches: MemoryQueue,
    reads: MemoryQueue,
    requests: AtomicU64,
}

impl Sqs {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> std::io::Result<Self> {
        let queue = |name: &str| MemoryQueue::new(name, VISIBILITY, Arc::new(SystemClock), Arc::new(SystemChance));
        let queues = Arc::new(Queues { batches: queue(BATCHES), reads: queue(READS), requests: AtomicU64::new(0) });
        let app = Router::new().fallback(answer).layer(DefaultBodyLimit::max(8 << 20)).with_state(queues.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { endpoint, queues })
    }

    /// URLs of the queues of batches and of reads.
    pub fn urls(&self) -> [String; 2] {
        [BATCHES, READS].map(|name| format!("{}/000000000000/{name}", self.endpoint))
    }

    /// Requests so far, as SQS charges them.
    pub fn requests(&self) -> u64 {
        self.queues.requests.load(Ordering::Relaxed)
    }

    /// Hands the next messages of either queue to `worker`, and deletes them. Gives whether there were any.
    ///
    /// # Errors
    /// Those of the worker; that it reports a message as failed is one, too.
    pub async fn deliver(
        &self,
        worker: impl AsyncFnOnce(Value) -> Result<Value, CommandFailure>,
    ) -> Result<bool, CommandFailure> {
        for queue in [&self.queues.batches, &self.queues.reads] {
            let deliveries = queue.receive(MESSAGES_PER_EVENT);
            if deliveries.is_empty() {
                continue;
            }
            self.count(deliveries.iter().map(|delivery| delivery.body.len()).sum());
            let answer = worker(event(&deliveries)).await?;
            if answer["batchItemFailures"].as_array().is_some_and(|failed| !failed.is_empty()) {
                return Err(CommandFailure::Wrong(format!("the worker could not handle messages: {answer}")));
            }
            self.count(0);
            for delivery in deliveries {
                queue.delete(&delivery.receipt_handle);
            }
            return Ok(true);
        }
        Ok(false)
    }

    fn count(&self, bytes: usize) {
        count(&self.queues, bytes);
    }
}

fn count(queues: &Queues, bytes: usize) {
    queues.requests.fetch_add(bytes.div_ceil(BYTES_PER_REQUEST).max(1) as u64, Ordering::Relaxed);
}

async fn answer(State(queues): State<Arc<Queues>>, body: String) -> (StatusCode, String) {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let queue = match request["QueueUrl"].as_str().and_then(|url| url.rsplit('/').next()) {
        Some(BATCHES) => &queues.batches,
        Some(READS) => &queues.reads,
        _ => return (StatusCode::BAD_REQUEST, json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist" }).to_string()),
    };
    let entries = request["Entries"].as_array().cloned().unwrap_or_default();
    let bodies: Vec<String> =
        entries.iter().filter_map(|entry| entry["MessageBody"].as_str().map(str::to_owned)).collect();
    count(&queues, bodies.iter().map(String::len).sum());
    if queue.send(bodies).await.is_err() {
        return (StatusCode::BAD_REQUEST, json!({ "__type": "com.amazonaws.sqs#InvalidMessageContents" }).to_string());
    }
    let successful: Vec<Value> =
        entries.iter().map(|e| json!({ "Id": e["Id"], "MessageId": e["Id"], "MD5OfMessageBody": "" })).collect();
    (StatusCode::OK, json!({ "Successful": successful, "Failed": [] }).to_string())
}

/// The event that Lambda's poller makes of messages.
fn event(deliveries: &[Delivery]) -> Value {
    let record = |delivery: &Delivery| {
        json!({
            "messageId": delivery.message_id,
            "receiptHandle": delivery.receipt_handle,
            "body": delivery.body,
            "attributes": { "ApproximateReceiveCount": delivery.receive_count.to_string() },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "awsRegion": "us-east-1"
        })
    };
    json!({ "Records": deliveries.iter().map(record).collect::<Vec<_>>() })
}
