//! Asks a real subscription for two harmless things, to see whether address and credentials are right:
//! `MARKETO_BASE_URL=… MARKETO_CLIENT_ID=… MARKETO_CLIENT_SECRET=… cargo run -p marketo --example probe`
//! Prints the number of fields and one position in the activity log; no personal data.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ports::{CallBudget, Chance, Clock, MarketoChanges, MarketoPeople};
use domain::{Failure, Timestamp};
use marketo::{BaseUrl, MarketoClient, MarketoConfig, PlainCredentials};

struct World;

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

impl Chance for World {
    fn next_u64(&self) -> u64 {
        Timestamp::now().as_nanosecond() as u64
    }
}

#[async_trait]
impl CallBudget for World {
    async fn take(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn is_free(&self) -> Result<bool, Failure> {
        Ok(true)
    }

    fn allow(&self) {}

    async fn daily_calls_gone(&self, _: Timestamp) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let setting = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let config = MarketoConfig {
        base_url: BaseUrl::parse(&setting("MARKETO_BASE_URL")?)?,
        credentials: PlainCredentials::shared(setting("MARKETO_CLIENT_ID")?, setting("MARKETO_CLIENT_SECRET")?),
        max_in_flight: 1,
    };
    let client = MarketoClient::new(config, Arc::new(World), Arc::new(World), Arc::new(World));
    let fields = client.lead_fields().await?;
    let position = client.paging_token(client.now()).await?;
    writeln!(std::io::stdout(), "{} fields can be read; the activity log is at {}", fields.len(), position.0)?;
    Ok(())
}
