//! Serving loop of functions on a queue, with the partial-batch answers that keep every message, and a pause before each comes again.
//!
//! Lambda deletes what is not reported, and redelivers the whole batch when a report names an id it does not know. So each body is
//! handled alone, each failure is reported by its id, and a record without an id fails the batch. What is reported comes again after the
//! queue's visibility time-out, which has to be longer than any invocation; what is known of the failure says better when.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::people::WriteCounts;
use domain::ports::Clock;
use domain::{Advice, Failure, FailureKind, Timestamp};
use futures_util::future::{Either, join_all, select};
use lambda_runtime::{LambdaEvent, service_fn};
use store::SqsQueue;

use crate::metrics::{self, Metrics};
use crate::{Error, SystemClock};

/// Left of an invocation's time for saying which messages failed.
pub const MARGIN: Duration = Duration::from_secs(5);
/// Longest wait for a change of a message's visibility, so that the answer is still given in time.
const LONGEST_CHANGE: Duration = Duration::from_secs(2);
/// Least pause before a failure that may pass. With the doublings below it, the eight deliveries of a message take half an hour, which an
/// outage may last without sending everything to the dead-letter queue.
const SHORTEST_PAUSE: Duration = Duration::from_secs(15);
/// Longest pause before another try, and the pause while an operator has to change something.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Longest that a message is hidden. SQS allows 12 hours from when it was received: by now an invocation of 15 minutes may have gone,
/// and some minutes in which Lambda held the message before.
const LONGEST_HIDING: Duration = Duration::from_secs(12 * 60 * 60 - 20 * 60);

/// Says of messages when they come again.
#[async_trait]
pub trait Redelivery: Send + Sync {
    /// Has the message of a delivery hidden for `pause` from now, in the queue of this name.
    ///
    /// # Errors
    /// `NotFound` when there is no such queue or delivery; those of the queue. The message then comes again by itself.
    async fn come_back_in(&self, queue: &str, receipt_handle: &str, pause: Duration) -> Result<(), Failure>;
}

/// The queues that a function was told of.
pub struct SqsRedelivery(Vec<Arc<SqsQueue>>);

impl SqsRedelivery {
    /// Over these queues.
    #[must_use]
    pub fn over(queues: Vec<Arc<SqsQueue>>) -> Self {
        Self(queues)
    }
}

#[async_trait]
impl Redelivery for SqsRedelivery {
    async fn come_back_in(&self, queue: &str, receipt_handle: &str, pause: Duration) -> Result<(), Failure> {
        let Some(known) = self.0.iter().find(|known| known.name() == queue) else {
            let text = format!(
                "this function was not told of the queue `{queue}`: check its variables whose names end with QUEUE_URL"
            );
            return Err(Failure::new(FailureKind::NotFound, text));
        };
        known.come_back_in(receipt_handle, pause).await
    }
}

/// Leaves messages as they are, for queues in memory, whose drivers say themselves when a message comes again.
pub struct LeftAsTheyAre;

#[async_trait]
impl Redelivery for LeftAsTheyAre {
    async fn come_back_in(&self, _: &str, _: &str, _: Duration) -> Result<(), Failure> {
        Ok(())
    }
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Handled {
    /// Which messages are to be delivered again.
    pub response: SqsBatchResponse,
    /// What was written.
    pub writes: WriteCounts,
    /// Messages that are to be delivered again, whatever the reason.
    pub failed: u64,
    /// Those of them that will never succeed.
    pub rejected: u64,
}

/// Runs `handle` for each message: its body, and whether it was delivered before. Each gets what is left of the invocation.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve<F, R>(metrics: &Metrics, redelivery: &dyn Redelivery, handle: F) -> Result<(), Error>
where
    F: Fn(String, bool) -> R,
    R: Future<Output = Result<WriteCounts, Failure>>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let ends = event.context.deadline().checked_sub(MARGIN).and_then(|at| Timestamp::try_from(at).ok());
        let queue = Around { clock: &SystemClock, redelivery, ends };
        let messages = event.payload.records.len() as u64;
        let handled = handle_batch(event.payload, queue, handle).await;
        let none = Handled { failed: messages, ..Handled::default() };
        metrics::of_batch(handled.as_ref().unwrap_or(&none));
        metrics.flush();
        handled.map(|handled| handled.response)
    }))
    .await
}

/// What there is around a batch.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// Says of messages when they come again.
    pub redelivery: &'a dyn Redelivery,
    /// Nothing is begun or goes on after this.
    pub ends: Option<Timestamp>,
}

/// Handles a batch, message by message, and answers which are to be delivered again.
///
/// # Errors
/// When a record has no message id: it could not be reported, so the whole batch has to come again.
pub async fn handle_batch<F, R>(event: SqsEvent, around: Around<'_>, handle: &F) -> Result<Handled, Error>
where
    F: Fn(String, bool) -> R,
    R: Future<Output = Result<WriteCounts, Failure>>,
{
    check_ids(&event)?;
    let mut handled = Handled::default();
    let mut records = event.records.into_iter();
    while around.left().is_none_or(|left| !left.is_zero()) {
        let Some(mut record) = records.next() else { return Ok(handled) };
        let receives = receives(&record);
        let handling = handle(record.body.take().unwrap_or_default(), receives > 1);
        match around.within(around.left(), handling, "not done when the invocation's time was over").await {
            Ok(writes) => handled.writes += writes,
            Err(failure) => around.fail(&mut handled, &record, &failure).await,
        }
    }
    let not_begun: Vec<_> = records.collect();
    if !not_begun.is_empty() {
        tracing::warn!(
            messages = not_begun.len(),
            "no time is left for {} messages, which come again at once",
            not_begun.len()
        );
    }
    for record in &not_begun {
        handled.failed(record, false);
    }
    join_all(not_begun.iter().map(|record| around.come_back(record, Duration::ZERO))).await;
    Ok(handled)
}

/// Refuses a batch in which a record could not be reported.
///
/// # Errors
/// When a record has no message id.
pub(crate) fn check_ids(event: &SqsEvent) -> Result<(), Error> {
    if event.records.iter().any(|record| record.message_id.as_deref().is_none_or(str::is_empty)) {
        return Err(
            "a record has no message id, so its failure could not be reported; the whole batch has to come again"
                .into(),
        );
    }
    Ok(())
}

/// When a message was first sent.
pub(crate) fn sent_at(record: &SqsMessage) -> Option<Timestamp> {
    let sent = record.attributes.get("SentTimestamp")?.parse().ok()?;
    Timestamp::from_millisecond(sent).ok()
}

/// How long a message that failed is hidden before it is delivered again; `receives` counts its deliveries, this one included.
///
/// What will never succeed is to be in the dead-letter queue soon, where an alarm sees it, so its receives are used up at once.
#[must_use]
pub fn pause_of(advice: Advice, receives: u32, now: Timestamp) -> Duration {
    match advice {
        Advice::Reject => Duration::ZERO,
        Advice::Retry { after } => {
            let doubled = after.max(SHORTEST_PAUSE).saturating_mul(1 << receives.saturating_sub(1).min(16));
            doubled.min(LONGEST_PAUSE)
        }
        Advice::Park { until } => Duration::try_from(until.duration_since(now)).unwrap_or_default().min(LONGEST_HIDING),
        Advice::Halt => LONGEST_PAUSE,
    }
}

impl Handled {
    fn failed(&mut self, record: &SqsMessage, rejected: bool) {
        let mut item = BatchItemFailure::default();
        item.item_identifier = record.message_id.clone().unwrap_or_default();
        self.response.batch_item_failures.push(item);
        self.failed += 1;
        self.rejected += u64::from(rejected);
    }
}

impl Around<'_> {
    /// Reports a message as failed, and says when it comes again.
    pub(crate) async fn fail(&self, handled: &mut Handled, record: &SqsMessage, failure: &Failure) {
        let (id, receives) = (record.message_id.as_deref().unwrap_or_default(), receives(record));
        tracing::warn!(message.id = id, message.receives = receives, failure.kind = ?failure.kind, failure.code = failure.code, "message {id} stays in the queue: {failure}");
        handled.failed(record, failure.advice() == Advice::Reject);
        self.come_back(record, pause_of(failure.advice(), receives, self.clock.now())).await;
    }

    /// What is left of the time.
    fn left(&self) -> Option<Duration> {
        self.ends.map(|ends| Duration::try_from(ends.duration_since(self.clock.now())).unwrap_or_default())
    }

    /// The outcome, or a failure where there is none in time. What was under way is dropped; a message may be handled twice or in part.
    async fn within<T>(
        &self,
        longest: Option<Duration>,
        work: impl Future<Output = Result<T, Failure>>,
        late: &str,
    ) -> Result<T, Failure> {
        let Some(longest) = longest else { return work.await };
        match select(pin!(work), self.clock.sleep(longest)).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Failure::new(FailureKind::Unavailable, late)),
        }
    }

    /// As well as it can be done: otherwise the message comes again after the queue's visibility time-out.
    async fn come_back(&self, record: &SqsMessage, pause: Duration) {
        let queue = record.event_source_arn.as_deref().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
        let handle = record.receipt_handle.as_deref().unwrap_or_default();
        let change = self.redelivery.come_back_in(queue, handle, pause);
        if let Err(failure) = self.within(Some(LONGEST_CHANGE), change, "the queue does not answer").await {
            let id = record.message_id.as_deref().unwrap_or_default();
            tracing::warn!(message.id = id, failure.kind = ?failure.kind, failure.code = failure.code, "message {id} comes again after the queue's visibility time-out: {failure}");
        }
    }
}

/// Deliveries of a message so far, this one included.
fn receives(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
