//! How a request gets to Marketo and its answer back. Must not know tokens, retries or what an answer means.
//!
//! Everything above this seam is the same whether answers come over the network or, in simulations that have to replay a run exactly,
//! from a simulated Marketo in the same process.

use std::sync::OnceLock;

use async_trait::async_trait;
use reqwest::{Client, ClientBuilder, Request, Response, redirect};

use crate::config::MarketoConfig;

/// Longest wait for a connection.
const CONNECT_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Why a request got no answer. The cause's own text is left out: it can hold the address with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// No connection could be made.
    NoConnection,
    /// TLS cannot be set up on this machine.
    NoTls,
    /// The request cannot be put together.
    BadRequest,
    /// Nothing came in time.
    TimedOut,
    /// The connection broke.
    Broken,
}

impl From<reqwest::Error> for SendError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_connect() {
            Self::NoConnection
        } else if error.is_builder() {
            Self::BadRequest
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken
        }
    }
}

/// Sends one request, once.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Gives the answer as soon as its head has come.
    ///
    /// # Errors
    /// What kept an answer from coming. Statuses of any kind are answers.
    async fn send(&self, request: Request) -> Result<Response, SendError>;
}

/// HTTP with TLS.
pub(crate) struct Http {
    config: MarketoConfig,
    rest: Lazy,
    /// Without compression, which the bulk API does not do, and which would make byte offsets meaningless.
    bulk: Lazy,
}

impl Http {
    pub const fn new(config: MarketoConfig) -> Self {
        Self { config, rest: Lazy::new(), bulk: Lazy::new() }
    }
}

/// A client of HTTP that is made when it is needed first: reading the machine's certificates is most of a cold start, and many invocations
/// find nothing to ask of Marketo.
struct Lazy(OnceLock<Client>);

impl Lazy {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn get(&self, builder: impl FnOnce() -> ClientBuilder) -> Result<&Client, SendError> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let made = builder().build().map_err(|_| SendError::NoTls)?;
        Ok(self.0.get_or_init(|| made))
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let http = if request.url().path().contains("/bulk/") {
            self.bulk.get(|| builder(&self.config).no_gzip())?
        } else {
            self.rest.get(|| builder(&self.config).gzip(true))?
        };
        Ok(http.execute(request).await?)
    }
}

/// Redirects are not followed: the token would go along. A proxy of the environment is of no use for this machine's own addresses.
fn builder(config: &MarketoConfig) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("actions-sync/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        // A request that the far side turned down unseen is told to whoever sent it, who may have no more time for another.
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_LIMIT);
    if config.base_url.is_loopback() { builder.no_proxy() } else { builder }
}
