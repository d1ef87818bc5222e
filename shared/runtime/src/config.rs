//! Configuration from environment variables. All that is missing or wrong is named in one error; nothing external has a default.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use domain::budget::CallLimits;
use marketo::BaseUrl;
use salesforce::{Login, LoginUrl, Version};
use secrecy::SecretString;

/// Reads an environment variable; tests pass a map instead.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The process's own environment.
#[must_use]
pub fn of_process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Fewer calls in 20 seconds leave no room beside what is kept for the pull.
const FEWEST_CALLS: u64 = 20;

/// Everything that is wrong with the environment.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad configuration: {}", self.problems.join("; "))
    }
}

/// The same sentence, because a `main` that ends with an error prints this form of it.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConfigError {}

/// Collects values and problems, so that one error names them all.
pub struct EnvReader<'a> {
    lookup: Lookup<'a>,
    error: ConfigError,
}

impl<'a> EnvReader<'a> {
    /// A reader over `lookup`.
    #[must_use]
    pub fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, error: ConfigError::default() }
    }

    /// A variable that may be absent; an empty one counts as absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// A variable that must be there. When it is not, the problem is noted and an empty text given.
    pub fn required(&mut self, name: &str, meaning: &str) -> String {
        self.optional(name).unwrap_or_else(|| {
            self.problem(format!("{name} is not set ({meaning})"));
            String::new()
        })
    }

    /// A whole number that may be absent.
    pub fn number(&mut self, name: &str, default: u64) -> u64 {
        let Some(text) = self.optional(name) else { return default };
        text.trim().parse().unwrap_or_else(|_| {
            self.problem(format!("{name} must be a whole number"));
            default
        })
    }

    /// What the subscription may call: `MARKETO_DAILY_CALLS` and `MARKETO_CALLS_PER_20_SECONDS`, by default what Marketo sells by default.
    pub fn call_limits(&mut self) -> CallLimits {
        let default = CallLimits::default();
        let per_day = self.number("MARKETO_DAILY_CALLS", default.per_day);
        let per_20_seconds = self.number("MARKETO_CALLS_PER_20_SECONDS", default.per_20_seconds.into());
        if per_20_seconds < FEWEST_CALLS {
            self.problem(format!("MARKETO_CALLS_PER_20_SECONDS must be {FEWEST_CALLS} or more"));
        }
        CallLimits { per_20_seconds: u32::try_from(per_20_seconds).unwrap_or(u32::MAX), per_day }
    }

    /// The Marketo base URL.
    pub fn marketo_base_url(&mut self) -> Option<BaseUrl> {
        let text = self.required("MARKETO_BASE_URL", "for example https://123-ABC-456.mktorest.com");
        if text.is_empty() {
            return None;
        }
        BaseUrl::parse(&text).map_err(|e| self.problem(format!("MARKETO_BASE_URL cannot be used: {e}"))).ok()
    }

    /// Where Salesforce is, and the version of its API: `SALESFORCE_LOGIN_URL`, `SALESFORCE_API_VERSION`.
    pub fn salesforce(&mut self) -> Option<(LoginUrl, Version)> {
        let text = self.required("SALESFORCE_LOGIN_URL", "for example https://acme.my.salesforce.com");
        let version = self.optional("SALESFORCE_API_VERSION").map_or_else(
            || Some(Version::default()),
            |text| {
                Version::parse(&text)
                    .map_err(|e| self.problem(format!("SALESFORCE_API_VERSION cannot be used: {e}")))
                    .ok()
            },
        );
        if text.is_empty() {
            return None;
        }
        let url =
            LoginUrl::parse(&text).map_err(|e| self.problem(format!("SALESFORCE_LOGIN_URL cannot be used: {e}"))).ok();
        Some((url?, version?))
    }

    /// Plain credentials of Salesforce: `SALESFORCE_CLIENT_ID` with `SALESFORCE_CLIENT_SECRET`, or with `SALESFORCE_USERNAME` and
    /// `SALESFORCE_PRIVATE_KEY`.
    pub fn salesforce_login(&mut self) -> Login {
        let client_id = self.required("SALESFORCE_CLIENT_ID", "consumer key of the Salesforce app");
        let secret = self.optional("SALESFORCE_CLIENT_SECRET");
        let (user, key) = (self.optional("SALESFORCE_USERNAME"), self.optional("SALESFORCE_PRIVATE_KEY"));
        match (secret, user, key) {
            (None, Some(username), Some(key)) => {
                Login::JwtBearer { client_id, username, private_key: SecretString::from(key) }
            }
            (Some(secret), None, None) => {
                Login::ClientCredentials { client_id, client_secret: SecretString::from(secret) }
            }
            (secret, ..) => {
                self.problem(
                    "Salesforce is logged into either with SALESFORCE_CLIENT_SECRET, or with SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY \
                     (PEM text): set one of the two"
                        .to_owned(),
                );
                Login::ClientCredentials { client_id, client_secret: secret.unwrap_or_default().into() }
            }
        }
    }

    /// The level of the logs: `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets where its own log settings name a level, else `LOG_LEVEL`.
    #[must_use]
    pub fn log_level(&self, default: &str) -> String {
        let named = ["AWS_LAMBDA_LOG_LEVEL", "LOG_LEVEL"].iter().find_map(|name| self.optional(name));
        named.unwrap_or_else(|| default.to_owned())
    }

    /// Notes a problem.
    pub fn problem(&mut self, problem: String) {
        self.error.problems.push(problem);
    }

    /// The value, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.error.problems.is_empty() => Ok(value),
            _ => Err(self.error),
        }
    }
}

/// Where the Marketo credentials come from.
#[derive(Debug, Clone)]
pub enum CredentialsFrom {
    /// A secret in Secrets Manager: JSON with `clientId` and `clientSecret`.
    SecretArn(String),
    /// Plain variables, for local endpoints only.
    Plain {
        /// Client id.
        client_id: String,
        /// Client secret.
        client_secret: SecretString,
    },
}

/// What every people function is told.
#[derive(Debug, Clone)]
pub struct PeopleConfig {
    /// Where Marketo is.
    pub marketo_base_url: BaseUrl,
    /// How to get in.
    pub credentials: CredentialsFrom,
    /// Calls a day that the subscription was sold with.
    pub limits: CallLimits,
    /// Table names.
    pub tables: store::PeopleTables,
    /// Name of the stack, by which its metrics are told from another's.
    pub stack_name: String,
    /// Level of the logs.
    pub log_level: String,
}

/// What the functions of the initial sync are told.
#[derive(Debug, Clone)]
pub struct InitialSyncConfig {
    /// What every people function is told.
    pub people: PeopleConfig,
    /// URL of queue `people-batches`.
    pub batches_queue_url: String,
    /// URL of queue `people-reads`.
    pub reads_queue_url: String,
}

/// Where the Salesforce credentials come from.
#[derive(Debug, Clone)]
pub enum SalesforceFrom {
    /// A secret in Secrets Manager: JSON with `clientId` and `clientSecret`, or `clientId`, `username` and `privateKey`.
    SecretArn(String),
    /// Plain variables, for local endpoints only.
    Plain(Login),
}

/// How to reach Salesforce.
#[derive(Debug, Clone)]
pub struct SalesforcePlace {
    /// Where it is.
    pub login_url: LoginUrl,
    /// Version of its API.
    pub version: Version,
    /// How to get in.
    pub login: SalesforceFrom,
}

/// What `incremental-pull` is told.
#[derive(Debug, Clone)]
pub struct IncrementalPullConfig {
    /// What every people function is told.
    pub people: PeopleConfig,
    /// Name of the table of opt-outs.
    pub opt_outs_table: String,
}

/// What `activity-logger` is told.
#[derive(Debug, Clone)]
pub struct ActivityLoggerConfig {
    /// What every people function is told.
    pub people: PeopleConfig,
    /// Name of the table of activities.
    pub activities_table: String,
    /// URL of queue `sales-activities`.
    pub queue_url: String,
    /// Salesforce.
    pub salesforce: SalesforcePlace,
}

/// What `unsubscribe-reconciler` is told.
#[derive(Debug, Clone)]
pub struct UnsubscribeReconcilerConfig {
    /// Name of the table `sync-state`.
    pub sync_state_table: String,
    /// Name of the table of opt-outs.
    pub opt_outs_table: String,
    /// URL of queue `opt-outs`.
    pub queue_url: String,
    /// Salesforce.
    pub salesforce: SalesforcePlace,
    /// Name of the stack, by which its metrics are told from another's.
    pub stack_name: String,
    /// Level of the logs.
    pub log_level: String,
}

/// What `task-reconciler` is told.
#[derive(Debug, Clone)]
pub struct TaskReconcilerConfig {
    /// Name of the table `sync-state`.
    pub sync_state_table: String,
    /// Name of the people table.
    pub people_table: String,
    /// Name of the table of reminder tasks.
    pub tasks_table: String,
    /// URL of queue `reminder-tasks`.
    pub queue_url: String,
    /// URL of queue `task-events`.
    pub events_queue_url: String,
    /// Salesforce.
    pub salesforce: SalesforcePlace,
    /// Name of the stack, by which its metrics are told from another's.
    pub stack_name: String,
    /// Level of the logs.
    pub log_level: String,
}

/// Configuration of `incremental-pull`.
///
/// # Errors
/// All missing or wrong variables at once.
pub fn incremental_pull(lookup: Lookup<'_>) -> Result<IncrementalPullConfig, ConfigError> {
    let mut env = EnvReader::new(lookup);
    let people = people(&mut env);
    let opt_outs_table = opt_outs_table(&mut env);
    env.finish(people.map(|people| IncrementalPullConfig { people, opt_outs_table }))
}

/// Configuration of `initial-sync-coordinator`.
///
/// # Errors
/// As for [`incremental_pull`].
pub fn initial_sync_coordinator(lookup: Lookup<'_>) -> Result<InitialSyncConfig, ConfigError> {
    initial_sync(lookup)
}

/// Configuration of `initial-sync-worker`: it sends to `people-reads`, and says of messages of both queues when they come back.
///
/// # Errors
/// As for [`incremental_pull`].
pub fn initial_sync_worker(lookup: Lookup<'_>) -> Result<InitialSyncConfig, ConfigError> {
    initial_sync(lookup)
}

/// Configuration of `activity-logger`: it says of messages of its queue when they come back.
///
/// # Errors
/// As for [`incremental_pull`].
pub fn activity_logger(lookup: Lookup<'_>) -> Result<ActivityLoggerConfig, ConfigError> {
    let mut env = EnvReader::new(lookup);
    let people = people(&mut env);
    let activities_table = env.required("ACTIVITIES_TABLE", "name of the table of sales activities");
    let queue_url = env.required("SALES_ACTIVITIES_QUEUE_URL", "URL of the queue sales-activities");
    let salesforce = salesforce_place(&mut env);
    let config = people.zip(salesforce).map(|(people, salesforce)| ActivityLoggerConfig {
        people,
        activities_table,
        queue_url,
        salesforce,
    });
    env.finish(config)
}

/// Configuration of `unsubscribe-reconciler`: it says of messages of its queue when they come back, and asks Marketo nothing.
///
/// # Errors
/// As for [`incremental_pull`].
pub fn unsubscribe_reconciler(lookup: Lookup<'_>) -> Result<UnsubscribeReconcilerConfig, ConfigError> {
    let mut env = EnvReader::new(lookup);
    let sync_state_table = sync_state_table(&mut env);
    let opt_outs_table = opt_outs_table(&mut env);
    let queue_url = env.required("OPT_OUTS_QUEUE_URL", "URL of the queue opt-outs");
    let salesforce = salesforce_place(&mut env);
    let (stack_name, log_level) = (stack_name(&mut env), env.log_level("info"));
    let config = salesforce.map(|salesforce| UnsubscribeReconcilerConfig {
        sync_state_table,
        opt_outs_table,
        queue_url,
        salesforce,
        stack_name,
        log_level,
    });
    env.finish(config)
}

/// Configuration of `task-reconciler`: it says of messages of its queue when they come back, sends to `task-events`, and asks Marketo nothing.
///
/// # Errors
/// As for [`incremental_pull`].
pub fn task_reconciler(lookup: Lookup<'_>) -> Result<TaskReconcilerConfig, ConfigError> {
    let mut env = EnvReader::new(lookup);
    let sync_state_table = sync_state_table(&mut env);
    let people_table = people_table(&mut env);
    let tasks_table = env.required("TASKS_TABLE", "name of the table of reminder tasks");
    let queue_url = env.required("REMINDER_TASKS_QUEUE_URL", "URL of the queue reminder-tasks");
    let events_queue_url = env.required("TASK_EVENTS_QUEUE_URL", "URL of the queue task-events");
    let salesforce = salesforce_place(&mut env);
    let (stack_name, log_level) = (stack_name(&mut env), env.log_level("info"));
    let config = salesforce.map(|salesforce| TaskReconcilerConfig {
        sync_state_table,
        people_table,
        tasks_table,
        queue_url,
        events_queue_url,
        salesforce,
        stack_name,
        log_level,
    });
    env.finish(config)
}

/// The names that a deployed function reads from its environment, as its own reading asks for them; `None` where there is no such function.
/// Those that begin with `AWS_` are left out: Lambda sets them, or somebody who runs the function against local endpoints.
#[must_use]
pub fn names_of(function: &str) -> Option<BTreeSet<String>> {
    let asked = Mutex::new(BTreeSet::new());
    let recording = |name: &str| {
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        None
    };
    // Nothing is set here, so that each reading ends with an error, which is not what is wanted of it.
    let _nothing_is_set = match function {
        "incremental-pull" => incremental_pull(&recording).err(),
        "initial-sync-coordinator" => initial_sync_coordinator(&recording).err(),
        "initial-sync-worker" => initial_sync_worker(&recording).err(),
        "activity-logger" => activity_logger(&recording).err(),
        "unsubscribe-reconciler" => unsubscribe_reconciler(&recording).err(),
        "task-reconciler" => task_reconciler(&recording).err(),
        _ => return None,
    };
    let mut names = asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    names.retain(|name| !name.starts_with("AWS_"));
    Some(names)
}

fn initial_sync(lookup: Lookup<'_>) -> Result<InitialSyncConfig, ConfigError> {
    let mut env = EnvReader::new(lookup);
    let people = people(&mut env);
    let batches_queue_url = env.required("PEOPLE_BATCHES_QUEUE_URL", "URL of the queue people-batches");
    let reads_queue_url = env.required("PEOPLE_READS_QUEUE_URL", "URL of the queue people-reads");
    env.finish(people.map(|people| InitialSyncConfig { people, batches_queue_url, reads_queue_url }))
}

fn people(env: &mut EnvReader<'_>) -> Option<PeopleConfig> {
    let base_url = env.marketo_base_url();
    let credentials = credentials(env);
    let limits = env.call_limits();
    let people = people_table(env);
    let sync_state = sync_state_table(env);
    let stack_name = stack_name(env);
    let log_level = env.log_level("info");
    let tables = store::PeopleTables { people, sync_state };
    Some(PeopleConfig { marketo_base_url: base_url?, credentials, limits, tables, stack_name, log_level })
}

fn sync_state_table(env: &mut EnvReader<'_>) -> String {
    env.required("SYNC_STATE_TABLE", "name of the sync-state table")
}

fn people_table(env: &mut EnvReader<'_>) -> String {
    env.required("PEOPLE_TABLE", "name of the people table")
}

fn opt_outs_table(env: &mut EnvReader<'_>) -> String {
    env.required("OPT_OUTS_TABLE", "name of the table of opt-outs")
}

fn stack_name(env: &mut EnvReader<'_>) -> String {
    env.required("STACK_NAME", "name of the stack, for its metrics")
}

fn salesforce_place(env: &mut EnvReader<'_>) -> Option<SalesforcePlace> {
    let place = env.salesforce();
    let local = env.optional("AWS_ENDPOINT_URL").is_some();
    let login = match env.optional("SALESFORCE_SECRET_ARN") {
        Some(arn) => SalesforceFrom::SecretArn(arn),
        None if local => SalesforceFrom::Plain(env.salesforce_login()),
        None => SalesforceFrom::SecretArn(env.required(
            "SALESFORCE_SECRET_ARN",
            "ARN of the secret that holds clientId and clientSecret of the Salesforce app, or clientId, username and privateKey",
        )),
    };
    place.map(|(login_url, version)| SalesforcePlace { login_url, version, login })
}

/// On AWS from Secrets Manager; plain variables only beside a local endpoint, so that no deployed function holds a secret in its
/// configuration.
fn credentials(env: &mut EnvReader<'_>) -> CredentialsFrom {
    let local = env.optional("AWS_ENDPOINT_URL").is_some();
    match env.optional("MARKETO_SECRET_ARN") {
        Some(arn) => CredentialsFrom::SecretArn(arn),
        None if local => CredentialsFrom::Plain {
            client_id: env.required("MARKETO_CLIENT_ID", "client id of the Marketo custom service"),
            client_secret: SecretString::from(env.required("MARKETO_CLIENT_SECRET", "its client secret")),
        },
        None => CredentialsFrom::SecretArn(env.required(
            "MARKETO_SECRET_ARN",
            "ARN of the secret that holds clientId and clientSecret of the Marketo custom service",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ALL: [&str; 8] = [
        "LOG_LEVEL",
        "MARKETO_BASE_URL",
        "MARKETO_CALLS_PER_20_SECONDS",
        "MARKETO_DAILY_CALLS",
        "MARKETO_SECRET_ARN",
        "PEOPLE_TABLE",
        "STACK_NAME",
        "SYNC_STATE_TABLE",
    ];
    const QUEUES: [&str; 2] = ["PEOPLE_BATCHES_QUEUE_URL", "PEOPLE_READS_QUEUE_URL"];

    #[test]
    fn each_function_reads_what_it_needs_and_no_more() {
        let names = |function: &str| names_of(function).unwrap().into_iter().collect::<Vec<_>>();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(names("incremental-pull"), sorted([OF_ALL.as_slice(), &["OPT_OUTS_TABLE"]].concat()));
        for function in ["initial-sync-coordinator", "initial-sync-worker"] {
            assert_eq!(names(function), sorted([OF_ALL.as_slice(), &QUEUES].concat()), "{function}");
        }
        let salesforce = ["SALESFORCE_API_VERSION", "SALESFORCE_LOGIN_URL", "SALESFORCE_SECRET_ARN"];
        let logger = ["ACTIVITIES_TABLE", "SALES_ACTIVITIES_QUEUE_URL"];
        assert_eq!(names("activity-logger"), sorted([OF_ALL.as_slice(), &logger, &salesforce].concat()));
        let reconciler = ["LOG_LEVEL", "OPT_OUTS_QUEUE_URL", "OPT_OUTS_TABLE", "STACK_NAME", "SYNC_STATE_TABLE"];
        assert_eq!(names("unsubscribe-reconciler"), sorted([reconciler.as_slice(), &salesforce].concat()));
        let tasks = ["LOG_LEVEL", "PEOPLE_TABLE", "STACK_NAME", "SYNC_STATE_TABLE", "TASKS_TABLE"];
        let queues = ["REMINDER_TASKS_QUEUE_URL", "TASK_EVENTS_QUEUE_URL"];
        assert_eq!(names("task-reconciler"), sorted([tasks.as_slice(), &queues, &salesforce].concat()));
        assert_eq!(names_of("another"), None);
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let error = initial_sync_worker(&|_| None).map(drop).unwrap_err().to_string();
        let optional = ["LOG_LEVEL", "MARKETO_CALLS_PER_20_SECONDS", "MARKETO_DAILY_CALLS"];
        for name in OF_ALL.iter().chain(&QUEUES).filter(|name| !optional.contains(name)) {
            assert!(error.contains(name), "{name} in {error}");
        }
    }

    #[test]
    fn plain_credentials_only_beside_a_local_endpoint() {
        let env = |name: &str| match name {
            "MARKETO_BASE_URL" => Some("https://123-ABC-456.mktorest.com/rest".to_owned()),
            "MARKETO_CLIENT_ID" | "MARKETO_CLIENT_SECRET" => Some("x".to_owned()),
            "PEOPLE_TABLE" | "SYNC_STATE_TABLE" | "OPT_OUTS_TABLE" | "STACK_NAME" => Some(name.to_lowercase()),
            _ => None,
        };
        assert!(incremental_pull(&env).map(drop).unwrap_err().to_string().contains("MARKETO_SECRET_ARN"));
        let local =
            |name: &str| if name == "AWS_ENDPOINT_URL" { Some("http://127.0.0.1:4566".into()) } else { env(name) };
        let config = incremental_pull(&local).unwrap().people;
        assert!(matches!(config.credentials, CredentialsFrom::Plain { .. }));
        assert_eq!((config.stack_name.as_str(), config.log_level.as_str()), ("stack_name", "info"));
    }
}
