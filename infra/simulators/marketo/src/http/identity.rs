//! The identity endpoint: client credentials for an access token.
//! Must not know what tokens are good for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answer;
use crate::service::Service;
use crate::subscription::lock;

pub(crate) fn token(service: &Arc<Service>, params: &BTreeMap<String, String>) -> Response {
    let config = &service.subscription.config;
    let read = |name: &str| params.get(name).map(String::as_str).unwrap_or_default();
    let (id, secret) = (read("client_id"), read("client_secret"));
    if read("grant_type") != "client_credentials" {
        let body = json!({ "error": "unsupported_grant_type", "error_description": "Unsupported grant type" });
        return answer::json(StatusCode::BAD_REQUEST, &body);
    }
    let own = (config.client_id.clone(), config.client_secret.clone());
    let mut known = std::iter::once(&own).chain(&config.other_clients);
    if !known.any(|(known_id, known_secret)| known_id == id && known_secret == secret) {
        let description = if id == own.0 { "Invalid client secret" } else { "No client with requested id" };
        let body = json!({ "error": "unauthorized", "error_description": description });
        return answer::json(StatusCode::UNAUTHORIZED, &body);
    }
    let (text, expires_in) = lock(&service.tokens).give(id, service.now_ms());
    let scope = format!("{id}@simulator.example");
    let body = json!({ "access_token": text, "token_type": "bearer", "expires_in": expires_in, "scope": scope });
    answer::json(StatusCode::OK, &body)
}
