//! Conditional writes of whole items, inserts in statement batches, replacements one by one. Must not know what an item holds beyond its
//! revision.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Failure;
use domain::ports::{Clock, PutOutcome};
use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::item::REV;
use super::statements::{self, STATEMENTS_PER_CALL};
use super::{Attributes, on_table};

/// Statement batches in flight: 200 items under way, a fifth of a second's worth for one partition.
const INSERT_CALLS_IN_FLIGHT: usize = 8;

/// Most bytes of texts in one statement batch. A request may have 16 MiB, in which texts that are JSON are escaped once more.
const MAX_BATCH_BYTES: usize = 2 * 1024 * 1024;

/// Conditional puts in flight.
const PUTS_IN_FLIGHT: usize = 16;

/// An item to write, and the revision that it replaces; `None` = there must be none.
pub(super) struct Write {
    pub attributes: Attributes,
    pub seen: Option<u64>,
}

/// Writes each item if the stored one is still the one seen; one outcome per write, same order. Keys must be distinct.
pub(super) async fn put(
    client: &Client,
    clock: &dyn Clock,
    table: &str,
    writes: Vec<Write>,
) -> Result<Vec<PutOutcome>, Failure> {
    let mut outcomes = vec![PutOutcome::Conflict; writes.len()];
    let mut fresh = Vec::new();
    let mut replacing = Vec::new();
    for (place, Write { attributes, seen }) in writes.into_iter().enumerate() {
        match seen {
            None => fresh.push((place, attributes)),
            Some(seen) => replacing.push(replace(client, table, place, attributes, seen)),
        }
    }
    let inserting = batches(fresh).into_iter().map(|batch| statements::insert(client, clock, table, batch));
    let (inserted, replaced) = try_join(
        stream::iter(inserting.collect::<Vec<_>>()).buffer_unordered(INSERT_CALLS_IN_FLIGHT).try_collect::<Vec<_>>(),
        stream::iter(replacing).buffer_unordered(PUTS_IN_FLIGHT).try_collect::<Vec<_>>(),
    )
    .await?;
    for (place, outcome) in inserted.into_iter().flatten().chain(replaced) {
        outcomes[place] = outcome;
    }
    Ok(outcomes)
}

/// Items, each with its place in the caller's list.
type Placed = Vec<(usize, Attributes)>;

/// Cuts items into batches of at most [`STATEMENTS_PER_CALL`] and, where each alone has fewer, [`MAX_BATCH_BYTES`].
fn batches(items: Placed) -> Vec<Placed> {
    let mut batches: Vec<Placed> = Vec::with_capacity(items.len().div_ceil(STATEMENTS_PER_CALL));
    let mut bytes = 0;
    for item in items {
        let size = item.1.iter().map(|(_, value)| text_bytes(value)).sum::<usize>();
        bytes += size;
        match batches.last_mut() {
            Some(batch) if batch.len() < STATEMENTS_PER_CALL && bytes <= MAX_BATCH_BYTES => batch.push(item),
            _ => {
                bytes = size;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

/// Bytes of the texts of a value.
fn text_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::M(map) => map.values().map(text_bytes).sum(),
        _ => 0,
    }
}

/// Stores an item where the stored revision is still the one seen.
async fn replace(
    client: &Client,
    table: &str,
    place: usize,
    attributes: Attributes,
    seen: u64,
) -> Result<(usize, PutOutcome), Failure> {
    let item = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let answer = client
        .put_item()
        .table_name(table)
        .set_item(Some(item))
        .condition_expression("#rev = :seen")
        .expression_attribute_names("#rev", REV)
        .expression_attribute_values(":seen", AttributeValue::N(seen.to_string()))
        .send()
        .await;
    match answer {
        Ok(_) => Ok((place, PutOutcome::Stored)),
        Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
            Ok((place, PutOutcome::Conflict))
        }
        Err(error) => Err(on_table("dynamodb:PutItem", table).failure(&error)),
    }
}
