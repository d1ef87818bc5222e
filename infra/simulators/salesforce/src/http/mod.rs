//! The HTTP face: which door a request goes through, and what every answer carries.
//! Must not know records; handlers ask the organisation.

mod answer;
mod api;
mod call;
mod collections;
mod composite;
mod control;
mod described;
mod oauth;
mod query;
mod render;
mod replication;
mod routes;
mod sobjects;
mod spoil;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::clock::http_date;
use crate::faults::{FaultAction, Target};
use crate::service::Service;

/// Control bodies may be long lists of records, but not endless.
const CONTROL_BODY_BYTES: usize = 512 * 1024 * 1024;
const TOKEN_BODY_BYTES: usize = 64 * 1024;

/// Answers any request. Every answer carries the simulator's date.
pub(crate) async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    let mut response = dispatch(&service, request).await;
    if let Ok(date) = HeaderValue::from_str(&http_date(service.now_ms().div_euclid(1000))) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

async fn dispatch(service: &Arc<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if let Some(control) = path.strip_prefix("/_sim/") {
        return match axum::body::to_bytes(body, CONTROL_BODY_BYTES).await {
            Ok(bytes) => control::serve(service, parts.method.as_str(), control, bytes).await,
            Err(_) => answer::text(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        };
    }
    if path.starts_with("/services/oauth2/") || path.starts_with("/id/") {
        let Ok(bytes) = axum::body::to_bytes(body, TOKEN_BODY_BYTES).await else {
            return answer::text(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        return login(service, &parts, &bytes).await;
    }
    api::answer(service, &parts, body).await
}

/// Everything about who one is.
async fn login(service: &Arc<Service>, parts: &Parts, body: &Bytes) -> Response {
    let path = parts.uri.path();
    if path != oauth::TOKEN {
        return oauth::identity(service, parts);
    }
    service.count(|stats| stats.token_calls += 1);
    let mut params = BTreeMap::new();
    call::parse_form(parts.uri.query().unwrap_or_default(), &mut params);
    let text = String::from_utf8_lossy(body);
    call::parse_form(&text, &mut params);
    let endpoint = format!("{} {path}", parts.method);
    let target = Target { template: &endpoint, called: &endpoint, texts: &[&text] };
    let fault =
        service.strike(&target, |action| !matches!(action, FaultAction::Record(..) | FaultAction::SessionEnds(_)));
    let response = oauth::token(service, parts, &params);
    match fault {
        Some(fault) => spoil::response(&fault.action, response, None).await,
        None => response,
    }
}
