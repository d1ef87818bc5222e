//! Configuration from environment variables. All that is missing or wrong is named in one error; nothing external has a default.

use std::fmt;

use domain::budget::CallLimits;
use marketo::BaseUrl;
use secrecy::SecretString;

/// Reads an environment variable; tests pass a map instead.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

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
pub enum Credentials {
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

/// Configuration of a deployed people function.
#[derive(Debug, Clone)]
pub struct PeopleConfig {
    /// Where Marketo is.
    pub marketo_base_url: BaseUrl,
    /// How to get in.
    pub credentials: Credentials,
    /// Calls a day that the subscription was sold with.
    pub limits: CallLimits,
    /// Table names.
    pub tables: store::Tables,
    /// URL of queue `people-batches`.
    pub batches_queue_url: String,
    /// URL of queue `people-reads`.
    pub reads_queue_url: String,
}

impl PeopleConfig {
    /// Reads the environment of a deployed function.
    ///
    /// # Errors
    /// All missing or wrong variables at once.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let mut env = EnvReader::new(lookup);
        let base_url = env.marketo_base_url();
        let credentials = credentials(&mut env);
        let limits = env.call_limits();
        let people = env.required("PEOPLE_TABLE", "name of the people table");
        let sync_state = env.required("SYNC_STATE_TABLE", "name of the sync-state table");
        let batches_queue_url = env.required("PEOPLE_BATCHES_QUEUE_URL", "URL of the queue people-batches");
        let reads_queue_url = env.required("PEOPLE_READS_QUEUE_URL", "URL of the queue people-reads");
        let config = base_url.map(|marketo_base_url| Self {
            marketo_base_url,
            credentials,
            limits,
            tables: store::Tables { people, sync_state },
            batches_queue_url,
            reads_queue_url,
        });
        env.finish(config)
    }
}

/// On AWS from Secrets Manager; plain variables only beside a local endpoint, so that no deployed function holds a secret in its
/// configuration.
fn credentials(env: &mut EnvReader<'_>) -> Credentials {
    let local = env.optional("AWS_ENDPOINT_URL").is_some();
    match env.optional("MARKETO_SECRET_ARN") {
        Some(arn) => Credentials::SecretArn(arn),
        None if local => Credentials::Plain {
            client_id: env.required("MARKETO_CLIENT_ID", "client id of the Marketo custom service"),
            client_secret: SecretString::from(env.required("MARKETO_CLIENT_SECRET", "its client secret")),
        },
        None => Credentials::SecretArn(env.required(
            "MARKETO_SECRET_ARN",
            "ARN of the secret that holds clientId and clientSecret of the Marketo custom service",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let error = PeopleConfig::from_env(&|_| None).map(drop).unwrap_err().to_string();
        for name in [
            "MARKETO_BASE_URL",
            "MARKETO_SECRET_ARN",
            "PEOPLE_TABLE",
            "SYNC_STATE_TABLE",
            "PEOPLE_BATCHES_QUEUE_URL",
            "PEOPLE_READS_QUEUE_URL",
        ] {
            assert!(error.contains(name), "{name} in {error}");
        }
    }

    #[test]
    fn plain_credentials_only_beside_a_local_endpoint() {
        let env = |name: &str| match name {
            "MARKETO_BASE_URL" => Some("https://123-ABC-456.mktorest.com/rest".to_owned()),
            "MARKETO_CLIENT_ID" | "MARKETO_CLIENT_SECRET" => Some("x".to_owned()),
            "MARKETO_SECRET_ARN" | "AWS_ENDPOINT_URL" => None,
            other => Some(other.to_lowercase()),
        };
        assert!(PeopleConfig::from_env(&env).map(drop).unwrap_err().to_string().contains("MARKETO_SECRET_ARN"));
        let local =
            |name: &str| if name == "AWS_ENDPOINT_URL" { Some("http://127.0.0.1:4566".into()) } else { env(name) };
        let config = PeopleConfig::from_env(&local);
        assert!(config.is_err() || matches!(config.map(|c| c.credentials), Ok(Credentials::Plain { .. })));
    }
}
