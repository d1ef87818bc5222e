//! What the client has to be told. Must not know where the values come from; the caller reads the environment or a secret store.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use crate::credentials::Credentials;

/// Settings of one [`crate::SalesforceClient`].
#[derive(Debug, Clone)]
pub struct SalesforceConfig {
    /// Where to get in: My Domain, or a login host for the JWT flow.
    pub login_url: LoginUrl,
    /// Version of the REST API.
    pub version: Version,
    /// What to get in with, asked for with each login.
    pub credentials: Arc<dyn Credentials>,
    /// Most requests in flight of this client and its clones.
    pub max_in_flight: usize,
}

/// Where an organisation is: a scheme and a host, nothing behind. Plain HTTP is for this machine alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginUrl {
    root: String,
    host: String,
    loopback: bool,
}

impl LoginUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// Says what an address has to be like.
    pub fn parse(text: &str) -> Result<Self, String> {
        const RULE: &str = "it must be like https://acme.my.salesforce.com, with http:// for this machine alone";
        let url = Url::parse(text.trim()).map_err(|_| RULE.to_owned())?;
        let host = url.host_str().ok_or_else(|| RULE.to_owned())?.to_owned();
        let loopback = is_loopback(&host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(format!("{RULE}; it begins with http:// and names another machine")),
            _ => return Err(RULE.to_owned()),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("{RULE}; it holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.path().trim_matches('/').is_empty() {
            return Err(format!("{RULE}; it goes on after the host"));
        }
        Ok(Self { root: url.origin().ascii_serialization(), host, loopback })
    }

    /// The host, for messages.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is one of Salesforce's own login hosts, which know no client-credentials flow.
    pub(crate) fn is_shared_login(&self) -> bool {
        matches!(self.host.as_str(), "login.salesforce.com" | "test.salesforce.com")
    }

    /// The address of a path that starts with a slash.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }
}

impl fmt::Display for LoginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A version of the REST API, such as `v66.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(String);

impl Version {
    /// Reads a version.
    ///
    /// # Errors
    /// Says what a version looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let number = text.strip_prefix('v').unwrap_or(text).strip_suffix(".0").and_then(|n| n.parse::<u32>().ok());
        match number {
            // Results of upserts say whether they created since v46.
            Some(number) if (46..1000).contains(&number) => Ok(Self(format!("v{number}.0"))),
            _ => Err("it must be like v66.0, and v46.0 or later".to_owned()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Version {
    /// Spring '26, which every organisation has.
    fn default() -> Self {
        Self("v66.0".to_owned())
    }
}

/// How long the client waits before it takes a request as lost; shorter ones are for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// A whole request, answer included: 60 s. Salesforce gives itself ten minutes, but counts calls of over 20 s against a limit of their own.
    pub usual: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self { usual: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_but_for_this_machine() {
        for good in [
            "https://acme.my.salesforce.com",
            "https://acme.my.salesforce.com/",
            "http://127.0.0.1:8091",
            "http://localhost",
        ] {
            assert!(LoginUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "acme",
            "http://acme.my.salesforce.com",
            "https://a:b@acme.com",
            "https://acme.com/services",
            "ftp://acme.com",
        ] {
            assert!(LoginUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_read_with_and_without_the_letter() {
        assert_eq!(Version::parse("v67.0").unwrap().as_str(), "v67.0");
        assert_eq!(Version::parse("59.0").unwrap().as_str(), "v59.0");
        assert!(["", "v66", "v45.0", "latest", "v66.1"].iter().all(|bad| Version::parse(bad).is_err()));
    }
}
