//! The register of opt-outs in memory.

use async_trait::async_trait;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, Timestamp};

use super::things::Things;

/// The register of opt-outs in memory.
#[derive(Debug, Default)]
pub struct MemoryOptOuts(Things<OptOut>);

impl MemoryOptOuts {
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
    pub fn all(&self) -> Result<Vec<OptOut>, Failure> {
        self.0.all()
    }
}

#[async_trait]
impl OptOutRegister for MemoryOptOuts {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.0.get(addresses)
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(writes)
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        Ok(self.0.shelf(shelf, until, from, limit))
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.0.scan(from)
    }
}
