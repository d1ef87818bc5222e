//! The token endpoint and who the token belongs to.
//! Must not know records.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::answer;
use crate::jwt;
use crate::service::{Service, lock};

pub(crate) const TOKEN: &str = "/services/oauth2/token";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A refusal: code and description.
type Refusal = (&'static str, String);

pub(crate) fn token(service: &Arc<Service>, parts: &Parts, params: &BTreeMap<String, String>) -> Response {
    if parts.method != axum::http::Method::POST {
        return refused(("invalid_request", "tokens are asked for with POST".to_owned()));
    }
    match admit(service, parts, params) {
        Ok(()) => given(service, parts, params),
        Err(refusal) => refused(refusal),
    }
}

fn refused((code, description): Refusal) -> Response {
    answer::json(StatusCode::BAD_REQUEST, &json!({ "error": code, "error_description": description }))
}

fn admit(service: &Arc<Service>, parts: &Parts, params: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let given = |name: &str| params.get(name).cloned().unwrap_or_default();
    let config = &service.config;
    match given("grant_type").as_str() {
        "client_credentials" => known_client(service, parts, params),
        "refresh_token" => {
            known_client(service, parts, params)?;
            if config.refresh_token.as_deref() == Some(given("refresh_token").as_str()) {
                return Ok(());
            }
            Err(("invalid_grant", "expired access/refresh token".to_owned()))
        }
        JWT_BEARER => {
            let now = service.now_ms().div_euclid(1000);
            let expected = jwt::Expected {
                client_id: &config.client_id,
                username: &config.username,
                public_key: config.jwt_public_key.as_deref(),
                now,
            };
            jwt::check(&given("assertion"), &expected).map_err(|wrong| ("invalid_grant", wrong))
        }
        "" => Err(("invalid_request", "grant_type is missing".to_owned())),
        _ => Err(("unsupported_grant_type", "grant type not supported".to_owned())),
    }
}

/// Key and secret come in the body or as HTTP Basic.
fn known_client(service: &Arc<Service>, parts: &Parts, params: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let basic = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = basic
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|packed| STANDARD.decode(packed.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pair| pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned())));
    let of_body = || (params.get("client_id").cloned(), params.get("client_secret").cloned());
    let (id, secret) = basic.map_or_else(of_body, |(id, secret)| (Some(id), Some(secret)));
    if id.as_deref() != Some(service.config.client_id.as_str()) {
        return Err(("invalid_client_id", "client identifier invalid".to_owned()));
    }
    if secret.as_deref() != Some(service.config.client_secret.as_str()) {
        return Err(("invalid_client", "invalid client credentials".to_owned()));
    }
    Ok(())
}

fn given(service: &Arc<Service>, parts: &Parts, params: &BTreeMap<String, String>) -> Response {
    let now_ms = service.now_ms();
    let (organization, user) = service.with_state(|state, _| (state.organization.to_string(), state.user.to_string()));
    let token = lock(&service.sessions).open(&organization, now_ms);
    let base = base_url(parts);
    let mut body = json!({
        "access_token": token,
        "instance_url": base,
        "id": format!("{base}/id/{organization}/{user}"),
        "token_type": "Bearer",
        "issued_at": now_ms.to_string(),
        "signature": STANDARD.encode(format!("{organization}{user}{now_ms}")),
    });
    // An assertion has no scope to ask for: the app's own scopes are told back.
    body["scope"] = "api".into();
    if params.get("grant_type").is_some_and(|grant| grant == "refresh_token") {
        body["scope"] = "api refresh_token".into();
    }
    answer::json(StatusCode::OK, &body)
}

/// The address under which the caller reached the simulator.
fn base_url(parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).or_else(|| parts.uri.host());
    format!("http://{}", host.unwrap_or("127.0.0.1"))
}

/// `/id/{organisation}/{user}`, `userinfo` and `revoke`.
pub(crate) fn identity(service: &Arc<Service>, parts: &Parts) -> Response {
    let path = parts.uri.path();
    let token = bearer(parts).unwrap_or_default();
    if path == "/services/oauth2/revoke" {
        lock(&service.sessions).end(&token);
        return answer::nothing(StatusCode::OK);
    }
    if path != "/services/oauth2/userinfo" && !path.starts_with("/id/") {
        return answer::text(StatusCode::NOT_FOUND, "Not found");
    }
    if !lock(&service.sessions).admit(&token, service.now_ms()) {
        return answer::text(StatusCode::FORBIDDEN, "Bad_OAuth_Token");
    }
    let (organization, user) = service.with_state(|state, _| (state.organization.to_string(), state.user.to_string()));
    let base = base_url(parts);
    answer::json(
        StatusCode::OK,
        &json!({
            "id": format!("{base}/id/{organization}/{user}"),
            "sub": format!("{base}/id/{organization}/{user}"),
            "user_id": user,
            "organization_id": organization,
            "preferred_username": service.config.username,
            "username": service.config.username,
            "email": service.config.username,
            "active": true,
            "urls": { "rest": format!("{base}/services/data/v{{version}}/") },
        }),
    )
}

/// The session that a request carries.
pub(crate) fn bearer(parts: &Parts) -> Option<String> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let token = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("OAuth "))?;
    Some(token.trim().to_owned())
}
