//! Builds the adapters of every flow once, at cold start. Nothing here calls anybody: a cold start must not wait, nor fail, for a
//! service that the invocation would wait for anyway.

use std::sync::Arc;

use aws_config::SdkConfig;
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{CheckPorts, LogPorts, OptOutPorts, PeoplePorts, PeopleQueues, Queue, TaskPorts};
use marketo::{Credentials, MarketoClient, MarketoConfig, PlainCredentials};
use salesforce::{SalesforceClient, SalesforceConfig};
use store::{DynamoLedger, DynamoOptOuts, DynamoPeople, DynamoState, DynamoTasks, PeopleTables, SqsQueue, Tables};

use crate::config::{
    ActivityLoggerConfig, CredentialsFrom, IncrementalPullConfig, InitialSyncConfig, PeopleConfig, SalesforceFrom,
    SalesforcePlace, TaskReconcilerConfig, UnsubscribeReconcilerConfig,
};
use crate::queue::SqsRedelivery;
use crate::{DiskSpools, SalesforceSecret, SecretCredentials, SystemChance, SystemClock, aws};

/// Marketo calls in flight of one function instance. Marketo allows ten for the subscription: the coordinator and the pull run once
/// each, two instances of the worker read, and the rest is left to others.
const MAX_IN_FLIGHT: usize = 2;

/// What the deployed `incremental-pull` works with: its ports, and the register of opt-outs.
pub async fn incremental_pull(config: &IncrementalPullConfig) -> (PeoplePorts, DynamoOptOuts) {
    let aws = aws::of_process().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
    let register = DynamoOptOuts::new(dynamodb, &config.opt_outs_table, Arc::new(SystemClock));
    (of_deployed(&config.people, &aws, Purpose::Changes), register)
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
    let ports = log_ports(LogParts {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        tables: config.people.tables.clone(),
        activities_table: config.activities_table.clone(),
        marketo: marketo_of(&config.people, &aws),
        limits: config.people.limits,
        salesforce: salesforce_of(&config.salesforce, &aws),
    });
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let queue = Arc::new(SqsQueue::new(sqs, config.queue_url.clone(), Arc::new(SystemClock)));
    ActivityLogger { ports, queue }
}

/// What the deployed `unsubscribe-reconciler` works with.
pub struct UnsubscribeReconciler {
    /// Its ports.
    pub ports: OptOutPorts,
    /// Queue `opt-outs`.
    queue: Arc<SqsQueue>,
}

impl UnsubscribeReconciler {
    /// The queue, for saying when a message comes again.
    #[must_use]
    pub fn redelivery(&self) -> SqsRedelivery {
        SqsRedelivery::over(vec![self.queue.clone()])
    }
}

/// Builds what the deployed `unsubscribe-reconciler` works with.
pub async fn unsubscribe_reconciler(config: &UnsubscribeReconcilerConfig) -> UnsubscribeReconciler {
    let aws = aws::of_process().await;
    let (ports, _) = opt_out_ports(OptOutParts {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        sync_state_table: config.sync_state_table.clone(),
        opt_outs_table: config.opt_outs_table.clone(),
        salesforce: salesforce_of(&config.salesforce, &aws),
    });
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let queue = Arc::new(SqsQueue::new(sqs, config.queue_url.clone(), Arc::new(SystemClock)));
    UnsubscribeReconciler { ports, queue }
}

/// What the deployed `task-reconciler` works with.
pub struct TaskReconciler {
    /// Its ports.
    pub ports: TaskPorts,
    /// Queue `reminder-tasks`.
    queue: Arc<SqsQueue>,
}

impl TaskReconciler {
    /// The queue, for saying when a message comes again.
    #[must_use]
    pub fn redelivery(&self) -> SqsRedelivery {
        SqsRedelivery::over(vec![self.queue.clone()])
    }
}

/// Builds what the deployed `task-reconciler` works with.
pub async fn task_reconciler(config: &TaskReconcilerConfig) -> TaskReconciler {
    let aws = aws::of_process().await;
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let queue = |url: &str| Arc::new(SqsQueue::new(sqs.clone(), url.to_owned(), Arc::new(SystemClock)));
    let (ports, _) = task_ports(TaskParts {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        tables: PeopleTables { people: config.people_table.clone(), sync_state: config.sync_state_table.clone() },
        tasks_table: config.tasks_table.clone(),
        events: queue(&config.events_queue_url),
        salesforce: salesforce_of(&config.salesforce, &aws),
    });
    TaskReconciler { ports, queue: queue(&config.queue_url) }
}

/// What the ports of reminder tasks are built of.
#[derive(Clone)]
pub struct TaskParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its tables of people and documents.
    pub tables: PeopleTables,
    /// Name of the table of reminder tasks.
    pub tasks_table: String,
    /// Queue `task-events`.
    pub events: Arc<dyn Queue>,
    /// How to reach Salesforce.
    pub salesforce: SalesforceConfig,
}

/// Ports of reminder tasks on the real clock, and the Salesforce client behind them.
#[must_use]
pub fn task_ports(parts: TaskParts) -> (TaskPorts, Arc<SalesforceClient>) {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let salesforce = Arc::new(SalesforceClient::new(parts.salesforce, clock.clone(), chance.clone()));
    let ports = TaskPorts {
        tasks: Arc::new(DynamoTasks::new(parts.dynamodb.clone(), parts.tasks_table, clock.clone())),
        people: Arc::new(DynamoPeople::new(parts.dynamodb.clone(), parts.tables.people, clock.clone())),
        state: Arc::new(DynamoState::new(parts.dynamodb, parts.tables.sync_state, clock.clone())),
        salesforce: salesforce.clone(),
        events: parts.events,
        clock,
        chance,
    };
    (ports, salesforce)
}

/// What the ports of opt-outs are built of.
#[derive(Clone)]
pub struct OptOutParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Name of the table `sync-state`.
    pub sync_state_table: String,
    /// Name of the table of opt-outs.
    pub opt_outs_table: String,
    /// How to reach Salesforce.
    pub salesforce: SalesforceConfig,
}

/// Ports of opt-outs on the real clock, and the Salesforce client behind them.
#[must_use]
pub fn opt_out_ports(parts: OptOutParts) -> (OptOutPorts, Arc<SalesforceClient>) {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let salesforce = Arc::new(SalesforceClient::new(parts.salesforce, clock.clone(), chance.clone()));
    let ports = OptOutPorts {
        register: Arc::new(DynamoOptOuts::new(parts.dynamodb.clone(), parts.opt_outs_table, clock.clone())),
        state: Arc::new(DynamoState::new(parts.dynamodb, parts.sync_state_table, clock.clone())),
        salesforce: salesforce.clone(),
        clock,
        chance,
    };
    (ports, salesforce)
}

/// Ports of the check before a mail, on the real clock. `limits` are those of the Marketo subscription.
#[must_use]
pub fn check_ports(
    dynamodb: aws_sdk_dynamodb::Client,
    tables: &Tables,
    marketo: MarketoConfig,
    limits: CallLimits,
) -> CheckPorts {
    let (clock, chance) = (Arc::new(SystemClock), Arc::new(SystemChance));
    let state = Arc::new(DynamoState::new(dynamodb.clone(), &tables.sync_state, clock.clone()));
    let budget = SharedBudget::new(state.clone(), clock.clone(), chance.clone(), Purpose::Changes, limits);
    CheckPorts {
        register: Arc::new(DynamoOptOuts::new(dynamodb, &tables.opt_outs, clock.clone())),
        state,
        marketo: Arc::new(MarketoClient::new(marketo, clock.clone(), chance, Arc::new(budget))),
        clock,
    }
}

fn salesforce_of(place: &SalesforcePlace, aws: &SdkConfig) -> SalesforceConfig {
    let credentials: Arc<dyn salesforce::Credentials> = match &place.login {
        SalesforceFrom::Plain(login) => salesforce::PlainCredentials::shared(login.clone()),
        SalesforceFrom::SecretArn(arn) => {
            Arc::new(SalesforceSecret::new(aws_sdk_secretsmanager::Client::new(aws), arn.clone()))
        }
    };
    let (login_url, version) = (place.login_url.clone(), place.version.clone());
    SalesforceConfig { login_url, version, credentials, max_in_flight: MAX_IN_FLIGHT }
}

/// What the ports of the logging are built of.
#[derive(Clone)]
pub struct LogParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its tables of people and documents.
    pub tables: PeopleTables,
    /// Name of the table of activities.
    pub activities_table: String,
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
    let ledger = Arc::new(DynamoLedger::new(parts.dynamodb, parts.activities_table, clock.clone()));
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
