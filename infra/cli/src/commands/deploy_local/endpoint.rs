//! Where AWS is emulated, and how to speak to it. Refuses AWS itself, and addresses to which secrets would travel in the clear.

use std::net::IpAddr;
use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use tokio::net::TcpStream;

use crate::failure::CommandFailure;

/// What emulators take for the credentials of the account's owner.
const ANYTHING: &str = "test";
/// Longest time for a connection.
const REACHED_WITHIN: Duration = Duration::from_secs(10);
const REGION: &str = "us-east-1";
/// LocalStack's own name for this machine.
const LOCALSTACK: &str = "localhost.localstack.cloud";

/// An emulated AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    access_key_id: String,
    secret_access_key: String,
    region: String,
}

impl Endpoint {
    /// The endpoint that the environment names.
    ///
    /// # Errors
    /// When it names none, or one that must not be used.
    pub fn from_env(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, CommandFailure> {
        let given = |name: &str| lookup(name).filter(|value| !value.trim().is_empty());
        let url = given("AWS_ENDPOINT_URL").ok_or_else(|| {
            CommandFailure::Usage(
                "deploy-local does not know where to deploy to: either name an emulator that runs, as in \
                 `AWS_ENDPOINT_URL=http://127.0.0.1:4566 cargo actions deploy-local`, or let it start one with \
                 `cargo actions deploy-local --emulator ministack`"
                    .into(),
            )
        })?;
        let url = checked(url.trim().trim_end_matches('/')).map_err(CommandFailure::Usage)?;
        let or = |name: &str, otherwise: &str| given(name).unwrap_or_else(|| otherwise.to_owned());
        Ok(Self {
            url,
            access_key_id: or("AWS_ACCESS_KEY_ID", ANYTHING),
            secret_access_key: or("AWS_SECRET_ACCESS_KEY", ANYTHING),
            region: given("AWS_REGION").unwrap_or_else(|| or("AWS_DEFAULT_REGION", REGION)),
        })
    }

    /// An emulator of this program's own.
    pub fn on_port(port: u16) -> Self {
        Self {
            url: format!("http://127.0.0.1:{port}"),
            access_key_id: ANYTHING.into(),
            secret_access_key: ANYTHING.into(),
            region: REGION.into(),
        }
    }

    /// Makes sure that somebody listens there, before anything is built for it.
    ///
    /// # Errors
    /// When nobody does.
    pub async fn reach(&self) -> Result<(), CommandFailure> {
        let connecting = TcpStream::connect(address(&self.url));
        let why = match tokio::time::timeout(REACHED_WITHIN, connecting).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(e)) => e.to_string(),
            Err(_) => format!("no answer in {} s", REACHED_WITHIN.as_secs()),
        };
        Err(CommandFailure::Wrong(format!(
            "nobody listens at AWS_ENDPOINT_URL, which is {} ({why}); start the emulator, or let one be started with --emulator ministack",
            self.url
        )))
    }

    /// The variables by which a program finds it.
    pub fn variables(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.url),
            ("AWS_ACCESS_KEY_ID", &self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY", &self.secret_access_key),
            ("AWS_REGION", &self.region),
            ("AWS_DEFAULT_REGION", &self.region),
        ]
    }

    /// A client of its DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(self.region()).credentials_provider(self.credentials()).endpoint_url(&self.url);
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client of its SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder().behavior_version(BehaviorVersion::latest());
        let config = config.region(self.region()).credentials_provider(self.credentials()).endpoint_url(&self.url);
        aws_sdk_sqs::Client::from_conf(config.build())
    }

    fn region(&self) -> Region {
        Region::new(self.region.clone())
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key_id, &self.secret_access_key, None, None, "deploy-local")
    }
}

/// An address that may be used.
fn checked(url: &str) -> Result<String, String> {
    let bad = |why: &str| format!("AWS_ENDPOINT_URL cannot be used: {why}; it is `{url}`");
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it has to begin with http:// or https://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("AWS_ENDPOINT_URL cannot be used: it must not hold a user or a password".into());
    }
    let host = host(authority).to_lowercase();
    if host.is_empty() {
        return Err(bad("it names no host"));
    }
    if host.ends_with("amazonaws.com") || host.ends_with("amazonaws.com.cn") || host.ends_with(".api.aws") {
        return Err(bad(
            "that is AWS itself, and deploy-local deploys to emulators; README.md says how to deploy to AWS",
        ));
    }
    match scheme {
        "https" => Ok(url.to_owned()),
        "http" if is_this_machine(&host) => Ok(url.to_owned()),
        "http" => Err(bad(
            "Marketo's credentials would travel in the clear; http:// is for this machine alone, so forward a port or use https://",
        )),
        _ => Err(bad("it has to begin with http:// or https://")),
    }
}

/// The host without its port.
fn host(authority: &str) -> &str {
    if let Some(six) = authority.strip_prefix('[') {
        return six.split(']').next().unwrap_or(six);
    }
    authority.split(':').next().unwrap_or(authority)
}

/// Host and port of an address that was checked.
fn address(url: &str) -> (String, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let behind = authority.rsplit_once(']').map_or(authority, |(_, behind)| behind);
    let port = behind.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    (host(authority).to_owned(), port.unwrap_or(if scheme == "https" { 443 } else { 80 }))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host == LOCALSTACK || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_emulators_and_only_where_secrets_are_safe() {
        for good in [
            "http://127.0.0.1:4566",
            "http://localhost:4566",
            "http://[::1]:4566",
            "http://localhost.localstack.cloud:4566",
            "https://emulator.example",
        ] {
            assert_eq!(checked(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("http://emulator.example:4566", "in the clear"),
            ("http://127.0.0.1.example", "in the clear"),
            ("https://dynamodb.us-east-1.amazonaws.com", "AWS itself"),
            ("127.0.0.1:4566", "begin with"),
            ("ftp://127.0.0.1", "begin with"),
            ("http://", "no host"),
            ("http://me:secret@127.0.0.1", "a password"),
        ] {
            let said = checked(bad).unwrap_err();
            assert!(said.contains(why) && !said.contains("me:secret"), "{said}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        for (url, host, port) in [
            ("http://127.0.0.1:4566", "127.0.0.1", 4566),
            ("http://[::1]:4566/x", "::1", 4566),
            ("http://[::1]", "::1", 80),
            ("https://emulator.example", "emulator.example", 443),
        ] {
            assert_eq!(address(url), (host.to_owned(), port));
        }
    }

    #[test]
    fn what_is_not_set_is_what_emulators_expect() {
        let set = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("http://127.0.0.1:4566/".to_owned()),
            "AWS_DEFAULT_REGION" => Some("eu-central-1".to_owned()),
            "AWS_ACCESS_KEY_ID" => Some(" ".to_owned()),
            _ => None,
        };
        let endpoint = Endpoint::from_env(&set).unwrap();
        let variables = endpoint.variables().map(|(_, value)| value.to_owned());
        assert_eq!(variables, ["http://127.0.0.1:4566", "test", "test", "eu-central-1", "eu-central-1"]);
        let why = Endpoint::from_env(&|_| None).unwrap_err().to_string();
        assert!(why.contains("AWS_ENDPOINT_URL=") && why.contains("--emulator ministack"), "{why}");
    }
}
