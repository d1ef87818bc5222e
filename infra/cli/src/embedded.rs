//! The whole collection in one process: DynamoDB embedded, queues in memory, and the ports of each function over them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::config::{self, BehaviorVersion, Credentials, Region};
use domain::budget::Purpose;
use domain::initial_sync::{self, coordinator};
use domain::ports::{ActivityLedger, OptOutRegister, PeoplePorts, PeopleQueues, SyncState, TaskTable};
use domain::{lease, pull};
use dynoxide::Database;
use marketo::{ClientStats, MarketoClient};
use runtime::wiring::{PeopleParts, people_ports};
use runtime::{SystemChance, SystemClock};
use store::{DynamoLedger, DynamoOptOuts, DynamoState, DynamoTasks, MemoryQueue, Tables};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::state_dir::StateDir;

/// Longest handling of a batch: its calls wait for the budget and are retried.
const VISIBILITY: Duration = Duration::from_secs(10 * 60);
/// Deliveries before a batch counts as one that cannot be stored.
const MAX_DELIVERIES: u32 = 8;

/// DynamoDB embedded in this process, over a state folder or in memory.
pub struct LocalTables {
    pub state: Arc<dyn SyncState>,
    pub clock: SystemClock,
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Where it listens.
    pub endpoint: String,
    pub names: Tables,
    /// Held for its lock.
    _dir: Option<StateDir>,
    server: JoinHandle<()>,
}

impl LocalTables {
    /// Starts it, and makes the tables where they are not there yet.
    pub async fn open(dir: Option<StateDir>) -> Result<Self, CommandFailure> {
        Self::open_with(dir, |config| config).await
    }

    /// The same with a client that is built in another way.
    pub async fn open_with(
        dir: Option<StateDir>,
        configure: impl FnOnce(config::Builder) -> config::Builder,
    ) -> Result<Self, CommandFailure> {
        let database = match &dir {
            Some(dir) => open_file(&dir.database())?,
            None => Database::memory()
                .map_err(|e| CommandFailure::Wrong(format!("cannot start the embedded DynamoDB: {e}")))?,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(configure(config_of(&endpoint)).build());
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        let names = Tables::with_prefix("");
        make_tables(dir.as_ref(), &dynamodb, &names).await?;
        let state = Arc::new(DynamoState::new(dynamodb.clone(), &names.sync_state, Arc::new(SystemClock)));
        Ok(Self { state, clock: SystemClock, dynamodb, endpoint, names, _dir: dir, server })
    }
}

impl LocalTables {
    /// The register of opt-outs.
    pub fn opt_outs(&self) -> Arc<dyn OptOutRegister> {
        Arc::new(DynamoOptOuts::new(self.dynamodb.clone(), &self.names.opt_outs, Arc::new(SystemClock)))
    }

    /// The table of reminder tasks.
    pub fn tasks(&self) -> Arc<dyn TaskTable> {
        Arc::new(DynamoTasks::new(self.dynamodb.clone(), &self.names.tasks, Arc::new(SystemClock)))
    }

    /// The ledger of activities.
    pub fn ledger(&self) -> Arc<dyn ActivityLedger> {
        Arc::new(DynamoLedger::new(self.dynamodb.clone(), &self.names.activities, Arc::new(SystemClock)))
    }
}

impl Drop for LocalTables {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The collection, running.
pub struct Embedded {
    /// Ports of the initial sync's functions.
    pub initial: PeoplePorts,
    /// Ports of the pull, and of what an operator asks for.
    pub changes: PeoplePorts,
    pub batches: Arc<MemoryQueue>,
    pub reads: Arc<MemoryQueue>,
    pub environment: Environment,
    pub tables: LocalTables,
    clients: [Arc<MarketoClient>; 2],
}

impl Embedded {
    /// Starts over a state folder, or in memory.
    pub async fn start(environment: Environment, dir: Option<StateDir>) -> Result<Self, CommandFailure> {
        if let Some(dir) = &dir {
            dir.claim(&environment.subscription())?;
        }
        Self::over(environment, LocalTables::open(dir).await?).await
    }

    /// Starts over tables that are open.
    pub async fn over(environment: Environment, tables: LocalTables) -> Result<Self, CommandFailure> {
        let (batches, reads) = (queue("people-batches"), queue("people-reads"));
        let parts = PeopleParts {
            dynamodb: tables.dynamodb.clone(),
            tables: tables.names.of_people(),
            marketo: environment.marketo.clone(),
            limits: environment.limits,
        };
        let (initial, first) = people_ports(parts.clone(), Purpose::InitialSync);
        let (changes, second) = people_ports(parts, Purpose::Changes);
        let embedded = Self { initial, changes, batches, reads, environment, tables, clients: [first, second] };
        embedded.recover().await?;
        Ok(embedded)
    }

    /// This process alone owns the tables, so whoever held a lease is gone, and what was in the queues with it.
    async fn recover(&self) -> Result<(), CommandFailure> {
        for key in [initial_sync::KEY, pull::KEY] {
            lease::break_lease(&*self.initial.state, key).await?;
        }
        coordinator::queues_were_lost(&self.initial).await?;
        Ok(())
    }

    /// Both queues, for sending.
    pub fn queues(&self) -> PeopleQueues {
        PeopleQueues { batches: self.batches.clone(), reads: self.reads.clone() }
    }

    /// What both clients did.
    pub fn client_stats(&self) -> ClientStats {
        let mut sum = ClientStats::default();
        for stats in self.clients.iter().map(|c| c.stats()) {
            sum.calls += stats.calls;
            sum.export_bytes += stats.export_bytes;
            for (endpoint, calls) in stats.by_endpoint {
                *sum.by_endpoint.entry(endpoint).or_default() += calls;
            }
        }
        sum
    }
}

/// A queue in memory with its dead letters.
pub fn queue(name: &str) -> Arc<MemoryQueue> {
    let make = |name: String| MemoryQueue::new(name, VISIBILITY, Arc::new(SystemClock), Arc::new(SystemChance));
    let dead_letters = Arc::new(make(format!("{name}-dead-letters")));
    Arc::new(make(name.to_owned()).with_dead_letters(MAX_DELIVERIES, dead_letters))
}

/// Makes the tables that are missing. The embedded DynamoDB makes a table and its indexes in several steps, and one that a killed process left
/// half made looks whole and takes no rows; so it is noted which are being made, and what is still noted is made anew.
async fn make_tables(
    dir: Option<&StateDir>,
    dynamodb: &aws_sdk_dynamodb::Client,
    names: &Tables,
) -> Result<(), CommandFailure> {
    let Some(dir) = dir else { return Ok(store::create_tables(dynamodb, names).await?) };
    for table in dir.unfinished_tables()? {
        store::drop_table(dynamodb, &table).await?;
    }
    let missing = store::missing_tables(dynamodb, names).await?;
    if !missing.is_empty() {
        dir.note_unfinished_tables(missing)?;
        store::create_tables(dynamodb, names).await?;
        dir.note_unfinished_tables(Vec::new())?;
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<Database, CommandFailure> {
    let damaged = |e: &dyn std::fmt::Display| {
        CommandFailure::Wrong(format!(
            "the tables in {} cannot be opened ({e}); restore the folder from a backup, or name a new folder for a new initial sync",
            path.display()
        ))
    };
    let name = path.to_str().ok_or_else(|| CommandFailure::Usage(format!("{} is not a UTF-8 path", path.display())))?;
    Database::new(name).map_err(|e| damaged(&e))
}

fn config_of(endpoint: &str) -> config::Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .endpoint_url(endpoint)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
    };

    use super::*;

    async fn people(tables: &LocalTables) -> TableDescription {
        let described = tables.dynamodb.describe_table().table_name(&tables.names.people).send().await.unwrap();
        described.table.unwrap()
    }

    fn folder(at: &Path) -> StateDir {
        StateDir::open_or_create(at).unwrap()
    }

    #[tokio::test]
    async fn a_table_that_was_left_half_made_is_made_anew_and_a_whole_one_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let tables = LocalTables::open(Some(folder(place.path()))).await.unwrap();
        tables.state.save("kept", &serde_json::json!(1), None).await.unwrap();
        assert_eq!(people(&tables).await.global_secondary_indexes().len(), 2);
        // As after a kill between the table and its indexes.
        let client = &tables.dynamodb;
        store::drop_table(client, "people").await.unwrap();
        let key = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::N);
        let hash = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let half = client.create_table().table_name("people").billing_mode(BillingMode::PayPerRequest);
        let half = half.attribute_definitions(key.build().unwrap()).key_schema(hash.build().unwrap());
        half.send().await.unwrap();
        drop(tables);
        folder(place.path()).note_unfinished_tables(vec!["people".into()]).unwrap();

        let tables = LocalTables::open(Some(folder(place.path()))).await.unwrap();
        assert_eq!(people(&tables).await.global_secondary_indexes().len(), 2);
        assert_eq!(tables.state.load("kept").await.unwrap().unwrap().value, 1);
        drop(tables);
        assert_eq!(folder(place.path()).unfinished_tables().unwrap(), [""; 0]);
    }
}
