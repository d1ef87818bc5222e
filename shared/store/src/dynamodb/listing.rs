//! Listing a shelf through an index over it. Must not know what lies there.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::ports::Shelf;
use domain::{Failure, FailureKind};

use super::{Item, on_table};
use crate::places::shelf_name;

/// Most pages of one listing: an index page holds thousands of places, so that more than this is a fault.
const SHELF_PAGES: usize = 1_000;

/// An index over shelves, and the attributes that it lies over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index {
    pub name: &'static str,
    pub shelf: &'static str,
    pub at: &'static str,
}

/// A listing of a shelf up to an instant, in milliseconds since 1970.
pub(super) struct Listing<'a> {
    pub client: &'a Client,
    pub table: &'a str,
    pub index: Index,
    pub shelf: Shelf,
    pub until: i64,
}

impl Listing<'_> {
    /// Items of the index by their time, at most `limit`, behind a place: its instant and the key of the table's item.
    pub async fn read(self, from: Option<(i64, Item)>, limit: usize) -> Result<Vec<Item>, Failure> {
        let (call, index, name) = (on_table("dynamodb:Query", self.table), self.index, shelf_name(self.shelf));
        let mut start = from.map(|(at, mut start)| {
            start.extend([(index.shelf.to_owned(), text(name)), (index.at.to_owned(), number(at))]);
            start
        });
        let mut found = Vec::new();
        for _ in 0..SHELF_PAGES {
            if found.len() >= limit {
                return Ok(found);
            }
            let page = self
                .client
                .query()
                .table_name(self.table)
                .index_name(index.name)
                .key_condition_expression("#shelf = :shelf AND #at <= :until")
                .expression_attribute_names("#shelf", index.shelf)
                .expression_attribute_names("#at", index.at)
                .expression_attribute_values(":shelf", text(name))
                .expression_attribute_values(":until", number(self.until))
                .limit(i32::try_from(limit - found.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| call.failure(&error))?;
            found.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(found);
            }
        }
        Err(Failure::new(
            FailureKind::CorruptState,
            format!(
                "index `{}` of table `{}` gave more than {SHELF_PAGES} pages for one listing",
                index.name, self.table
            ),
        ))
    }
}

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
