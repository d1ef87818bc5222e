//! Builds the adapters of the people flow once, at cold start. Nothing here calls anybody: a cold start must not wait, nor fail, for a
//! service that the invocation would wait for anyway.

use std::sync::Arc;

use aws_config::SdkConfig;
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{LogPorts, PeoplePorts, PeopleQueues};
use marketo::{Credentials, MarketoClient, MarketoConfig, PlainCredentials};
use salesforce::{SalesforceClient, SalesforceConfig};
use store::{DynamoLedger, DynamoPeople, DynamoState, PeopleTables, SqsQueue, Tables};

use crate::config::{ActivityLoggerConfig, CredentialsFrom, InitialSyncConfig, PeopleConfig, SalesforceFrom};
use crate::queue::SqsRedelivery;
use crate::{DiskSpools, SalesforceSecret, SecretCredentials, SystemChance, SystemClock, aws};

/// Marketo calls in flight of one function instance. Marketo allows ten for the subscription: the coordinator and the pull run once
/// each, two instances of the worker read, and the rest is left to others.
const MAX_IN_FLIGHT: usize = 2;

/// Ports of the deployed `incremental-pull`.
pub async fn incremental_pull(config: &PeopleConfig) -> PeoplePorts {
    of_deployed(config, &aws::of_process().await, Purpose::Changes)
}

/// What the deployed functions of the initial sync work with.
pub struct InitialSync {
    /// Their ports.
    pub ports: PeoplePorts,
    /// Queue `people-batches`.
    pub batches: Arc<SqsQueue>,
    /// Queue `people-reads`.
    pub reads: Arc<SqsQueue>,
}

impl InitialSync {
    /// Both queues, for saying when a message comes again.
    #[must_use]
    pub fn redelivery(&self) -> SqsRedelivery {
        SqsRedelivery::over(vec![self.batches.clone(), self.reads.clone()])
    }

    /// Both queues, for sending.
    #[must_use]
    pub fn queues(&self) -> PeopleQueues {
        PeopleQueues { batches: self.batches.clone(), reads: self.reads.clone() }
    }
}

/// Builds what the deployed functions of the initial sync work with.
pub async fn initial_sync(config: &InitialSyncConfig) -> InitialSync {
    let aws = aws::of_process().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let queue = |url: &str| Arc::new(SqsQueue::new(sqs.clone(), url.to_owned(), Arc::new(SystemClock)));
    InitialSync {
        ports: of_deployed(&config.people, &aws, Purpose::InitialSync),
        batches: queue(&config.batches_queue_url),
        reads: queue(&config.reads_queue_url),
    }
}

/// What the deployed `activity-logger` works with.
pub struct ActivityLogger {
    /// Its ports.
    pub ports: LogPorts,
    /// Queue `sales-activities`.
    queue: Arc<SqsQueue>,
}

impl ActivityLogger {
    /// The queue, for saying when a message comes again.
    #[must_use]
    pub fn redelivery(&self) -> SqsRedelivery {
        SqsRedelivery::over(vec![self.queue.clone()])
    }
}

/// Builds what the deployed `activity-logger` works with.
pub async fn activity_logger(config: &ActivityLoggerConfig) -> ActivityLogger {
    let aws = aws::of_process().await;
    let credentials: Arc<dyn salesforce::Credentials> = match &config.salesforce {
        SalesforceFrom::Plain(login) => salesforce::PlainCredentials::shared(login.clone()),
        SalesforceFrom::SecretArn(arn) => {
            Arc::new(SalesforceSecret::new(aws_sdk_secretsmanager::Client::new(&aws), arn.clone()))
        }
    };
    let (login_url, version) = (config.login_url.clone(), config.version.clone());
    let ports = log_ports(LogParts {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        tables: config.people.tables.clone().and_activities(&config.activities_table),
        marketo: marketo_of(&config.people, &aws),
        limits: config.people.limits,
        salesforce: SalesforceConfig { login_url, version, credentials, max_in_flight: MAX_IN_FLIGHT },
    });
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let queue = Arc::new(SqsQueue::new(sqs, config.queue_url.clone(), Arc::new(SystemClock)));
    ActivityLogger { ports, queue }
}

/// What the ports of the logging are built of.
#[derive(Clone)]
pub struct LogParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its tables.
    pub tables: Tables,
    /// How to reach Marketo.
    pub marketo: MarketoConfig,
    /// Calls that the subscription was sold with.
    pub limits: CallLimits,
    /// How to reach Salesforce.
    pub salesforce: SalesforceConfig,
}

/// Ports of the logging on the real clock.
#[must_use]
pub fn log_ports(parts: LogParts) -> LogPorts {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let state = Arc::new(DynamoState::new(parts.dynamodb.clone(), &parts.tables.sync_state, clock.clone()));
    let people = Arc::new(DynamoPeople::new(parts.dynamodb.clone(), &parts.tables.people, clock.clone()));
    let ledger = Arc::new(DynamoLedger::new(parts.dynamodb, &parts.tables.activities, clock.clone()));
    let purpose = Purpose::Changes;
    let budget = Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), purpose, parts.limits));
    let marketo = Arc::new(MarketoClient::new(parts.marketo, clock.clone(), chance.clone(), budget));
    let salesforce = Arc::new(SalesforceClient::new(parts.salesforce, clock.clone(), chance.clone()));
    LogPorts { ledger, people, state, marketo, salesforce, clock, chance }
}

fn marketo_of(config: &PeopleConfig, aws: &SdkConfig) -> MarketoConfig {
    let credentials: Arc<dyn Credentials> = match &config.credentials {
        CredentialsFrom::Plain { client_id, client_secret } => {
            PlainCredentials::shared(client_id.clone(), client_secret.clone())
        }
        CredentialsFrom::SecretArn(arn) => {
            Arc::new(SecretCredentials::new(aws_sdk_secretsmanager::Client::new(aws), arn.clone()))
        }
    };
    MarketoConfig { base_url: config.marketo_base_url.clone(), credentials, max_in_flight: MAX_IN_FLIGHT }
}

fn of_deployed(config: &PeopleConfig, aws: &SdkConfig, purpose: Purpose) -> PeoplePorts {
    let parts = PeopleParts {
        dynamodb: aws_sdk_dynamodb::Client::new(aws),
        tables: config.tables.clone(),
        marketo: marketo_of(config, aws),
        limits: config.limits,
    };
    people_ports(parts, purpose).0
}

/// What the people ports are built of.
#[derive(Clone)]
pub struct PeopleParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its tables.
    pub tables: PeopleTables,
    /// How to reach Marketo.
    pub marketo: MarketoConfig,
    /// Calls that the subscription was sold with.
    pub limits: CallLimits,
}

/// Ports on the real clock and this machine's disk, and the Marketo client behind them.
#[must_use]
pub fn people_ports(parts: PeopleParts, purpose: Purpose) -> (PeoplePorts, Arc<MarketoClient>) {
    let clock = Arc::new(SystemClock);
    let chance = Arc::new(SystemChance);
    let state = Arc::new(DynamoState::new(parts.dynamodb.clone(), &parts.tables.sync_state, clock.clone()));
    let people = Arc::new(DynamoPeople::new(parts.dynamodb, &parts.tables.people, clock.clone()));
    let budget = Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), purpose, parts.limits));
    let marketo = Arc::new(MarketoClient::new(parts.marketo, clock.clone(), chance.clone(), budget.clone()));
    let ports = PeoplePorts {
        marketo: marketo.clone(),
        people,
        state,
        budget,
        clock,
        chance,
        spools: Arc::new(DiskSpools::default()),
    };
    (ports, marketo)
}
