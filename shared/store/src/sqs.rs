//! The queue port on SQS. Knows requests, entries and their failures; must not know what a body says, nor put one into a text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use domain::ports::{Clock, MAX_MESSAGE_BYTES, Queue};
use domain::{Failure, FailureKind};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::aws::{Call, RESENDS, is_passing, pause_before};
use crate::rules::check_bodies;

/// Entries that one SendMessageBatch takes.
const ENTRIES_PER_CALL: usize = 10;

/// Bytes of all bodies of one SendMessageBatch; SQS counts the whole request like one message.
const BYTES_PER_CALL: usize = MAX_MESSAGE_BYTES;

/// SendMessageBatch calls in flight.
const CALLS_IN_FLIGHT: usize = 4;

/// A queue on SQS, standard (not FIFO).
///
/// The SDK retries whole calls; an answer that was lost makes the messages of that call arrive twice. Entries that SQS refuses for the
/// moment are resent here, a bounded number of times, pausing on the injected clock.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl SqsQueue {
    /// The queue of this URL. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, url: url.into(), clock }
    }

    /// The queue's name, which is how texts call it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.url.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// Hides the message of a delivery for `pause` from now, rounded up to whole seconds; then it is delivered again, and none is at once.
    /// SQS allows 12 hours from when the message was received.
    ///
    /// # Errors
    /// `NotFound` when the message is not out by this delivery any more; `Unavailable`, `AccessDenied`, `BadSetting`; `BadRequest` when
    /// the pause is too long. The message then comes again after the queue's visibility time-out.
    pub async fn come_back_in(&self, receipt_handle: &str, pause: Duration) -> Result<(), Failure> {
        let call = Call { action: "sqs:ChangeMessageVisibility", thing: "queue", name: self.name() };
        let seconds = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        let answer = request.visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX)).send().await;
        answer.map(drop).map_err(|error| {
            let failure = call.failure(&error);
            match failure.code.as_deref() {
                Some("ReceiptHandleIsInvalid" | "MessageNotInflight" | "AWS.SimpleQueueService.MessageNotInflight") => {
                    let message = format!("a message of queue `{}` is not out by this delivery any more", self.name());
                    Failure { kind: FailureKind::NotFound, message, ..failure }
                }
                _ => failure,
            }
        })
    }

    /// Sends the bodies of one call, and again those that SQS did not take.
    async fn send_call(&self, bodies: Vec<String>) -> Result<(), Failure> {
        let call = Call { action: "sqs:SendMessage", thing: "queue", name: self.name() };
        let mut left = bodies;
        for resend in 0..=RESENDS {
            let entries = left.iter().enumerate().map(|(place, body)| entry(place, body)).collect::<Result<_, _>>()?;
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .map_err(|error| call.failure(&error))?;
            if let Some(refused) = answer.failed.iter().find(|entry| entry.sender_fault && !is_passing(&entry.code)) {
                return Err(refusal(call, refused));
            }
            // An entry that the answer does not mention at all counts as not sent.
            let mut sent = vec![false; left.len()];
            for entry in &answer.successful {
                if let Some(sent) = entry.id.parse::<usize>().ok().and_then(|place| sent.get_mut(place)) {
                    *sent = true;
                }
            }
            let mut sent = sent.into_iter();
            left.retain(|_| sent.next() == Some(false));
            if left.is_empty() {
                return Ok(());
            }
            if resend < RESENDS {
                self.clock.sleep(pause_before(resend)).await;
            }
        }
        Err(call.left_undone())
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, bodies: Vec<String>) -> Result<(), Failure> {
        check_bodies(self.name(), &bodies)?;
        let calls: Vec<_> = into_calls(bodies).into_iter().map(|bodies| self.send_call(bodies)).collect();
        stream::iter(calls).buffer_unordered(CALLS_IN_FLIGHT).try_collect().await
    }
}

/// One entry, identified by its place in the call.
fn entry(place: usize, body: &str) -> Result<SendMessageBatchRequestEntry, Failure> {
    SendMessageBatchRequestEntry::builder()
        .id(place.to_string())
        .message_body(body)
        .build()
        .map_err(|_| Failure::new(FailureKind::BadRequest, "a queue entry cannot be built"))
}

/// The failure of an entry that would be refused again. The entry's own text may quote the body and is left out.
fn refusal(call: Call<'_>, entry: &BatchResultErrorEntry) -> Failure {
    call.by_code(&entry.code, 400)
}

/// Cuts bodies into calls that are within both limits, keeping their order.
fn into_calls(bodies: Vec<String>) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for body in bodies {
        match calls.last_mut() {
            Some(call) if call.len() < ENTRIES_PER_CALL && bytes + body.len() <= BYTES_PER_CALL => {
                bytes += body.len();
                call.push(body);
            }
            _ => {
                bytes = body.len();
                calls.push(vec![body]);
            }
        }
    }
    calls
}
