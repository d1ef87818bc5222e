//! The register of opt-outs on DynamoDB. Layout 1, as the README has it. Must not know what an opt-out means; no text names an address.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{Clock, OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, FailureKind, Timestamp};

use super::item::REV;
use super::listing::{Index, Listing, number, text};
use super::writes::{self, Write};
use super::{Attributes, ClockHandle, Item, on_table, read};
use crate::places::shelf_name;
use crate::register::{self, StoredOptOut};

pub(super) const EMAIL: &str = "email";
const BODY: &str = "body";
const LAYOUT: &str = "layout";

/// The layout written, and the only one read.
const LAYOUT_NOW: &str = "1";

pub(super) const BY_PUSH: Index = Index { name: "by-push", shelf: "pushShelf", at: "pushAt" };

/// The register of opt-outs on DynamoDB. What is said of writes and listings of [`super::DynamoLedger`] holds here, too.
#[derive(Debug, Clone)]
pub struct DynamoOptOuts {
    client: Client,
    table: String,
    clock: ClockHandle,
}

impl DynamoOptOuts {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table: table.into(), clock: ClockHandle(clock) }
    }

    /// The entry of an item.
    fn entry(&self, item: &Item) -> Result<OptOut, Failure> {
        let whole = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
        if whole(LAYOUT).is_none_or(|layout| layout != LAYOUT_NOW) {
            return Err(self.corrupt(LAYOUT));
        }
        let rev = whole(REV).and_then(|rev| rev.parse().ok()).ok_or_else(|| self.corrupt(REV))?;
        let (key, body) = (item.get(EMAIL).and_then(|v| v.as_s().ok()), item.get(BODY).and_then(|v| v.as_s().ok()));
        key.zip(body).and_then(|(key, body)| register::entry(key, rev, body)).ok_or_else(|| self.corrupt(BODY))
    }

    fn address(&self, item: &Item) -> Result<Address, Failure> {
        let key = item.get(EMAIL).and_then(|value| value.as_s().ok());
        key.and_then(|key| Address::of(key)).ok_or_else(|| self.corrupt(EMAIL))
    }

    fn corrupt(&self, attribute: &str) -> Failure {
        Failure::new(
            FailureKind::CorruptState,
            format!(
                "an item of table `{}` is not an opt-out of layout {LAYOUT_NOW}: attribute `{attribute}`",
                self.table
            ),
        )
    }
}

/// The key of an entry.
fn key(address: &Address) -> Item {
    HashMap::from([(EMAIL.to_owned(), text(address.as_str()))])
}

/// An entry as an item that replaces what was seen.
fn item(entry: StoredOptOut) -> Write {
    let mut attributes: Attributes = vec![
        (EMAIL, text(entry.address.as_str())),
        (REV, number(entry.rev)),
        (LAYOUT, number(LAYOUT_NOW)),
        (BODY, AttributeValue::S(entry.body)),
    ];
    if let Some((shelf, at)) = entry.place {
        attributes.push((BY_PUSH.shelf, text(shelf_name(shelf))));
        attributes.push((BY_PUSH.at, number(at)));
    }
    Write { attributes, seen: entry.seen }
}

#[async_trait]
impl OptOutRegister for DynamoOptOuts {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        let keys = addresses.iter().collect::<BTreeSet<_>>().into_iter().map(key).collect();
        let items = read(&self.client, &*self.clock.0, &self.table, keys).await?;
        items.iter().map(|item| self.entry(item)).collect()
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let items = register::stored(writes)?.into_iter().map(item).collect();
        writes::put(&self.client, &*self.clock.0, &self.table, items).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        let Some(span) = register::span(until, from) else { return Ok(Vec::new()) };
        let from = span.from.map(|(at, address)| (at, key(address)));
        let listing = Listing { client: &self.client, table: &self.table, index: BY_PUSH, shelf, until: span.until };
        let found = listing.read(from, limit).await?;
        let place = |item: &Item| {
            let at = item.get(BY_PUSH.at).and_then(|value| value.as_n().ok()).and_then(|at| at.parse().ok());
            let address = self.address(item)?;
            at.and_then(|at| register::shelved(at, address)).ok_or_else(|| self.corrupt(BY_PUSH.at))
        };
        found.iter().map(place).collect()
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .set_exclusive_start_key(from.map(key))
            .send()
            .await
            .map_err(|error| on_table("dynamodb:Scan", &self.table).failure(&error))?;
        let next = match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => Some(self.address(&key)?),
            None => None,
        };
        let entries = page.items.unwrap_or_default();
        Ok((entries.iter().map(|item| self.entry(item)).collect::<Result<_, _>>()?, next))
    }
}
