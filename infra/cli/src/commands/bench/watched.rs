//! A people table that remembers when each new row was stored. Must not change what the table does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use domain::Failure;
use domain::people::{MarketoId, PersonRow};
use domain::ports::{PeopleTable, PutOutcome, RowWrite};

/// A table, watched since a moment.
pub struct Watched {
    table: Arc<dyn PeopleTable>,
    began: Instant,
    /// New rows of each put, and the seconds until it was done.
    stored: Mutex<Vec<(usize, f64)>>,
}

impl Watched {
    pub fn new(table: Arc<dyn PeopleTable>) -> Self {
        Self { table, began: Instant::now(), stored: Mutex::default() }
    }

    /// Seconds since the watch began.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Seconds until this share of all new rows was stored.
    pub fn until(&self, share: f64) -> Option<f64> {
        let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = share * stored.iter().map(|(rows, _)| rows).sum::<usize>() as f64;
        let mut sum = 0;
        stored.iter().find_map(|(rows, at)| {
            sum += rows;
            (sum as f64 >= wanted).then_some(*at)
        })
    }
}

#[async_trait]
impl PeopleTable for Watched {
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure> {
        self.table.get(ids).await
    }

    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let fresh: Vec<bool> = writes.iter().map(|write| write.seen.is_none()).collect();
        let outcomes = self.table.put(writes).await?;
        let rows = fresh.iter().zip(&outcomes).filter(|(fresh, outcome)| **fresh && **outcome == PutOutcome::Stored);
        let rows = rows.count();
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).push((rows, self.seconds()));
        Ok(outcomes)
    }

    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure> {
        self.table.scan(from).await
    }

    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure> {
        self.table.by_email(email).await
    }

    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure> {
        self.table.by_salesforce_id(id).await
    }
}
