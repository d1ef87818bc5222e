//! The people table on DynamoDB. Must not decide anything about people: it writes what it is given, where nobody else wrote first.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::people::{MarketoId, PersonRow, normalised_email};
use domain::ports::{Clock, PeopleTable, PutOutcome, RowWrite};
use domain::{Failure, FailureKind};

use super::writes::{self, Write};
use super::{ClockHandle, item, on_table, read};
use crate::rules::{check_distinct, email_key, salesforce_key, stored_row};

/// Most pages of people with one email address or Salesforce id: an index page holds thousands, so that more than this is a fault.
const INDEX_PAGES: usize = 100;

/// The people table on DynamoDB.
///
/// - Instants are kept in milliseconds: [`PersonRow::as_of`] and [`PersonRow::opportunity_as_of`] are cut to them on the way in.
/// - A write whose answer was lost may have happened; its repeat, which the SDK's retries make too, is then a conflict with itself.
///   The caller reads the row and finds nothing left to write.
/// - [`PeopleTable::by_email`] and [`PeopleTable::by_salesforce_id`] go through indexes that follow the table by a moment; what they give is
///   read from the table itself.
#[derive(Debug, Clone)]
pub struct DynamoPeople {
    client: Client,
    table: String,
    clock: ClockHandle,
}

impl DynamoPeople {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table: table.into(), clock: ClockHandle(clock) }
    }

    /// Ids that an index has for a key of it.
    async fn indexed(&self, (index, attribute): (&str, &str), key: &str) -> Result<Vec<MarketoId>, Failure> {
        let call = on_table("dynamodb:Query", &self.table);
        let mut ids = Vec::new();
        let mut from = None;
        for _ in 0..INDEX_PAGES {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(index)
                .key_condition_expression("#key = :key")
                .expression_attribute_names("#key", attribute)
                .expression_attribute_values(":key", AttributeValue::S(key.to_owned()))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| call.failure(&error))?;
            for found in page.items.iter().flatten() {
                ids.push(item::id(&self.table, found)?);
            }
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                return Ok(ids);
            }
        }
        Err(Failure::new(
            FailureKind::CorruptState,
            format!("one key has more than {INDEX_PAGES} pages in an index of table `{}`", self.table),
        ))
    }
}

#[async_trait]
impl PeopleTable for DynamoPeople {
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure> {
        let keys = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().map(item::key).collect();
        let items = read(&self.client, &*self.clock.0, &self.table, keys).await?;
        items.into_iter().map(|found| item::row(&self.table, found)).collect()
    }

    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        check_distinct("person", writes.iter().map(|write| write.row.id))?;
        let items = writes.into_iter().map(|write| {
            let seen = write.seen;
            Write { attributes: item::attributes(&stored_row(write)), seen }
        });
        writes::put(&self.client, &*self.clock.0, &self.table, items.collect()).await
    }

    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure> {
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .set_exclusive_start_key(from.map(item::key))
            .send()
            .await
            .map_err(|error| on_table("dynamodb:Scan", &self.table).failure(&error))?;
        let next = match page.last_evaluated_key.filter(|key| !key.is_empty()) {
            Some(key) => Some(item::id(&self.table, &key)?),
            None => None,
        };
        let rows = page.items.unwrap_or_default().into_iter().map(|found| item::row(&self.table, found));
        Ok((rows.collect::<Result<_, _>>()?, next))
    }

    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure> {
        let Some(key) = normalised_email(email) else { return Ok(Vec::new()) };
        let ids = self.indexed((item::BY_EMAIL, item::EMAIL_KEY), &key).await?;
        let mut rows = self.get(&ids).await?;
        // The index may still hold an address that the row has lost.
        rows.retain(|row| email_key(row).as_deref() == Some(&key));
        Ok(rows)
    }

    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure> {
        let ids = self.indexed((item::BY_SALESFORCE_ID, item::SFDC_KEY), id).await?;
        let mut rows = self.get(&ids).await?;
        rows.retain(|row| salesforce_key(row) == Some(id));
        Ok(rows)
    }
}
