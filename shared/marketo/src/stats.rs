//! Counts of what the client did. Knows nothing of why.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::routes::Route;

/// What a client did since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClientStats {
    /// Answered REST and bulk calls, rejected ones and repeats too; identity calls are not counted.
    pub calls: u64,
    /// Bytes of export files received, also those that were then skipped.
    pub export_bytes: u64,
    /// [`Self::calls`] by endpoint, such as `GET /rest/v1/leads.json`; ids are replaced by `{exportId}`.
    pub by_endpoint: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
    export_bytes: AtomicU64,
}

impl Counters {
    /// Counts one answered call.
    pub fn answered(&self, route: Route) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry((route.path, route.method)).or_default() += 1;
    }

    /// Counts bytes of an export file.
    pub fn received(&self, bytes: usize) {
        self.export_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn snapshot(&self) -> ClientStats {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        ClientStats {
            calls: calls.values().sum(),
            export_bytes: self.export_bytes.load(Ordering::Relaxed),
            by_endpoint: calls.iter().map(|((path, method), n)| (format!("{method} {path}"), *n)).collect(),
        }
    }
}
