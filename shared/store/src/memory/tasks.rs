//! The table of reminder tasks in memory.

use async_trait::async_trait;
use domain::ports::{PutOutcome, Shelf, ShelvedTask, TaskTable, TaskWrite};
use domain::tasks::{Task, TaskId};
use domain::{Failure, Timestamp};

use super::things::Things;

/// The table of reminder tasks in memory.
#[derive(Debug, Default)]
pub struct MemoryTasks(Things<Task>);

impl MemoryTasks {
    /// An empty one, whose listings show every write at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one, whose listings are so many stored writes behind, as the indexes of DynamoDB may be. Each listing lets the next see one
    /// write more.
    #[must_use]
    pub fn lagging(writes: usize) -> Self {
        Self(Things::lagging(writes))
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        self.0.catch_up();
    }

    /// Everything, in the order of the keys.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<Task>, Failure> {
        self.0.all()
    }
}

#[async_trait]
impl TaskTable for MemoryTasks {
    async fn get(&self, ids: &[TaskId]) -> Result<Vec<Task>, Failure> {
        self.0.get(ids)
    }

    async fn put(&self, writes: Vec<TaskWrite>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(writes)
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedTask>,
        limit: usize,
    ) -> Result<Vec<ShelvedTask>, Failure> {
        Ok(self.0.shelf(shelf, until, from, limit))
    }

    async fn scan(&self, from: Option<&TaskId>) -> Result<(Vec<Task>, Option<TaskId>), Failure> {
        self.0.scan(from)
    }
}
