//! The HTTP face: which door a request goes through, and what every answer carries.
//! Must not know people; handlers ask the subscription.

mod activities;
mod activity_types;
mod answer;
mod api;
mod assets;
mod call;
mod control;
mod custom_activities;
mod export;
mod identity;
mod job_faults;
mod lead_writes;
mod leads;
mod opportunities;
mod routes;
mod spoil;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::clock::http_date;
use crate::faults::FaultAction;
use crate::service::Service;

/// Control bodies may be long lists, but not endless.
const CONTROL_BODY_BYTES: usize = 16 * 1024 * 1024;
const IDENTITY: &str = "/identity/oauth/token";

/// Answers any request. Every answer carries the simulator's date.
pub(crate) async fn serve(State(service): State<Arc<Service>>, request: Request) -> Response {
    let mut response = dispatch(&service, request).await;
    if let Ok(date) = HeaderValue::from_str(&http_date(service.now_ms() / 1000)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

async fn dispatch(service: &Arc<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if let Some(control) = path.strip_prefix("/_sim/") {
        let bytes = axum::body::to_bytes(body, CONTROL_BODY_BYTES).await;
        return match bytes {
            Ok(bytes) => control::serve(service, parts.method.as_str(), control, &bytes).await,
            Err(_) => answer::text(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
        };
    }
    if path == IDENTITY {
        let mut params = BTreeMap::new();
        call::parse_form(parts.uri.query().unwrap_or_default(), &mut params);
        let bytes = axum::body::to_bytes(body, CONTROL_BODY_BYTES).await.unwrap_or_default();
        call::parse_form(&String::from_utf8_lossy(&bytes), &mut params);
        return identity_call(service, parts.method.as_str(), &params).await;
    }
    api::answer(service, &parts, body).await
}

async fn identity_call(service: &Arc<Service>, method: &str, params: &BTreeMap<String, String>) -> Response {
    service.count(|stats| stats.identity_calls += 1);
    let applies = |action: &FaultAction| {
        matches!(
            action,
            FaultAction::Status(..)
                | FaultAction::Hang(_)
                | FaultAction::Drop(_)
                | FaultAction::EmptyBody
                | FaultAction::BadJson
        )
    };
    let fault = service.strike(&format!("{method} {IDENTITY}"), applies);
    let response = identity::token(service, params);
    match fault {
        Some(fault) => spoil::response(&fault.action, response, None).await,
        None => response,
    }
}
