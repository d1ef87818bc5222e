//! The ledger of activities on DynamoDB. Layout 1, as the README has it. Must not know what an activity says.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::activities::{ActivityId, Destination, Entry};
use domain::ports::{ActivityLedger, Clock, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{Failure, FailureKind, Timestamp};

use super::item::{ID, REV};
use super::listing::{Index, Listing, number, text};
use super::writes::{self, Write};
use super::{Attributes, ClockHandle, Item, read};
use crate::entries::{self, StoredEntry, is_storable, stored_entries};
use crate::places::shelf_name;

const BODY: &str = "body";
const LAYOUT: &str = "layout";

/// The layout written, and the only one read.
const LAYOUT_NOW: &str = "1";

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
/// - [`ActivityLedger::shelf`] goes through an index that follows the table by a moment. Its times are whole milliseconds, rounded down.
///   Entries of one millisecond come in any order, which stays the same, so that no page misses or repeats one.
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

    /// The entry of an item.
    fn entry(&self, item: &Item) -> Result<Entry, Failure> {
        let id = self.id(item)?;
        let whole = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
        if whole(LAYOUT).is_none_or(|layout| layout != LAYOUT_NOW) {
            return Err(self.corrupt(&id, LAYOUT));
        }
        let rev = whole(REV).and_then(|rev| rev.parse().ok()).ok_or_else(|| self.corrupt(&id, REV))?;
        let body = item.get(BODY).and_then(|value| value.as_s().ok());
        body.and_then(|body| entries::entry(&id, rev, body)).ok_or_else(|| self.corrupt(&id, BODY))
    }

    /// The place that an item of an index stands for.
    fn shelved(&self, index: Index, item: &Item) -> Result<Shelved, Failure> {
        let id = self.id(item)?;
        let at = item.get(index.at).and_then(|value| value.as_n().ok()).and_then(|at| at.parse().ok());
        at.and_then(|at| entries::shelved(at, id.clone())).ok_or_else(|| self.corrupt(&id, index.at))
    }

    /// The id of an item, the only value of it that a text may name.
    fn id(&self, item: &Item) -> Result<ActivityId, Failure> {
        match item.get(ID).and_then(|value| value.as_s().ok()) {
            Some(id) => Ok(ActivityId(id.clone())),
            None => Err(Failure::new(
                FailureKind::CorruptState,
                format!("an item of table `{}` has no text as `{ID}`", self.table),
            )),
        }
    }

    fn corrupt(&self, id: &ActivityId, attribute: &str) -> Failure {
        Failure::new(
            FailureKind::CorruptState,
            format!(
                "item `{id}` of table `{}` is not an activity of layout {LAYOUT_NOW}: attribute `{attribute}`",
                self.table
            ),
        )
    }
}

/// The key of an entry.
fn key(id: &ActivityId) -> Item {
    HashMap::from([(ID.to_owned(), text(&id.0))])
}

/// An entry as an item that replaces what was seen.
fn item(entry: StoredEntry) -> Write {
    let mut attributes: Attributes = vec![
        (ID, AttributeValue::S(entry.id.0)),
        (REV, number(entry.rev)),
        (LAYOUT, number(LAYOUT_NOW)),
        (BODY, AttributeValue::S(entry.body)),
    ];
    for place in entry.places {
        let index = index(place.destination);
        attributes.push((index.shelf, text(shelf_name(place.shelf))));
        attributes.push((index.at, number(place.at)));
    }
    Write { attributes, seen: entry.seen }
}

#[async_trait]
impl ActivityLedger for DynamoLedger {
    async fn get(&self, ids: &[ActivityId]) -> Result<Vec<Entry>, Failure> {
        // One that is no key would spoil the request.
        let ids: BTreeSet<&ActivityId> = ids.iter().filter(|id| is_storable(id)).collect();
        let items = read(&self.client, &*self.clock.0, &self.table, ids.into_iter().map(key).collect()).await?;
        items.iter().map(|item| self.entry(item)).collect()
    }

    async fn put(&self, writes: Vec<EntryWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let items = stored_entries(writes)?.into_iter().map(item).collect();
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
        let Some(span) = entries::span(until, from)? else { return Ok(Vec::new()) };
        let index = index(destination);
        let from = span.from.map(|(at, id)| (at, key(id)));
        let listing = Listing { client: &self.client, table: &self.table, index, shelf, until: span.until };
        let found = listing.read(from, limit).await?;
        found.iter().map(|item| self.shelved(index, item)).collect()
    }
}
