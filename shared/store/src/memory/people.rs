//! The people table in memory. Must not decide anything about people: it writes what it is given, where nobody else wrote first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::Failure;
use domain::people::{MarketoId, PersonRow, normalised_email};
use domain::ports::{PeopleTable, PutOutcome, RowWrite};

use super::lock;
use crate::rules::{check_distinct, email_key, salesforce_key, stored_row};

/// Rows of one scanned page: few enough that tests see several pages.
const SCAN_PAGE_ROWS: usize = 500;

/// The people table in memory. Instants are cut to milliseconds, as on DynamoDB.
#[derive(Debug, Default)]
pub struct MemoryPeople {
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    by_id: BTreeMap<MarketoId, PersonRow>,
    by_email: HashMap<String, BTreeSet<MarketoId>>,
    by_salesforce_id: HashMap<String, BTreeSet<MarketoId>>,
}

impl MemoryPeople {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Rows {
    fn put(&mut self, write: RowWrite) -> PutOutcome {
        let stored = self.by_id.get(&write.row.id);
        if stored.map(|row| row.rev) != write.seen {
            return PutOutcome::Conflict;
        }
        let row = stored_row(write);
        let email = (stored.and_then(email_key), email_key(&row));
        let owned = |row: &PersonRow| salesforce_key(row).map(str::to_owned);
        let salesforce_id = (stored.and_then(owned), owned(&row));
        moved(&mut self.by_email, row.id, email);
        moved(&mut self.by_salesforce_id, row.id, salesforce_id);
        self.by_id.insert(row.id, row);
        PutOutcome::Stored
    }
}

/// Moves a row from one key of an index to another.
fn moved(
    index: &mut HashMap<String, BTreeSet<MarketoId>>,
    id: MarketoId,
    (before, after): (Option<String>, Option<String>),
) {
    if before == after {
        return;
    }
    if let Some(before) = before
        && let Some(ids) = index.get_mut(&before)
    {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(&before);
        }
    }
    if let Some(after) = after {
        index.entry(after).or_default().insert(id);
    }
}

#[async_trait]
impl PeopleTable for MemoryPeople {
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure> {
        let wanted: BTreeSet<_> = ids.iter().collect();
        let rows = lock(&self.rows);
        Ok(wanted.into_iter().filter_map(|id| rows.by_id.get(id).cloned()).collect())
    }

    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        check_distinct("person", writes.iter().map(|write| write.row.id))?;
        let mut rows = lock(&self.rows);
        Ok(writes.into_iter().map(|write| rows.put(write)).collect())
    }

    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure> {
        let rows = lock(&self.rows);
        let start = from.map_or(Bound::Unbounded, Bound::Excluded);
        let page: Vec<_> =
            rows.by_id.range((start, Bound::Unbounded)).take(SCAN_PAGE_ROWS).map(|(_, row)| row.clone()).collect();
        let next = page.last().filter(|_| page.len() == SCAN_PAGE_ROWS).map(|row| row.id);
        Ok((page, next))
    }

    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure> {
        let Some(key) = normalised_email(email) else { return Ok(Vec::new()) };
        let rows = lock(&self.rows);
        let ids = rows.by_email.get(&key).into_iter().flatten();
        Ok(ids.filter_map(|id| rows.by_id.get(id).cloned()).collect())
    }

    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure> {
        let rows = lock(&self.rows);
        let ids = rows.by_salesforce_id.get(id).into_iter().flatten();
        Ok(ids.filter_map(|id| rows.by_id.get(id).cloned()).collect())
    }
}
