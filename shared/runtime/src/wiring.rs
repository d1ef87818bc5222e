//! Builds the adapters of the people flow once, at cold start.

use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use domain::budget::{CallLimits, Purpose, SharedBudget};
use domain::ports::{PeoplePorts, Queue};
use marketo::{MarketoClient, MarketoConfig};
use secrecy::SecretString;
use serde::Deserialize;
use store::{DynamoPeople, DynamoState, SqsQueue, Tables};

use crate::config::{Credentials, PeopleConfig};
use crate::{DiskSpools, Error, SystemChance, SystemClock};

/// Marketo calls in flight of one function instance. Marketo allows ten for the subscription: the coordinator and the pull run once
/// each, two instances of the worker read, and the rest is left to others.
const MAX_IN_FLIGHT: usize = 2;

/// A request to AWS that was not answered by then is taken as lost and repeated. By itself the SDK would wait for as long as the function lives.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Ports of a deployed people function, from the environment.
///
/// # Errors
/// All missing or wrong variables at once, or what kept the secret from being read.
pub async fn people_ports_from_env(purpose: Purpose) -> Result<PeoplePorts, Error> {
    let config = PeopleConfig::from_env(&|name| std::env::var(name).ok())?;
    let waits = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
    let aws = aws_config::defaults(BehaviorVersion::latest()).timeout_config(waits).load().await;
    let (client_id, client_secret) = match &config.credentials {
        Credentials::Plain { client_id, client_secret } => (client_id.clone(), client_secret.clone()),
        Credentials::SecretArn(arn) => read_secret(&aws, arn).await?,
    };
    let sqs = aws_sdk_sqs::Client::new(&aws);
    let clock = Arc::new(SystemClock);
    let queue = |url: &str| -> Arc<dyn Queue> { Arc::new(SqsQueue::new(sqs.clone(), url.to_owned(), clock.clone())) };
    let marketo = MarketoConfig {
        base_url: config.marketo_base_url.clone(),
        client_id,
        client_secret,
        max_in_flight: MAX_IN_FLIGHT,
    };
    let parts = PeopleParts {
        dynamodb: aws_sdk_dynamodb::Client::new(&aws),
        tables: config.tables.clone(),
        batches: queue(&config.batches_queue_url),
        reads: queue(&config.reads_queue_url),
        marketo,
        limits: config.limits,
    };
    Ok(people_ports(parts, purpose)?.0)
}

/// What the people ports are built of.
#[derive(Clone)]
pub struct PeopleParts {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Its tables.
    pub tables: Tables,
    /// Queue `people-batches`.
    pub batches: Arc<dyn Queue>,
    /// Queue `people-reads`.
    pub reads: Arc<dyn Queue>,
    /// How to reach Marketo.
    pub marketo: MarketoConfig,
    /// Calls that the subscription was sold with.
    pub limits: CallLimits,
}

/// Ports on the real clock and this machine's disk, and the Marketo client behind them.
///
/// # Errors
/// When the HTTP client cannot be built.
pub fn people_ports(parts: PeopleParts, purpose: Purpose) -> Result<(PeoplePorts, Arc<MarketoClient>), Error> {
    let clock = Arc::new(SystemClock);
    let chance = Arc::new(SystemChance);
    let state = Arc::new(DynamoState::new(parts.dynamodb.clone(), &parts.tables.sync_state, clock.clone()));
    let people = Arc::new(DynamoPeople::new(parts.dynamodb, &parts.tables.people, clock.clone()));
    let budget = Arc::new(SharedBudget::new(state.clone(), clock.clone(), chance.clone(), purpose, parts.limits));
    let marketo = Arc::new(MarketoClient::new(parts.marketo, clock.clone(), chance.clone(), budget.clone())?);
    let ports = PeoplePorts {
        marketo: marketo.clone(),
        people,
        state,
        batches: parts.batches,
        reads: parts.reads,
        budget,
        clock,
        chance,
        spools: Arc::new(DiskSpools::default()),
    };
    Ok((ports, marketo))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarketoSecret {
    client_id: String,
    client_secret: String,
}

async fn read_secret(aws: &SdkConfig, arn: &str) -> Result<(String, SecretString), Error> {
    let client = aws_sdk_secretsmanager::Client::new(aws);
    let unreadable = |why: &str| format!("the secret named by MARKETO_SECRET_ARN cannot be used: {why}");
    let answer = client.get_secret_value().secret_id(arn).send().await;
    let text = answer
        .map_err(|e| {
            unreadable(e.as_service_error().and_then(|s| s.meta().code()).unwrap_or("Secrets Manager did not answer"))
        })?
        .secret_string
        .ok_or_else(|| unreadable("it holds no text"))?;
    let secret: MarketoSecret = serde_json::from_str(&text)
        .map_err(|_| unreadable("it must be JSON with the texts clientId and clientSecret"))?;
    Ok((secret.client_id, SecretString::from(secret.client_secret)))
}
