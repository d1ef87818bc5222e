//! The network as Marketo needs it. Must not know tokens, retries or what an answer means.

use async_trait::async_trait;
use reqwest::{Request, Response};
use transport::{Http, SendError, Transport};

use crate::config::MarketoConfig;

/// HTTP with TLS, in two pools.
pub(crate) struct RestAndBulk {
    rest: Http,
    /// Without compression, which the bulk API does not do, and which would make byte offsets meaningless.
    bulk: Http,
}

impl RestAndBulk {
    pub fn new(config: &MarketoConfig) -> Self {
        let loopback = config.base_url.is_loopback();
        Self { rest: Http::new(loopback), bulk: Http::uncompressed(loopback) }
    }
}

#[async_trait]
impl Transport for RestAndBulk {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        let http = if request.url().path().contains("/bulk/") { &self.bulk } else { &self.rest };
        http.send(request).await
    }
}
