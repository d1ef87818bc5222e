//! Documents and receipts in memory. Documents are kept as text, so that what is loaded went through JSON as it does on DynamoDB.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use domain::ports::{Document, SyncState};
use domain::{Failure, FailureKind};
use serde_json::Value;

use super::lock;
use crate::rules::{check_receipts, document_text, document_value};

/// Documents and receipts in memory.
#[derive(Debug, Default)]
pub struct MemoryState {
    documents: Mutex<HashMap<String, (u64, String)>>,
    receipts: Mutex<HashMap<String, BTreeSet<u32>>>,
}

impl MemoryState {
    /// Holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl SyncState for MemoryState {
    async fn load(&self, key: &str) -> Result<Option<Document>, Failure> {
        let stored = lock(&self.documents).get(key).cloned();
        let Some((version, text)) = stored else { return Ok(None) };
        Ok(Some(Document { value: document_value("memory", key, &text)?, version }))
    }

    async fn save(&self, key: &str, value: &Value, seen: Option<u64>) -> Result<u64, Failure> {
        let text = document_text(key, value)?;
        let mut documents = lock(&self.documents);
        if documents.get(key).map(|(version, _)| *version) != seen {
            return Err(Failure::new(
                FailureKind::Conflict,
                format!("document `{key}` was saved by somebody else in between"),
            ));
        }
        let version = seen.map_or(1, |seen| seen.saturating_add(1));
        documents.insert(key.to_owned(), (version, text));
        Ok(version)
    }

    async fn add_receipt(&self, group: &str, receipt: u32) -> Result<(), Failure> {
        lock(&self.receipts).entry(group.to_owned()).or_default().insert(receipt);
        Ok(())
    }

    async fn receipts(&self, group: &str, end: u32) -> Result<BTreeSet<u32>, Failure> {
        check_receipts(group, end)?;
        let receipts = lock(&self.receipts);
        Ok(receipts.get(group).map(|all| all.range(..end).copied().collect()).unwrap_or_default())
    }
}
