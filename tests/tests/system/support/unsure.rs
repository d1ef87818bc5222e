//! Storage that fails on demand: before the work, or after it with the answer lost; and storage that lets others in between.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::people::{MarketoId, PersonRow};
use domain::ports::{Document, PeopleTable, PutOutcome, Queue, RowWrite, SyncState};
use domain::{Failure, FailureKind};
use serde_json::Value;
use store::{MemoryPeople, MemoryQueue, MemoryState};

use system_tests::lock;

/// How a write goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing is written.
    Work,
    /// Everything is written, and the writer is told this failure.
    Answer(FailureKind),
}

fn lost(kind: FailureKind) -> Failure {
    Failure::new(kind, "lost on purpose")
}

/// A people table whose next writes go wrong as told.
#[derive(Default)]
pub struct UnsurePeople {
    inner: MemoryPeople,
    losses: Mutex<VecDeque<Loss>>,
}

impl UnsurePeople {
    pub fn lose(&self, loss: Loss) {
        lock(&self.losses).push_back(loss);
    }
}

#[async_trait]
impl PeopleTable for UnsurePeople {
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure> {
        self.inner.get(ids).await
    }

    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let loss = lock(&self.losses).pop_front();
        match loss {
            None => self.inner.put(writes).await,
            Some(Loss::Work) => Err(lost(FailureKind::Unavailable)),
            Some(Loss::Answer(kind)) => {
                self.inner.put(writes).await?;
                Err(lost(kind))
            }
        }
    }

    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure> {
        self.inner.scan(from).await
    }

    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure> {
        self.inner.by_email(email).await
    }

    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure> {
        self.inner.by_salesforce_id(id).await
    }
}

/// State in memory that lets others run between a load and what follows, and whose next saves go wrong as told.
#[derive(Default)]
pub struct UnsureState {
    inner: MemoryState,
    losses: Mutex<VecDeque<Loss>>,
}

impl UnsureState {
    pub fn shared() -> Arc<Self> {
        Arc::default()
    }

    pub fn lose(&self, loss: Loss) {
        lock(&self.losses).push_back(loss);
    }
}

#[async_trait]
impl SyncState for UnsureState {
    async fn load(&self, key: &str) -> Result<Option<Document>, Failure> {
        let document = self.inner.load(key).await;
        tokio::task::yield_now().await;
        document
    }

    async fn save(&self, key: &str, value: &Value, seen: Option<u64>) -> Result<u64, Failure> {
        let loss = lock(&self.losses).pop_front();
        match loss {
            None => self.inner.save(key, value, seen).await,
            Some(Loss::Work) => Err(lost(FailureKind::Unavailable)),
            Some(Loss::Answer(kind)) => {
                self.inner.save(key, value, seen).await?;
                Err(lost(kind))
            }
        }
    }

    async fn add_receipt(&self, group: &str, receipt: u32) -> Result<(), Failure> {
        self.inner.add_receipt(group, receipt).await
    }

    async fn receipts(&self, group: &str, end: u32) -> Result<BTreeSet<u32>, Failure> {
        self.inner.receipts(group, end).await
    }
}

/// A queue that keeps a copy of all that was ever sent.
pub struct KeptQueue {
    pub queue: Arc<MemoryQueue>,
    kept: Mutex<Vec<String>>,
}

impl KeptQueue {
    pub fn over(queue: MemoryQueue) -> Arc<Self> {
        Arc::new(Self { queue: Arc::new(queue), kept: Mutex::default() })
    }

    /// Everything sent so far.
    pub fn kept(&self) -> Vec<String> {
        lock(&self.kept).clone()
    }
}

#[async_trait]
impl Queue for KeptQueue {
    async fn send(&self, bodies: Vec<String>) -> Result<(), Failure> {
        lock(&self.kept).extend(bodies.iter().cloned());
        self.queue.send(bodies).await
    }
}
