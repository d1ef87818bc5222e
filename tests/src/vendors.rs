//! How the product's clients get to the simulated vendors: who they are there, and vendors that answer within the process. Must not know what is
//! asked, nor what goes wrong on the way.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use marketo::{BaseUrl, MarketoConfig};
use reqwest::{Request, Response};
use salesforce::{Login, LoginUrl, SalesforceConfig, Version};
use simulator_marketo as m;
use simulator_salesforce as s;
use transport::SendError;

/// Where a vendor is that answers within the process.
pub const IN_PROCESS: &str = "http://localhost";
/// Largest answer of a simulated vendor, bytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// How to get into a simulated Marketo at this address.
#[must_use]
pub fn marketo_config(config: &m::Config, base_url: &str, max_in_flight: usize) -> MarketoConfig {
    MarketoConfig {
        base_url: BaseUrl::parse(base_url).unwrap(),
        credentials: marketo::PlainCredentials::shared(config.client_id.clone(), config.client_secret.clone()),
        max_in_flight,
    }
}

/// How to get into a simulated Salesforce at this address.
#[must_use]
pub fn salesforce_config(config: &s::Config, login_url: &str, max_in_flight: usize) -> SalesforceConfig {
    let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone().into());
    SalesforceConfig {
        login_url: LoginUrl::parse(login_url).unwrap(),
        version: Version::default(),
        credentials: salesforce::PlainCredentials::shared(Login::ClientCredentials { client_id, client_secret }),
        max_in_flight,
    }
}

/// An answer that is under way.
pub type Answer = Pin<Box<dyn Future<Output = axum::response::Response> + Send>>;
/// A vendor that answers within the process.
pub type Vendor = Arc<dyn Fn(axum::extract::Request) -> Answer + Send + Sync>;

/// Marketo, without a network.
pub fn marketo(world: m::World) -> Vendor {
    Arc::new(move |request| {
        let world = world.clone();
        Box::pin(async move { world.answer(request).await })
    })
}

/// Salesforce, without a network.
pub fn salesforce(world: s::World) -> Vendor {
    Arc::new(move |request| {
        let world = world.clone();
        Box::pin(async move { world.answer(request).await })
    })
}

/// A client's request, as a vendor takes it.
///
/// # Errors
/// `BadRequest` for one that HTTP does not allow.
pub fn request(request: Request) -> Result<axum::extract::Request, SendError> {
    let request: axum::http::Request<reqwest::Body> = request.try_into().map_err(|_| SendError::BadRequest)?;
    Ok(request.map(Body::new))
}

/// The whole body of an answer.
///
/// # Errors
/// `Broken` for one that breaks off.
pub async fn body(body: Body) -> Result<Bytes, SendError> {
    to_bytes(body, LARGEST).await.map_err(|_| SendError::Broken)
}

/// A vendor's answer, as a client takes it.
pub fn response(head: axum::http::response::Parts, body: impl Into<reqwest::Body>) -> Response {
    Response::from(axum::http::Response::from_parts(head, body.into()))
}
