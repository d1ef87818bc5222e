//! Counts of what the client did. Knows nothing of why.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// What a client did since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ClientStats {
    /// Answered calls, rejected ones and repeats too; logins are not counted, as Salesforce does not count them.
    pub calls: u64,
    /// [`Self::calls`] by endpoint, such as `GET /query`; ids, objects and values are replaced by `{…}`.
    pub by_endpoint: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: Mutex<BTreeMap<&'static str, u64>>,
}

impl Counters {
    /// Counts one answered call.
    pub fn answered(&self, endpoint: &'static str) {
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(endpoint).or_default() += 1;
    }

    /// The counts so far.
    pub fn snapshot(&self) -> ClientStats {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let by_endpoint = calls.iter().map(|(endpoint, n)| ((*endpoint).to_owned(), *n)).collect();
        ClientStats { calls: calls.values().sum(), by_endpoint }
    }
}
