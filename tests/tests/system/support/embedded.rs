//! The tables on DynamoDB embedded in the test process, and ports of many instances over them.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use domain::budget::{CallLimits, Purpose};
use domain::ports::PeoplePorts;
use dynoxide::Database;
use runtime::SystemClock;
use runtime::wiring::{PeopleParts, people_ports};
use simulator_marketo::{Config as SimulatorConfig, Simulator};
use store::{DynamoOptOuts, DynamoPeople, DynamoTasks, Tables};
use system_tests::vendors;
use tokio::net::TcpListener;

/// DynamoDB with the tables.
pub struct Embedded {
    pub endpoint: String,
    pub tables: Tables,
    pub client: Client,
}

impl Embedded {
    pub async fn start() -> Self {
        let (listener, endpoint) = listen().await;
        tokio::spawn(dynoxide::server::serve_on(listener, Database::memory().unwrap()));
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(&endpoint);
        let client = Client::from_conf(config.build());
        let tables = Tables::with_prefix("system-");
        store::create_tables(&client, &tables).await.unwrap();
        Self { endpoint, tables, client }
    }

    /// The people table.
    pub fn people(&self) -> DynamoPeople {
        DynamoPeople::new(self.client.clone(), &self.tables.people, Arc::new(SystemClock))
    }

    /// The register of opt-outs.
    pub fn opt_outs(&self) -> DynamoOptOuts {
        DynamoOptOuts::new(self.client.clone(), &self.tables.opt_outs, Arc::new(SystemClock))
    }

    /// The table of reminder tasks.
    pub fn tasks(&self) -> DynamoTasks {
        DynamoTasks::new(self.client.clone(), &self.tables.tasks, Arc::new(SystemClock))
    }

    /// Ports of one more instance of a function, with a Marketo client of its own.
    pub fn instance(&self, purpose: Purpose, max_in_flight: usize, outside: &Outside) -> PeoplePorts {
        let marketo = vendors::marketo_config(&outside.config, &outside.marketo.base_url(), max_in_flight);
        let parts = PeopleParts {
            dynamodb: self.client.clone(),
            tables: self.tables.of_people(),
            marketo,
            limits: CallLimits::default(),
        };
        people_ports(parts, purpose).0
    }
}

/// What instances share besides the tables.
pub struct Outside {
    pub marketo: Simulator,
    pub config: SimulatorConfig,
}

/// A free port of this machine.
pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    (listener, endpoint)
}
