//! The register of opt-outs on DynamoDB.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::opt_outs::{Address, OptOut};
use domain::ports::{Clock, OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::{Failure, Timestamp};

use super::things::Things;

/// The register of opt-outs on DynamoDB. What is said of writes and listings of [`super::DynamoLedger`] holds here, too.
#[derive(Debug, Clone)]
pub struct DynamoOptOuts(Things<OptOut>);

impl DynamoOptOuts {
    /// The table of this name. The client brings credentials, region, endpoint and the SDK's retries; the clock is for pauses.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self(Things::new(client, table, clock))
    }
}

#[async_trait]
impl OptOutRegister for DynamoOptOuts {
    async fn get(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.0.get(addresses).await
    }

    async fn put(&self, writes: Vec<OptOutWrite>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(writes).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        self.0.shelf(shelf, until, from, limit).await
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.0.scan(from).await
    }
}
