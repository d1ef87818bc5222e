//! A table of things with a place on a shelf on DynamoDB: the register of opt-outs, the table of tasks. Layout 1, as the README has it. Must not know
//! what a thing means; no text names a key.

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ports::{Clock, PutOutcome, Shelf};
use domain::{Failure, FailureKind, Timestamp};

use super::item::REV;
use super::listing::{Index, Listing, number, text};
use super::writes::{self, Write};
use super::{Attributes, ClockHandle, Item, on_table, read};
use crate::places::shelf_name;
use crate::things::{self, Stored, Thing};

const BODY: &str = "body";
const LAYOUT: &str = "layout";

/// The layout written, and the only one read.
const LAYOUT_NOW: &str = "1";

pub(super) const BY_PUSH: Index = Index { name: "by-push", shelf: "pushShelf", at: "pushAt" };

/// A table of things.
#[derive(Debug, Clone)]
pub(super) struct Things<T> {
    client: Client,
    table: String,
    clock: ClockHandle,
    of: PhantomData<fn() -> T>,
}

impl<T: Thing> Things<T> {
    /// The table of this name.
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table: table.into(), clock: ClockHandle(clock), of: PhantomData }
    }

    pub async fn get(&self, keys: &[T::Key]) -> Result<Vec<T>, Failure> {
        let keys = keys.iter().collect::<BTreeSet<_>>().into_iter().map(key::<T>).collect();
        let items = read(&self.client, &*self.clock.0, &self.table, keys).await?;
        items.iter().map(|item| self.thing(item)).collect()
    }

    pub async fn put(&self, writes: Vec<T::Write>) -> Result<Vec<PutOutcome>, Failure> {
        let items = things::stored::<T>(writes)?.into_iter().map(item::<T>).collect();
        writes::put(&self.client, &*self.clock.0, &self.table, items).await
    }

    pub async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&T::Place>,
        limit: usize,
    ) -> Result<Vec<T::Place>, Failure> {
        let Some(span) = things::span::<T>(until, from) else { return Ok(Vec::new()) };
        let from = span.from.map(|(at, found)| (at, key::<T>(found)));
        let listing = Listing { client: &self.client, table: &self.table, index: BY_PUSH, shelf, until: span.until };
        let found = listing.read(from, limit).await?;
        let place = |item: &Item| {
            let at = item.get(BY_PUSH.at).and_then(|value| value.as_n().ok()).and_then(|at| at.parse().ok());
            let key = self.key_of(item)?;
            at.and_then(|at| things::shelved::<T>(at, key)).ok_or_else(|| self.corrupt(BY_PUSH.at))
        };
        found.iter().map(place).collect()
    }

    pub async fn scan(&self, from: Option<&T::Key>) -> Result<(Vec<T>, Option<T::Key>), Failure> {
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .set_exclusive_start_key(from.map(key::<T>))
            .send()
            .await
            .map_err(|error| on_table("dynamodb:Scan", &self.table).failure(&error))?;
        let next = match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => Some(self.key_of(&key)?),
            None => None,
        };
        let things = page.items.unwrap_or_default();
        Ok((things.iter().map(|item| self.thing(item)).collect::<Result<_, _>>()?, next))
    }

    /// The thing of an item.
    fn thing(&self, item: &Item) -> Result<T, Failure> {
        let whole = |name: &str| item.get(name).and_then(|value| value.as_n().ok());
        if whole(LAYOUT).is_none_or(|layout| layout != LAYOUT_NOW) {
            return Err(self.corrupt(LAYOUT));
        }
        let rev = whole(REV).and_then(|rev| rev.parse().ok()).ok_or_else(|| self.corrupt(REV))?;
        let (key, body) = (item.get(T::KEY).and_then(|v| v.as_s().ok()), item.get(BODY).and_then(|v| v.as_s().ok()));
        key.zip(body).and_then(|(key, body)| things::thing(key, rev, body)).ok_or_else(|| self.corrupt(BODY))
    }

    fn key_of(&self, item: &Item) -> Result<T::Key, Failure> {
        let key = item.get(T::KEY).and_then(|value| value.as_s().ok());
        key.and_then(|key| T::parsed(key)).ok_or_else(|| self.corrupt(T::KEY))
    }

    fn corrupt(&self, attribute: &str) -> Failure {
        Failure::new(
            FailureKind::CorruptState,
            format!(
                "an item of table `{}` is not {} of layout {LAYOUT_NOW}: attribute `{attribute}`",
                self.table,
                T::WHAT
            ),
        )
    }
}

/// The key of a thing.
fn key<T: Thing>(key: &T::Key) -> Item {
    HashMap::from([(T::KEY.to_owned(), text(T::text(key)))])
}

/// A thing as an item that replaces what was seen.
fn item<T: Thing>(stored: Stored<T::Key>) -> Write {
    let mut attributes: Attributes = vec![
        (T::KEY, text(T::text(&stored.key))),
        (REV, number(stored.rev)),
        (LAYOUT, number(LAYOUT_NOW)),
        (BODY, AttributeValue::S(stored.body)),
    ];
    if let Some((shelf, at)) = stored.place {
        attributes.push((BY_PUSH.shelf, text(shelf_name(shelf))));
        attributes.push((BY_PUSH.at, number(at)));
    }
    Write { attributes, seen: stored.seen }
}
