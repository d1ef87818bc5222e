//! The way of a REST call: size, session, limits, faults, work, answer, statistics — in this order.
//! Must not know what any endpoint does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::call::{Call, Outcome, Reply, parse_form};
use super::routes::{Found, Route, resolve};
use super::{answer, described, oauth, spoil};
use crate::faults::{Fault, FaultAction, Target};
use crate::service::{HeldLocks, InFlight, Service, lock};
use crate::world::failure::Failure;

const URI_BYTES: usize = 16 * 1024;
const BODY_BYTES: usize = 50 * 1024 * 1024;
const UNKNOWN: &str = "unknown";
const VERSIONS: &str = "/services/data";
const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

/// What an answer is built around.
struct Frame {
    service: Arc<Service>,
    endpoint: &'static str,
    accepts_gzip: bool,
    flight: InFlight,
}

pub(crate) async fn answer(service: &Arc<Service>, parts: &Parts, body: Body) -> Response {
    let flight = service.enter();
    let latency = service.config.latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let accepts = parts.headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let accepts_gzip = accepts.is_some_and(|value| value.contains("gzip"));
    let mut frame = Frame { service: Arc::clone(service), endpoint: UNKNOWN, accepts_gzip, flight };
    if parts.uri.to_string().len() > URI_BYTES {
        return frame.status(StatusCode::URI_TOO_LONG);
    }
    let Ok(bytes) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return frame.status(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let Some((version, path)) = parts.uri.path().strip_prefix(VERSIONS).and_then(versioned) else {
        if parts.uri.path().trim_end_matches('/') == VERSIONS && parts.method == Method::GET {
            frame.endpoint = "GET /services/data";
            return frame.finish(described::versions());
        }
        return frame.finish(Err(Failure::not_found()));
    };
    let found = resolve(parts.method.as_str(), path);
    if let Found::Route(route, _) = &found {
        frame.endpoint = route.0;
    }
    let token = oauth::bearer(parts).unwrap_or_default();
    if let Err(failure) = admit(&frame, &token) {
        return frame.finish(Err(failure));
    }
    let (route, path) = match found {
        Found::Route(route, path) => (route, path),
        Found::OtherMethod => {
            let message = format!("HTTP Method '{}' not allowed for this resource", parts.method);
            return frame.finish(Err(Failure::new("METHOD_NOT_ALLOWED", message)));
        }
        Found::Nothing => return frame.finish(Err(Failure::not_found())),
    };
    let mut params = BTreeMap::new();
    parse_form(parts.uri.query().unwrap_or_default(), &mut params);
    let text = String::from_utf8_lossy(&bytes);
    let query = params.get("q").cloned().unwrap_or_default();
    let called = format!(
        "{} {}",
        parts.method,
        parts.uri.path().trim_start_matches(VERSIONS).trim_start_matches('/').trim_start_matches(version)
    );
    let target = Target { template: route.0, called: &called, texts: &[&query, &text] };
    let is_write = matches!(parts.method, Method::POST | Method::PATCH | Method::DELETE);
    let fault = service.strike(&target, |action| is_write || !matches!(action, FaultAction::Record(..)));
    let body = if bytes.trim_ascii().is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
    let locks = HeldLocks::new(service);
    let body = match body {
        Ok(body) => body,
        Err(wrong) => return frame.finish(Err(Failure::new("JSON_PARSER_ERROR", wrong.to_string()))),
    };
    let (version, headers) = (version.to_owned(), parts.headers.clone());
    let (service, request) = (Arc::clone(service), locks.request);
    let call = Call { service, version, path, params, body, headers, request, record_fault: None };
    let hold = is_write.then_some(locks);
    match fault {
        None => {
            let outcome = work(call, route, hold).await;
            frame.finish(outcome)
        }
        Some(fault) => struck(frame, call, route, hold, fault, &token).await,
    }
}

/// `v66.0` and what follows it.
fn versioned(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let (version, rest) = path.find('/').map_or((path, ""), |at| path.split_at(at));
    let number = version.strip_prefix('v')?.strip_suffix(".0")?;
    let known = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    known.then_some((version, rest))
}

/// Whether session and limits let the call through.
fn admit(frame: &Frame, token: &str) -> Result<(), Failure> {
    let service = &frame.service;
    let now_ms = service.now_ms();
    if !lock(&service.sessions).admit(token, now_ms) {
        return Err(Failure::new("INVALID_SESSION_ID", "Session expired or invalid"));
    }
    // How much is left can always be asked.
    if frame.endpoint == "GET /limits" {
        return Ok(());
    }
    let limits = service.limits();
    let now = now_ms.div_euclid(1000);
    let mut gate = lock(&service.gate);
    if limits.daily && gate.used(now) >= limits.calls_per_day {
        return Err(Failure::new("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    gate.count(now);
    Ok(())
}

/// Runs the handler where it may take its time; its locks are kept for as long as a write is said to take.
async fn work(call: Call, route: &'static Route, locks: Option<HeldLocks>) -> Outcome {
    let service = Arc::clone(&call.service);
    let handler = route.1;
    let done = service.work(move || handler(&call)).await;
    let hold = service.config.lock_hold_ms;
    if locks.is_some() && hold > 0 {
        tokio::time::sleep(Duration::from_millis(hold)).await;
    }
    done.unwrap_or_else(|_| Err(Failure::new("UNKNOWN_EXCEPTION", "An unexpected error occurred")))
}

/// A call that a fault strikes.
async fn struck(
    frame: Frame,
    mut call: Call,
    route: &'static Route,
    locks: Option<HeldLocks>,
    fault: Fault,
    token: &str,
) -> Response {
    match &fault.action {
        FaultAction::SessionEnds(_) => {
            lock(&frame.service.sessions).end(token);
            frame.finish(Err(Failure::new("INVALID_SESSION_ID", "Session expired or invalid")))
        }
        FaultAction::Record(code, message, every) => {
            call.record_fault = Some((code.clone(), message.clone(), *every));
            let outcome = work(call, route, locks).await;
            frame.finish(outcome)
        }
        FaultAction::Slow(milliseconds) => {
            let outcome = work(call, route, locks).await;
            tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
            frame.finish(outcome)
        }
        action => {
            let whole = matches!(action, FaultAction::BadJson | FaultAction::Hang(1..) | FaultAction::Drop(1..));
            let outcome = if whole || fault.after_work {
                work(call, route, locks).await
            } else {
                Ok(Reply { status: 200, body: "{}".to_owned(), header: None })
            };
            frame.spoiled(action, outcome).await
        }
    }
}

impl Frame {
    fn finish(self, outcome: Outcome) -> Response {
        let code = outcome.as_ref().err().map(|failure| failure.code.to_string());
        self.note(code);
        self.response(outcome)
    }

    fn status(self, status: StatusCode) -> Response {
        self.note(Some(status.as_u16().to_string()));
        let mut response = answer::text(status, status.canonical_reason().unwrap_or_default());
        self.service.limit_info(&mut response);
        response
    }

    async fn spoiled(self, action: &FaultAction, outcome: Outcome) -> Response {
        match action {
            FaultAction::Hang(0) | FaultAction::Drop(0) => {}
            FaultAction::Status(status) => self.note(Some(status.to_string())),
            FaultAction::Error(_, code, _) => self.note(Some(code.clone())),
            _ => self.note(None),
        }
        let response = self.response(outcome);
        let mut response = spoil::response(action, response, Some(self.flight)).await;
        self.service.limit_info(&mut response);
        response
    }

    fn note(&self, code: Option<String>) {
        let endpoint = self.endpoint;
        self.service.count(|stats| {
            stats.calls += 1;
            *stats.by_endpoint.entry(endpoint.to_owned()).or_default() += 1;
            if let Some(code) = code {
                *stats.rejected.entry(code).or_default() += 1;
            }
        });
    }

    fn response(&self, outcome: Outcome) -> Response {
        let (status, body, extra) = match outcome {
            Ok(reply) => (reply.status, reply.body, reply.header),
            Err(failure) => (failure.status(), failure_body(&failure), None),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response =
            if body.is_empty() { answer::nothing(status) } else { answer::json_text(status, body, self.accepts_gzip) };
        if let Some((name, value)) = extra {
            answer::set(&mut response, name, &value);
        }
        self.service.limit_info(&mut response);
        response
    }
}

/// Salesforce's list of errors.
pub(crate) fn failure_body(failure: &Failure) -> String {
    let mut error = json!({ "message": failure.message, "errorCode": failure.code });
    if !failure.fields.is_empty() {
        error["fields"] = json!(failure.fields);
    }
    json!([error]).to_string()
}

impl Service {
    /// Every answer tells how much of the daily limit is used.
    fn limit_info(&self, response: &mut Response) {
        let used = lock(&self.gate).used(self.now_ms().div_euclid(1000));
        let most = self.limits().calls_per_day;
        answer::set(response, LIMIT_INFO, &format!("api-usage={used}/{most}"));
    }
}
