//! The register of opt-outs in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB; listings may
//! be made to lag behind, as they do there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, FailureKind, Timestamp};

use super::index::Index;
use super::lock;
use crate::register::{self, StoredOptOut};

/// Entries of one scanned page: few enough that tests see several pages.
const SCAN_PAGE: usize = 500;

/// The register of opt-outs in memory.
#[derive(Debug, Default)]
pub struct MemoryOptOuts {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<Address, (u64, String)>,
    index: Index<Shelf, Address>,
}

impl MemoryOptOuts {
    /// An empty register, whose listings show every write at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty register, whose listings are so many stored writes behind, as the indexes of DynamoDB may be. Each listing lets the next see
    /// one write more.
    #[must_use]
    pub fn lagging(writes: usize) -> Self {
        Self { kept: Mutex::new(Kept { index: Index::lagging(writes), ..Kept::default() }) }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        lock(&self.kept).index.catch_up();
    }

    /// All entries, in the order of their addresses.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<OptOut>, Failure> {
        lock(&self.kept).entries.iter().map(read).collect()
    }
}

fn read((address, (rev, body)): (&Address, &(u64, String))) -> Result<OptOut, Failure> {
    register::entry(address.as_str(), *rev, body)
        .ok_or_else(|| Failure::new(FailureKind::CorruptState, "an entry of the register in memory is damaged"))
}

impl Kept {
    fn put(&mut self, entry: StoredOptOut) -> PutOutcome {
        let StoredOptOut { address, rev, body, place, seen } = entry;
        if self.entries.get(&address).map(|(rev, _)| *rev) != seen {
            return PutOutcome::Conflict;
        }
        self.index.moved(address.clone(), place.into_iter().collect());
        self.entries.insert(address, (rev, body));
        PutOutcome::Stored
    }
}

#[async_trait]
impl OptOutRegister for MemoryOptOuts {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        let wanted: BTreeSet<_> = addresses.iter().collect();
        let kept = lock(&self.kept);
        wanted.into_iter().filter_map(|address| kept.entries.get_key_value(address)).map(read).collect()
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let entries = register::stored(writes)?;
        let mut kept = lock(&self.kept);
        Ok(entries.into_iter().map(|entry| kept.put(entry)).collect())
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        let Some(span) = register::span(until, from) else { return Ok(Vec::new()) };
        let found = lock(&self.kept).index.list(shelf, &span, limit);
        Ok(found.into_iter().filter_map(|(at, address)| register::shelved(at, address)).collect())
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        let start = from.map_or(Bound::Unbounded, |from| Bound::Excluded(from.clone()));
        let kept = lock(&self.kept);
        let page = kept.entries.range((start, Bound::Unbounded)).take(SCAN_PAGE).map(read);
        let page: Vec<OptOut> = page.collect::<Result<_, _>>()?;
        let next = page.last().filter(|_| page.len() == SCAN_PAGE).map(|entry| entry.address.clone());
        Ok((page, next))
    }
}
