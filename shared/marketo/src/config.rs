//! What the client has to be told. Must not know where the values come from; the caller reads the environment or a secret store.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::credentials::Credentials;

/// Settings of one [`crate::MarketoClient`].
#[derive(Debug, Clone)]
pub struct MarketoConfig {
    /// Where the subscription is.
    pub base_url: BaseUrl,
    /// Client id and client secret of the custom service (Admin > LaunchPoint), asked for with each token.
    pub credentials: Arc<dyn Credentials>,
    /// Most requests running at once; a file that is being read counts as one. Marketo allows ten per subscription, all
    /// integrations together, and advises five or fewer. Zero is taken as one.
    pub max_in_flight: usize,
}

/// The root under which `/identity`, `/rest` and `/bulk` lie, without a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    root: String,
    host: String,
    loopback: bool,
}

const RULE: &str = "MARKETO_BASE_URL has to look like https://123-ABC-456.mktorest.com (a trailing /rest is tolerated; \
                    http:// only for a loopback address such as http://127.0.0.1:8080)";

impl BaseUrl {
    /// Reads a base URL. The address that Marketo's admin page shows ends in `/rest`, which is taken off because bulk and identity
    /// addresses do not have it. Plain `http://` is for loopback hosts alone, because the client secret travels in the query.
    ///
    /// # Errors
    /// The rule for the variable in plain words, and which part was broken. The text does not repeat the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text.trim()).map_err(|_| format!("{RULE}; it is not a URL"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        if host.is_empty() {
            return Err(format!("{RULE}; it names no host"));
        }
        let loopback = is_loopback(&host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(format!("{RULE}; it is http:// and the host is not a loopback address")),
            _ => return Err(format!("{RULE}; it starts with neither https:// nor http://")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{RULE}; it holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{RULE}; it holds a ? or a #"));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/rest").unwrap_or(path).trim_end_matches('/');
        if path.split('/').any(|part| matches!(part, "rest" | "bulk" | "identity")) {
            return Err(format!("{RULE}; it goes on after the host with more than /rest"));
        }
        let root = format!("{}{path}", url.origin().ascii_serialization());
        Ok(Self { root, host, loopback })
    }

    /// The host, for messages.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The address of a path that starts with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// How long the client waits before it takes a request as lost. The defaults are the server's own limits; shorter ones are for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// A whole request, answer included: 60 s.
    pub usual: Duration,
    /// The same for adding activities, for which Marketo gives itself 90 s: who gives up earlier does not know what came of it.
    pub adding: Duration,
    /// The same for paging tokens and the asset API, for which Marketo gives itself 300 s.
    pub slow: Duration,
    /// Between two pieces of an export file: 60 s.
    pub stall: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            usual: Duration::from_secs(60),
            adding: Duration::from_secs(90),
            slow: Duration::from_secs(300),
            stall: Duration::from_secs(60),
        }
    }
}
