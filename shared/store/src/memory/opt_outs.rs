//! The register of opt-outs in memory. Entries are kept as text, so that what is read went through JSON as it does on DynamoDB; listings may
//! be made to lag behind, as they do there.

use std::sync::Mutex;

use async_trait::async_trait;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, FailureKind, Timestamp};

use super::kept::{Entry, Kept};
use super::lock;
use crate::register::{self, StoredOptOut};

/// Entries of one scanned page: few enough that tests see several pages.
const SCAN_PAGE: usize = 500;

/// The register of opt-outs in memory.
#[derive(Debug, Default)]
pub struct MemoryOptOuts {
    kept: Mutex<Kept<Shelf, Address>>,
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
        Self { kept: Mutex::new(Kept::lagging(writes)) }
    }

    /// Lets listings show everything that was written so far.
    pub fn catch_up(&self) {
        lock(&self.kept).catch_up();
    }

    /// All entries, in the order of their addresses.
    ///
    /// # Errors
    /// None in truth.
    pub fn all(&self) -> Result<Vec<OptOut>, Failure> {
        lock(&self.kept).behind(None).map(read).collect()
    }
}

fn read((address, (rev, body)): Entry<'_, Address>) -> Result<OptOut, Failure> {
    register::entry(address.as_str(), *rev, body)
        .ok_or_else(|| Failure::new(FailureKind::CorruptState, "an entry of the register in memory is damaged"))
}

#[async_trait]
impl OptOutRegister for MemoryOptOuts {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        lock(&self.kept).get(addresses).map(read).collect()
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let entries = register::stored(writes)?;
        let mut kept = lock(&self.kept);
        let put = |entry: StoredOptOut| {
            let places = entry.place.into_iter().collect();
            kept.put(entry.address, entry.seen, (entry.rev, entry.body), places)
        };
        Ok(entries.into_iter().map(put).collect())
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        let Some(span) = register::span(until, from) else { return Ok(Vec::new()) };
        let found = lock(&self.kept).list(shelf, &span, limit);
        Ok(found.into_iter().filter_map(|(at, address)| register::shelved(at, address)).collect())
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        let page: Vec<OptOut> = lock(&self.kept).behind(from).take(SCAN_PAGE).map(read).collect::<Result<_, _>>()?;
        let next = page.last().filter(|_| page.len() == SCAN_PAGE).map(|entry| entry.address.clone());
        Ok((page, next))
    }
}
