//! Writing records: collections of 200 with a result for each. Knows no flow.

use std::collections::BTreeSet;

use domain::ports::RowOutcome;
use domain::{Failure, FailureKind, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::WireError;
use crate::client::{Inner, SalesforceClient};
use crate::errors;
use crate::request::{Repeat, Request, segment};

/// Records of one call.
const PER_CALL: usize = 200;
/// Most characters of Salesforce's own words that are kept of a refusal.
const MAX_WORDS: usize = 300;

/// Values of a record by API name.
pub type Collected = Map<String, Value>;

#[derive(Deserialize)]
struct WireResult {
    id: Option<String>,
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<WireError>,
}

impl SalesforceClient {
    /// Makes records. Never repeated once it may have been carried out: after a failure look before making them again.
    ///
    /// # Errors
    /// Any [`Failure`]; some of the records may then be there.
    pub async fn create(&self, object: &str, records: &[Collected]) -> Result<Vec<RowOutcome>, Failure> {
        let typed: Vec<Value> = records.iter().map(|record| typed(object, record, None)).collect();
        let request =
            Request::write("POST /composite/sobjects", Method::POST, "/composite/sobjects", None, Repeat::Unsafe);
        self.inner.collections(request, &typed).await
    }

    /// Makes records with a unique key of ours, of which nothing is sent when `not_after`, on this machine's clock, is over. Repeating it makes no
    /// second record: one whose key is there is refused.
    pub(crate) async fn create_keyed(
        &self,
        object: &str,
        records: &[Collected],
        not_after: Timestamp,
    ) -> Result<Vec<RowOutcome>, Failure> {
        let typed: Vec<Value> = records.iter().map(|record| typed(object, record, None)).collect();
        let request =
            Request::write("POST /composite/sobjects", Method::POST, "/composite/sobjects", None, Repeat::Safe);
        self.inner.collections(Request { not_after: Some(not_after), ..request }, &typed).await
    }

    /// Updates records by their ids.
    ///
    /// # Errors
    /// Any [`Failure`]; some may then be written, and a repeat writes the same.
    pub async fn update(&self, object: &str, records: &[(String, Collected)]) -> Result<Vec<RowOutcome>, Failure> {
        let records: Vec<_> = records.iter().map(|(id, record)| (object, id.as_str(), record)).collect();
        self.update_until(&records, None).await
    }

    /// The same of records of several objects, of which nothing is sent when `not_after`, on this machine's clock, is over. Records of one object
    /// should stand together.
    pub(crate) async fn update_until(
        &self,
        records: &[(&str, &str, &Collected)],
        not_after: Option<Timestamp>,
    ) -> Result<Vec<RowOutcome>, Failure> {
        const PATH: &str = "/composite/sobjects";
        let typed: Vec<Value> =
            records.iter().map(|(object, id, record)| typed(object, record, Some(("id", id)))).collect();
        let request = Request::write("PATCH /composite/sobjects", Method::PATCH, PATH, None, Repeat::Safe);
        self.inner.collections(Request { not_after, ..request }, &typed).await
    }

    /// Makes or updates records by an external id, which must be distinct: Salesforce writes neither of two.
    ///
    /// # Errors
    /// As for [`Self::update`]; `BadRequest` when a key is named twice.
    pub async fn upsert(
        &self,
        object: &str,
        key_field: &str,
        records: &[(String, Collected)],
    ) -> Result<Vec<RowOutcome>, Failure> {
        self.upsert_until(object, key_field, records, None).await
    }

    /// The same, of which nothing is sent when `not_after`, on this machine's clock, is over.
    pub(crate) async fn upsert_until(
        &self,
        object: &str,
        key_field: &str,
        records: &[(String, Collected)],
        not_after: Option<Timestamp>,
    ) -> Result<Vec<RowOutcome>, Failure> {
        const NAME: &str = "PATCH /composite/sobjects/{object}/{key}";
        let mut keys = BTreeSet::new();
        if let Some((twice, _)) = records.iter().find(|(key, _)| !keys.insert(key)) {
            let text = format!("record {twice} is written twice at once, of which Salesforce would write neither");
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        let path = format!("/composite/sobjects/{}/{}", segment(object), segment(key_field));
        let typed: Vec<Value> =
            records.iter().map(|(key, record)| typed(object, record, Some((key_field, key)))).collect();
        let request = Request::write(NAME, Method::PATCH, path, None, Repeat::Safe);
        self.inner.collections(Request { not_after, ..request }, &typed).await
    }

    /// Deletes records into the recycle bin; one that is not there any more is refused with [`domain::ports::RowAdvice::Gone`].
    ///
    /// # Errors
    /// As for [`Self::update`].
    pub async fn delete(&self, ids: &[String]) -> Result<Vec<RowOutcome>, Failure> {
        self.delete_until(ids, None).await
    }

    /// The same, of which nothing is sent when `not_after`, on this machine's clock, is over.
    pub(crate) async fn delete_until(
        &self,
        ids: &[String],
        not_after: Option<Timestamp>,
    ) -> Result<Vec<RowOutcome>, Failure> {
        const NAME: &str = "DELETE /composite/sobjects";
        let mut outcomes = Vec::with_capacity(ids.len());
        for some in ids.chunks(PER_CALL) {
            let request = Request::write(NAME, Method::DELETE, "/composite/sobjects", None, Repeat::Safe)
                .param("ids", some.join(","))
                .param("allOrNone", "false");
            let request = Request { not_after, ..request };
            outcomes.extend(self.inner.results(&request, some.len()).await?);
        }
        Ok(outcomes)
    }
}

impl Inner {
    /// Sends `request` with the records, as often as they need.
    async fn collections(&self, mut request: Request, records: &[Value]) -> Result<Vec<RowOutcome>, Failure> {
        let mut outcomes = Vec::with_capacity(records.len());
        for some in records.chunks(PER_CALL) {
            request.body = Some(json!({ "allOrNone": false, "records": some }));
            outcomes.extend(self.results(&request, some.len()).await?);
        }
        Ok(outcomes)
    }

    async fn results(&self, request: &Request, count: usize) -> Result<Vec<RowOutcome>, Failure> {
        let results: Vec<WireResult> = self.json(request).await?;
        if results.len() != count {
            return Err(self.spot(request).bad_answer("the answer has not one result for each record").failure);
        }
        results
            .into_iter()
            .map(outcome)
            .collect::<Option<_>>()
            .ok_or_else(|| self.spot(request).bad_answer("a result tells neither an id nor an error").failure)
    }
}

/// A record with its object and, where it has one, the value that names it.
fn typed(object: &str, record: &Collected, key: Option<(&str, &str)>) -> Value {
    let mut typed = Map::with_capacity(record.len() + 2);
    typed.insert("attributes".to_owned(), json!({ "type": object }));
    if let Some((field, value)) = key {
        typed.insert(field.to_owned(), value.into());
    }
    typed.extend(record.clone());
    Value::Object(typed)
}

fn outcome(result: WireResult) -> Option<RowOutcome> {
    if result.success {
        return Some(RowOutcome::Written { id: domain::people::to_18_characters(&result.id?).into_owned() });
    }
    Some(refused(result.errors.into_iter().next()?))
}

/// A record that was refused.
pub(crate) fn refused(error: WireError) -> RowOutcome {
    let meaning = errors::of(&error.code, &error.message);
    let words: String = error.message.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect();
    let fields = error.fields.unwrap_or_default();
    RowOutcome::Refused {
        advice: errors::advice(meaning.row, &fields),
        message: format!("{} (Salesforce: {words})", meaning.words),
        code: error.code,
    }
}

/// A moment as HTTP headers have it, to the second.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
