//! Queries and their pages. Knows no object.

use domain::Failure;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Inner, SalesforceClient};
use crate::request::Request;

/// Most pages of one query: two million records of 2,000 a page.
const MAX_PAGES: usize = 1_000;
/// Records of a page; Salesforce may give fewer.
const PAGE: &str = "batchSize=2000";
const OPTIONS: HeaderName = HeaderName::from_static("sforce-query-options");

#[derive(Deserialize)]
struct Wire<T> {
    records: Vec<T>,
    #[serde(default)]
    done: bool,
    #[serde(rename = "nextRecordsUrl")]
    next: Option<String>,
}

impl SalesforceClient {
    /// All records of a query, every page. With `deleted` also those in the recycle bin, and archived tasks.
    ///
    /// # Errors
    /// `BadSetting` when a field cannot be seen; `Unavailable`, `DailyCalls` and the like.
    pub async fn query<T: DeserializeOwned>(&self, soql: &str, deleted: bool) -> Result<Vec<T>, Failure> {
        self.inner.query(soql, deleted).await
    }
}

impl Inner {
    pub async fn query<T: DeserializeOwned>(&self, soql: &str, deleted: bool) -> Result<Vec<T>, Failure> {
        let (name, path) = if deleted { ("GET /queryAll", "/queryAll") } else { ("GET /query", "/query") };
        let first = Request::get(name, path).param("q", soql).header(OPTIONS, HeaderValue::from_static(PAGE));
        let mut page: Wire<T> = self.json(&first).await?;
        let mut records = page.records;
        for _ in 0..MAX_PAGES {
            let Some(next) = page.next.filter(|_| !page.done) else { return Ok(records) };
            if !next.starts_with("/services/data/") {
                return Err(self
                    .spot(&first)
                    .bad_answer("the next page lies at an address that is not Salesforce's")
                    .failure);
            }
            page = self.json(&Request::get(name, next)).await?;
            records.append(&mut page.records);
        }
        Err(self.spot(&first).bad_answer("the query has more pages than are read").failure)
    }
}
