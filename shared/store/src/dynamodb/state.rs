//! Documents and receipts on DynamoDB. Must not know what a document says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ports::{Clock, Document, SyncState};
use domain::{Failure, FailureKind};
use serde_json::Value;

use super::{ClockHandle, Item, on_table, read};
use crate::rules::{RECEIPT_PREFIX, RECEIPTS_PER_ITEM, check_receipts, document_text, document_value};

pub(super) const KEY: &str = "key";

const LAYOUT: &str = "layout";
const VERSION: &str = "version";
const BODY: &str = "body";
const DONE: &str = "done";

/// The layout written, and the only one read.
const LAYOUT_NOW: &str = "1";

/// Documents and receipts on DynamoDB.
///
/// A save whose answer was lost may have happened; its repeat, which the SDK's retries make too, is then a `Conflict` with itself.
/// The caller loads the document and decides again.
#[derive(Debug, Clone)]
pub struct DynamoState {
    client: Client,
    table: String,
    clock: ClockHandle,
}

impl DynamoState {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table: table.into(), clock: ClockHandle(clock) }
    }

    /// The document that an item holds.
    fn document(&self, key: &str, item: &Item) -> Result<Document, Failure> {
        self.check_layout(key, item)?;
        let version = item.get(VERSION).and_then(|v| v.as_n().ok()).and_then(|n| n.parse().ok());
        let version = version.ok_or_else(|| self.corrupt(key, VERSION))?;
        let body = item.get(BODY).and_then(|v| v.as_s().ok()).ok_or_else(|| self.corrupt(key, BODY))?;
        Ok(Document { value: document_value(&self.table, key, body)?, version })
    }

    /// The receipts that an item holds.
    fn chunk(&self, item: &Item) -> Result<(u32, Vec<u32>), Failure> {
        let key = item.get(KEY).and_then(|v| v.as_s().ok()).map_or("", String::as_str);
        self.check_layout(key, item)?;
        let number = key.rsplit('#').next().and_then(|n| n.parse().ok()).ok_or_else(|| self.corrupt(key, KEY))?;
        let done = item.get(DONE).and_then(|v| v.as_ns().ok()).ok_or_else(|| self.corrupt(key, DONE))?;
        let offsets = done
            .iter()
            .map(|n| n.parse().ok().filter(|offset| *offset < RECEIPTS_PER_ITEM))
            .collect::<Option<_>>()
            .ok_or_else(|| self.corrupt(key, DONE))?;
        Ok((number, offsets))
    }

    fn check_layout(&self, key: &str, item: &Item) -> Result<(), Failure> {
        match item.get(LAYOUT).map(AttributeValue::as_n) {
            Some(Ok(layout)) if layout == LAYOUT_NOW => Ok(()),
            _ => Err(self.corrupt(key, LAYOUT)),
        }
    }

    fn corrupt(&self, key: &str, attribute: &str) -> Failure {
        Failure::new(
            FailureKind::CorruptState,
            format!("item `{key}` of table `{}` is not of layout {LAYOUT_NOW}: attribute `{attribute}`", self.table),
        )
    }
}

/// The key attribute alone.
fn key_of(key: String) -> Item {
    HashMap::from([(KEY.to_owned(), AttributeValue::S(key))])
}

/// Key of the item that holds the receipts from `chunk * RECEIPTS_PER_ITEM` on.
fn receipt_key(group: &str, chunk: u32) -> String {
    format!("{RECEIPT_PREFIX}{group}#{chunk}")
}

#[async_trait]
impl SyncState for DynamoState {
    async fn load(&self, key: &str) -> Result<Option<Document>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key_of(key.to_owned())))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| on_table("dynamodb:GetItem", &self.table).failure(&error))?;
        answer.item.map(|item| self.document(key, &item)).transpose()
    }

    async fn save(&self, key: &str, value: &Value, seen: Option<u64>) -> Result<u64, Failure> {
        let body = document_text(key, value)?;
        let version = seen.map_or(1, |seen| seen.saturating_add(1));
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, AttributeValue::S(key.to_owned()))
            .item(LAYOUT, AttributeValue::N(LAYOUT_NOW.to_owned()))
            .item(VERSION, AttributeValue::N(version.to_string()))
            .item(BODY, AttributeValue::S(body));
        let request = match seen {
            None => request.condition_expression("attribute_not_exists(#key)").expression_attribute_names("#key", KEY),
            Some(seen) => request
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":seen", AttributeValue::N(seen.to_string())),
        };
        match request.send().await {
            Ok(_) => Ok(version),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Err(
                Failure::new(FailureKind::Conflict, format!("document `{key}` was saved by somebody else in between")),
            ),
            Err(error) => Err(on_table("dynamodb:PutItem", &self.table).failure(&error)),
        }
    }

    async fn add_receipt(&self, group: &str, receipt: u32) -> Result<(), Failure> {
        // Offsets within the item, not the receipts themselves: three digits at most keep a full set under one write unit.
        let offset = (receipt % RECEIPTS_PER_ITEM).to_string();
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key_of(receipt_key(group, receipt / RECEIPTS_PER_ITEM))))
            .update_expression("SET #layout = :layout ADD #done :offset")
            .expression_attribute_names("#layout", LAYOUT)
            .expression_attribute_names("#done", DONE)
            .expression_attribute_values(":layout", AttributeValue::N(LAYOUT_NOW.to_owned()))
            .expression_attribute_values(":offset", AttributeValue::Ns(vec![offset]))
            .send()
            .await
            .map(drop)
            .map_err(|error| on_table("dynamodb:UpdateItem", &self.table).failure(&error))
    }

    async fn receipts(&self, group: &str, end: u32) -> Result<BTreeSet<u32>, Failure> {
        check_receipts(group, end)?;
        let chunks = 0..end.div_ceil(RECEIPTS_PER_ITEM);
        let keys = chunks.map(|chunk| key_of(receipt_key(group, chunk))).collect();
        let mut receipts = BTreeSet::new();
        for item in &read(&self.client, &*self.clock.0, &self.table, keys).await? {
            let (chunk, offsets) = self.chunk(item)?;
            receipts.extend(offsets.into_iter().map(|offset| chunk * RECEIPTS_PER_ITEM + offset));
        }
        receipts.retain(|receipt| *receipt < end);
        Ok(receipts)
    }
}
