//! The ledger of activities on DynamoDB. Layout 1, as the README has it. Must not know what an activity says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, Clock, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::item::{ID, REV};
use super::writes::{self, Write};
use super::{Attributes, ClockHandle, Item, KEYS_PER_READ, READS_IN_FLIGHT, on_table, read_batch};
use crate::rules::{check_distinct_entries, entry_text, entry_value, shelf_name, stored_entry, to_milliseconds};

const BODY: &str = "body";
const LAYOUT: &str = "layout";
/// The layout written, and the only one read.
const LAYOUT_NOW: &str = "1";

/// An index of a destination, and the attributes that it lies over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    pub name: &'static str,
    pub shelf: &'static str,
    pub at: &'static str,
}

pub(super) const BY_MARKETO: Index = Index { name: "by-marketo", shelf: "marketoShelf", at: "marketoAt" };
pub(super) const BY_SALESFORCE: Index = Index { name: "by-salesforce", shelf: "salesforceShelf", at: "salesforceAt" };

fn index(destination: Destination) -> Index {
    match destination {
        Destination::Marketo => BY_MARKETO,
        Destination::Salesforce => BY_SALESFORCE,
    }
}

/// The ledger of activities on DynamoDB.
///
/// - A write whose answer was lost may have happened; its repeat, which the SDK's retries make too, is then a conflict with itself.
/// - [`ActivityLedger::shelf`] goes through an index that follows the table by a moment; its times are whole milliseconds.
#[derive(Debug, Clone)]
pub struct DynamoLedger {
    client: Client,
    table: String,
    clock: ClockHandle,
}

impl DynamoLedger {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table: table.into(), clock: ClockHandle(clock) }
    }

    fn attributes(&self, entry: &Entry) -> Result<Attributes, Failure> {
        let mut item: Attributes = vec![
            (ID, text(&entry.id().0)),
            (REV, number(entry.rev)),
            (LAYOUT, AttributeValue::N(LAYOUT_NOW.to_owned())),
            (BODY, AttributeValue::S(entry_text(entry)?)),
        ];
        for destination in Destination::ALL {
            if let Some((shelf, place)) = entry.shelved(destination) {
                let index = index(destination);
                item.push((index.shelf, text(shelf_name(shelf))));
                item.push((index.at, number(place.at.as_millisecond())));
            }
        }
        Ok(item)
    }

    fn entry(&self, item: &Item) -> Result<Entry, Failure> {
        let of = |name: &str| item.get(name);
        if of(LAYOUT).and_then(|value| value.as_n().ok()).is_none_or(|layout| layout != LAYOUT_NOW) {
            return Err(self.corrupt(LAYOUT));
        }
        let rev = of(REV)
            .and_then(|value| value.as_n().ok())
            .and_then(|n| n.parse().ok())
            .ok_or_else(|| self.corrupt(REV))?;
        let body = of(BODY).and_then(|value| value.as_s().ok()).ok_or_else(|| self.corrupt(BODY))?;
        let entry = entry_value(body).ok_or_else(|| self.corrupt(BODY))?;
        Ok(Entry { rev, ..entry })
    }

    fn corrupt(&self, attribute: &str) -> Failure {
        Failure::new(
            FailureKind::CorruptState,
            format!("an item of table `{}` is no activity of layout {LAYOUT_NOW}: attribute `{attribute}`", self.table),
        )
    }
}

#[async_trait]
impl ActivityLedger for DynamoLedger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        // BatchGetItem refuses a request that names a key twice.
        let ids: Vec<&ActivityId> = ids.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let reads: Vec<_> = ids
            .chunks(KEYS_PER_READ)
            .map(|chunk| chunk.iter().map(|id| HashMap::from([(ID.to_owned(), text(&id.0))])).collect())
            .map(|keys| read_batch(&self.client, &*self.clock.0, &self.table, keys))
            .collect();
        let items: Vec<_> = stream::iter(reads).buffered(READS_IN_FLIGHT).try_collect().await?;
        items.iter().flatten().map(|item| self.entry(item)).collect()
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        check_distinct_entries(&writes)?;
        let item = |write: EntryWrite| {
            let seen = write.seen;
            Ok(Write { attributes: self.attributes(&stored_entry(write))?, seen })
        };
        let items = writes.into_iter().map(item).collect::<Result<_, Failure>>()?;
        writes::put(&self.client, &*self.clock.0, &self.table, items).await
    }

    async fn shelf(
        &self,
        destination: Destination,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&Shelved>,
        limit: usize,
    ) -> Result<Vec<Shelved>, Failure> {
        let (call, index) = (on_table("dynamodb:Query", &self.table), index(destination));
        let on = text(shelf_name(shelf));
        let mut start = from.map(|from| {
            HashMap::from([
                (ID.to_owned(), text(&from.id.0)),
                (index.shelf.to_owned(), on.clone()),
                (index.at.to_owned(), number(from.at.as_millisecond())),
            ])
        });
        let mut found = Vec::new();
        while found.len() < limit {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(index.name)
                .key_condition_expression("#shelf = :shelf AND #at <= :until")
                .expression_attribute_names("#shelf", index.shelf)
                .expression_attribute_names("#at", index.at)
                .expression_attribute_values(":shelf", on.clone())
                .expression_attribute_values(":until", number(until.as_millisecond()))
                .limit(i32::try_from(limit - found.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| call.failure(&error))?;
            for item in page.items.iter().flatten() {
                let id = item.get(ID).and_then(|value| value.as_s().ok()).ok_or_else(|| self.corrupt(ID))?;
                let at = item.get(index.at).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
                let at =
                    at.and_then(|ms| Timestamp::from_millisecond(ms).ok()).ok_or_else(|| self.corrupt(index.at))?;
                found.push(Shelved { at: to_milliseconds(at), id: ActivityId(id.clone()) });
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                break;
            }
        }
        Ok(found)
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
