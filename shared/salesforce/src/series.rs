//! Changing records on condition that nobody changed them, 25 a call: single updates with a header each, in one `/composite` call. Collections take no
//! such condition. Knows no flow.

use domain::ports::{RowAdvice, RowOutcome, UpdateOutcome};
use domain::{Failure, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::WireError;
use crate::client::SalesforceClient;
use crate::records::{Collected, http_date, refused};
use crate::request::{Repeat, Request, segment};

/// Subrequests of one call.
const PER_CALL: usize = 25;
/// What Salesforce answers where the condition does not hold.
const CHANGED: &str = "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK";

/// A record, its new values, and the change of it that the writer knows of.
pub(crate) struct Conditional<'a> {
    pub id: &'a str,
    pub values: Collected,
    pub seen: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    composite_response: Vec<WireResult>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    #[serde(default)]
    body: Value,
    http_status_code: u16,
}

impl SalesforceClient {
    /// Updates records that nobody changed since; one outcome per record, same order. Nothing is sent when `not_after`, on this machine's clock,
    /// is over.
    pub(crate) async fn update_unchanged(
        &self,
        object: &str,
        records: &[Conditional<'_>],
        not_after: Timestamp,
    ) -> Result<Vec<UpdateOutcome>, Failure> {
        let version = self.inner.config.version.as_str();
        let mut outcomes = Vec::with_capacity(records.len());
        for some in records.chunks(PER_CALL) {
            let part = |(nth, record): (usize, &Conditional<'_>)| {
                json!({
                    "method": "PATCH",
                    "url": format!("/services/data/{version}/sobjects/{}/{}", segment(object), segment(record.id)),
                    "referenceId": format!("r{nth}"),
                    "httpHeaders": { "If-Unmodified-Since": http_date(record.seen) },
                    "body": record.values,
                })
            };
            let parts: Vec<Value> = some.iter().enumerate().map(part).collect();
            let body = json!({ "allOrNone": false, "compositeRequest": parts });
            // Not repeated by itself: the first try may have changed the records, after which the condition holds no more.
            let request = Request::write("POST /composite", Method::POST, "/composite", Some(body), Repeat::Unsafe);
            let request = Request { not_after: Some(not_after), ..request };
            let wire: Wire = self.inner.json(&request).await?;
            if wire.composite_response.len() != some.len() {
                return Err(self
                    .inner
                    .spot(&request)
                    .bad_answer("the answer has not one result for each record")
                    .failure);
            }
            outcomes.extend(
                wire.composite_response.into_iter().zip(some).map(|(result, record)| outcome(result, record.id)),
            );
        }
        Ok(outcomes)
    }
}

fn outcome(result: WireResult, id: &str) -> UpdateOutcome {
    if (200..300).contains(&result.http_status_code) {
        return UpdateOutcome::Row(RowOutcome::Written { id: id.to_owned() });
    }
    let errors = serde_json::from_value::<Vec<WireError>>(result.body).unwrap_or_default();
    match errors.into_iter().find(|error| !error.code.is_empty()) {
        _ if result.http_status_code == 412 => UpdateOutcome::Changed,
        Some(error) if error.code == CHANGED => UpdateOutcome::Changed,
        Some(error) => UpdateOutcome::Row(refused(error)),
        None => UpdateOutcome::Row(RowOutcome::Refused {
            code: result.http_status_code.to_string(),
            message: "Salesforce refused it without a reason; it is tried again".to_owned(),
            advice: RowAdvice::Retry,
        }),
    }
}
