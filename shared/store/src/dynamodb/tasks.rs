//! The table of reminder tasks on DynamoDB.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::ports::{Clock, PutOutcome, Shelf, ShelvedTask, TaskTable, TaskWrite};
use domain::tasks::{Task, TaskId};
use domain::{Failure, Timestamp};

use super::things::Things;

/// The table of reminder tasks on DynamoDB. What is said of writes and listings of [`super::DynamoLedger`] holds here, too.
#[derive(Debug, Clone)]
pub struct DynamoTasks(Things<Task>);

impl DynamoTasks {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self(Things::new(client, table, clock))
    }
}

#[async_trait]
impl TaskTable for DynamoTasks {
    async fn get(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure> {
        self.0.get(ids).await
    }

    async fn put(&self, writes: Vec<TaskWrite>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(writes).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedTask>,
        limit: usize,
    ) -> Result<Vec<ShelvedTask>, Failure> {
        self.0.shelf(shelf, until, from, limit).await
    }

    async fn scan(&self, from: Option<&TaskId>) -> Result<(Vec<Task>, Option<TaskId>), Failure> {
        self.0.scan(from).await
    }
}
