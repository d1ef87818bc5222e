//! Serving loop of functions on a queue, with the partial-batch answers that keep every message.
//!
//! Lambda deletes what is not reported, and redelivers the whole batch when a report names an id it does not know. So each body is
//! handled alone, each failure is reported by its id, and a record without an id fails the batch.

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::Failure;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::Error;

/// Runs `handle` for each message: its body, and whether it was delivered before.
///
/// # Errors
/// When the Lambda runtime ends.
pub async fn serve<F, R>(handle: F) -> Result<(), Error>
where
    F: Fn(String, bool) -> R,
    R: Future<Output = Result<(), Failure>>,
{
    let handle = &handle;
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| handle_batch(event.payload, handle))).await
}

/// Handles a batch, message by message, and answers which are to be delivered again.
///
/// # Errors
/// When a record has no message id: it could not be reported, so the whole batch has to come again.
pub async fn handle_batch<F, R>(event: SqsEvent, handle: &F) -> Result<SqsBatchResponse, Error>
where
    F: Fn(String, bool) -> R,
    R: Future<Output = Result<(), Failure>>,
{
    if event.records.iter().any(|record| record.message_id.as_deref().is_none_or(str::is_empty)) {
        return Err(
            "a record has no message id, so its failure could not be reported; the whole batch has to come again"
                .into(),
        );
    }
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let again = delivered_before(&record);
        let id = record.message_id.unwrap_or_default();
        if let Err(failure) = handle(record.body.unwrap_or_default(), again).await {
            tracing::warn!(message.id = id, failure.kind = ?failure.kind, failure.code = failure.code, "message {id} stays in the queue: {failure}");
            let mut item = BatchItemFailure::default();
            item.item_identifier = id;
            response.batch_item_failures.push(item);
        }
    }
    Ok(response)
}

fn delivered_before(record: &SqsMessage) -> bool {
    record.attributes.get("ApproximateReceiveCount").is_some_and(|count| count != "1")
}

#[cfg(test)]
mod tests {
    use domain::FailureKind;

    use super::*;

    fn event(ids: &[Option<&str>]) -> SqsEvent {
        let records: Vec<_> = ids
            .iter()
            .map(|id| serde_json::json!({"messageId": id, "body": id.unwrap_or("x"), "attributes": {}}))
            .collect();
        serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
    }

    async fn refuse_b(body: String, _again: bool) -> Result<(), Failure> {
        if body == "b" { Err(Failure::new(FailureKind::BadRequest, "no")) } else { Ok(()) }
    }

    #[tokio::test]
    async fn reports_exactly_what_failed() {
        let response = handle_batch(event(&[Some("a"), Some("b"), Some("c")]), &refuse_b).await.unwrap();
        let failed: Vec<_> = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str()).collect();
        assert_eq!(failed, ["b"]);
    }

    #[tokio::test]
    async fn a_record_without_an_id_fails_the_batch() {
        for id in [None, Some("")] {
            assert!(handle_batch(event(&[Some("a"), id]), &refuse_b).await.is_err());
        }
    }
}
