//! How a request gets to a vendor and its answer back. Must not know vendors, tokens, repeats or what an answer means.
//!
//! Everything above this seam is the same whether answers come over the network or, in simulations that have to replay a run exactly,
//! from a simulated vendor in the same process.

mod clock;

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, Request, Response, redirect};

pub use clock::{VendorClock, parse_http_date};

/// Longest wait for a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

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

/// HTTP with TLS. Its pool of connections is made when it is needed first: reading the machine's certificates is most of a cold start, and
/// many invocations find nothing to ask.
#[derive(Debug)]
pub struct Http {
    loopback: bool,
    gzip: bool,
    client: OnceLock<Client>,
}

impl Http {
    /// A client that takes compressed answers. `loopback` says that the far side is this machine, for which a proxy of the environment is
    /// of no use.
    #[must_use]
    pub const fn new(loopback: bool) -> Self {
        Self { loopback, gzip: true, client: OnceLock::new() }
    }

    /// The same without compression, for where byte offsets have to mean something.
    #[must_use]
    pub const fn uncompressed(loopback: bool) -> Self {
        Self { loopback, gzip: false, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, SendError> {
        if let Some(made) = self.client.get() {
            return Ok(made);
        }
        let builder = Client::builder()
            .user_agent(concat!("actions-sync/", env!("CARGO_PKG_VERSION")))
            // The token would go along.
            .redirect(redirect::Policy::none())
            // Repeats are decided above, by what a repeat would do and by the time that is left.
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_LIMIT)
            .gzip(self.gzip);
        let builder = if self.loopback { builder.no_proxy() } else { builder };
        let made = builder.build().map_err(|_| SendError::NoTls)?;
        Ok(self.client.get_or_init(|| made))
    }
}

#[async_trait]
impl Transport for Http {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        Ok(self.client()?.execute(request).await?)
    }
}
