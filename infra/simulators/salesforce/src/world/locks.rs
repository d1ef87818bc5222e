//! Locks on records: held by a request for as long as it lasts, or by somebody else until a moment.
//! Must not know why a record needs a lock.

use std::collections::HashMap;

use super::id::Id;

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// A request over the API, by its number.
    Request(u64),
    /// Somebody in the organisation, until this millisecond.
    Until(i64),
}

/// All locks.
#[derive(Debug, Default)]
pub(crate) struct Locks {
    held: HashMap<Id, Holder>,
    requests: u64,
}

impl Locks {
    /// The number of a new request.
    pub(crate) fn begin(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Takes all of these for a request, or names the one that somebody else holds.
    pub(crate) fn take(&mut self, ids: &[Id], request: Option<u64>, now_ms: i64) -> Result<(), Id> {
        let taken = |id: &&Id| match self.held.get(id) {
            Some(Holder::Request(other)) => Some(*other) != request,
            Some(Holder::Until(end)) => *end > now_ms,
            None => false,
        };
        if let Some(id) = ids.iter().find(taken) {
            return Err(*id);
        }
        if let Some(request) = request {
            self.held.extend(ids.iter().map(|id| (*id, Holder::Request(request))));
        }
        Ok(())
    }

    pub(crate) fn end(&mut self, request: u64) {
        self.held.retain(|_, holder| *holder != Holder::Request(request));
    }

    /// Somebody else holds this until then; a time that is over frees it.
    pub(crate) fn hold(&mut self, id: Id, until_ms: i64, now_ms: i64) {
        if until_ms > now_ms {
            self.held.insert(id, Holder::Until(until_ms));
        } else {
            self.held.remove(&id);
        }
    }
}
