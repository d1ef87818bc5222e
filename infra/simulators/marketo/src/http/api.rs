//! The way of a REST or bulk call: size, token, limits, faults, work, answer, statistics — in this order.
//! Must not know what any endpoint does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::call::{Call, Failure, FileReply, Outcome, Reply, parse_form};
use super::routes::{Handler, resolve};
use super::{answer, job_faults, spoil};
use crate::faults::{Fault, FaultAction, message_of};
use crate::service::{InFlight, Service};
use crate::subscription::lock;
use crate::tokens::Refused;
use crate::world::hash::mix;

const URI_BYTES: usize = 8 * 1024;
const REST_BODY_BYTES: usize = 1024 * 1024;
const BULK_BODY_BYTES: usize = 10 * 1024 * 1024;
const UNKNOWN: &str = "unknown";

/// A request taken apart.
struct Incoming {
    method: String,
    path: String,
    params: BTreeMap<String, String>,
    body: Option<Value>,
    token: Option<String>,
    range: Option<String>,
    accepts_gzip: bool,
}

/// What the statistics are told about an answer.
struct Account {
    endpoint: &'static str,
    client: String,
    code: Option<String>,
}

pub(crate) async fn answer(service: &Arc<Service>, parts: &Parts, body: Body) -> Response {
    let flight = service.enter();
    let latency = service.subscription.config.latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let incoming = match read(parts, body).await {
        Ok(incoming) => incoming,
        Err(status) => {
            let account = Account { endpoint: UNKNOWN, client: String::new(), code: Some(status.as_u16().to_string()) };
            note(service, account);
            return answer::text(status, status.canonical_reason().unwrap_or_default());
        }
    };
    process(service, incoming, flight).await
}

async fn read(parts: &Parts, body: Body) -> Result<Incoming, StatusCode> {
    if parts.uri.to_string().len() > URI_BYTES {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let path = parts.uri.path().to_owned();
    let most = if path.starts_with("/bulk/") { BULK_BODY_BYTES } else { REST_BODY_BYTES };
    let bytes = axum::body::to_bytes(body, most).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut params = BTreeMap::new();
    parse_form(parts.uri.query().unwrap_or_default(), &mut params);
    let is_form = text(header::CONTENT_TYPE).starts_with("application/x-www-form-urlencoded");
    if is_form {
        parse_form(&String::from_utf8_lossy(&bytes), &mut params);
    }
    let body =
        if is_form || bytes.trim_ascii().is_empty() { Some(Value::Null) } else { serde_json::from_slice(&bytes).ok() };
    // A long query travels as a POST that says it is a GET.
    let stated = params.remove("_method").filter(|_| parts.method == axum::http::Method::POST);
    let method = stated.unwrap_or_else(|| parts.method.as_str().to_owned()).to_uppercase();
    let bearer = text(header::AUTHORIZATION).strip_prefix("Bearer ").map(|token| token.trim().to_owned());
    let in_query = params.remove("access_token");
    let range = Some(text(header::RANGE)).filter(|range| !range.is_empty()).map(str::to_owned);
    let accepts_gzip = path.starts_with("/rest/") && text(header::ACCEPT_ENCODING).contains("gzip");
    Ok(Incoming { method, path, params, body, token: bearer.or(in_query), range, accepts_gzip })
}

async fn process(service: &Arc<Service>, incoming: Incoming, flight: InFlight) -> Response {
    let accepts_gzip = incoming.accepts_gzip;
    let route = resolve(&incoming.method, &incoming.path);
    let endpoint = route.as_ref().map_or(UNKNOWN, |(route, _)| route.0);
    let client = match admit(service, &incoming, &flight) {
        Ok(client) => client,
        Err(failure) => return finish(service, endpoint, "", Err(failure), accepts_gzip, flight),
    };
    let Some((route, path)) = route else {
        let failure = Failure::new("610", "Requested resource not found");
        return finish(service, endpoint, &client, Err(failure), accepts_gzip, flight);
    };
    let Some(body) = incoming.body else {
        return finish(service, endpoint, &client, Err(Failure::new("609", "Invalid JSON")), accepts_gzip, flight);
    };
    let (params, range) = (incoming.params, incoming.range);
    let call = Call { service: Arc::clone(service), endpoint, client: client.clone(), path, params, body, range };
    let is_file = endpoint.ends_with("/file.json");
    let fault = service.strike(endpoint, |action| !action.is_of_job() && (is_file || !action.is_of_file()));
    let Some(fault) = fault else {
        let outcome = work(call, route.1).await;
        return finish(service, endpoint, &client, outcome, accepts_gzip, flight);
    };
    let token = incoming.token.unwrap_or_default();
    struck(call, route.1, fault, &token, accepts_gzip, flight).await
}

/// The caller's client id, unless token or limits forbid the call.
fn admit(service: &Arc<Service>, incoming: &Incoming, flight: &InFlight) -> Result<String, Failure> {
    let now_ms = service.now_ms();
    let token = incoming.token.as_deref().unwrap_or_default();
    let client = lock(&service.tokens).check(token, now_ms).map_err(|refused| match refused {
        Refused::Expired => Failure::new("602", "Access token expired"),
        Refused::Invalid => Failure::new("601", "Access token invalid"),
    })?;
    let limits = service.subscription.limits();
    let admitted = lock(&service.gate).admit(&client, flight.count, now_ms, &limits);
    admitted.map_err(|(code, message)| Failure::new(code, message))?;
    Ok(client)
}

/// Runs the handler where it may take its time.
async fn work(call: Call, handler: Handler) -> Outcome {
    let service = Arc::clone(&call.service);
    let done = service.work(move || {
        let outcome = handler(&call);
        if job_faults::strike(&call, &outcome) { handler(&call) } else { outcome }
    });
    done.await.unwrap_or_else(|_| Err(Failure::new("611", "System error")))
}

/// A call that a fault strikes.
async fn struck(
    mut call: Call,
    handler: Handler,
    fault: Fault,
    token: &str,
    accepts_gzip: bool,
    flight: InFlight,
) -> Response {
    let (service, endpoint, client) = (Arc::clone(&call.service), call.endpoint, call.client.clone());
    let fails = |code: &str, message: String| Err(Failure::new(code, message));
    let outcome = match &fault.action {
        FaultAction::TokenDies(_) => {
            let mut tokens = lock(&service.tokens);
            tokens.kill(&client);
            // This call is the first use after death, so that the next one is plainly invalid.
            let _ = tokens.check(token, service.now_ms());
            drop(tokens);
            fails("602", message_of("602"))
        }
        FaultAction::Error(code, message) => {
            if fault.after_work {
                let _ = work(call, handler).await;
            }
            fails(code, message.clone())
        }
        FaultAction::JsonErrorAsFile(code) => fails(code, message_of(code)),
        FaultAction::Truncate(share) => {
            call.params.insert("\0truncate".to_owned(), share.to_string());
            work(call, handler).await
        }
        FaultAction::NoResult => job_faults::without_result(work(call, handler).await),
        FaultAction::FewerResults => job_faults::with_fewer_results(work(call, handler).await),
        action => return spoiled(call, handler, action, fault.after_work, accepts_gzip, flight).await,
    };
    finish(&service, endpoint, &client, outcome, accepts_gzip, flight)
}

/// A call whose answer breaks on its way.
async fn spoiled(
    call: Call,
    handler: Handler,
    action: &FaultAction,
    after_work: bool,
    accepts_gzip: bool,
    flight: InFlight,
) -> Response {
    let (service, endpoint, client) = (Arc::clone(&call.service), call.endpoint, call.client.clone());
    let whole = matches!(action, FaultAction::BadJson | FaultAction::Hang(1..) | FaultAction::Drop(1..));
    let answered = !matches!(action, FaultAction::Hang(0) | FaultAction::Drop(0));
    let outcome = if whole || after_work { work(call, handler).await } else { Ok(Reply::Envelope(json!({}))) };
    if answered {
        let code = if let FaultAction::Status(status, _) = action { Some(status.to_string()) } else { None };
        note(&service, Account { endpoint, client, code });
    }
    let (response, _) = to_response(&service, outcome, accepts_gzip, None);
    spoil::response(action, response, Some(flight)).await
}

fn finish(
    service: &Arc<Service>,
    endpoint: &'static str,
    client: &str,
    outcome: Outcome,
    accepts_gzip: bool,
    flight: InFlight,
) -> Response {
    let (response, code) = to_response(service, outcome, accepts_gzip, Some(flight));
    note(service, Account { endpoint, client: client.to_owned(), code });
    response
}

/// The HTTP form of an outcome, and the code it is counted under if it is a failure.
fn to_response(
    service: &Arc<Service>,
    outcome: Outcome,
    accepts_gzip: bool,
    flight: Option<InFlight>,
) -> (Response, Option<String>) {
    match outcome {
        Ok(Reply::File(file)) => (file_response(service, file, flight), None),
        Ok(Reply::Text(status, text)) => {
            let code = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
            let mut response = answer::text(code, &text);
            if code == StatusCode::RANGE_NOT_SATISFIABLE {
                answer::set(&mut response, header::CONTENT_RANGE, &text);
            }
            (response, Some(status.to_string()))
        }
        Ok(Reply::Envelope(mut envelope)) => {
            envelope["requestId"] = request_id(service).into();
            envelope["success"] = true.into();
            (answer::json_maybe_gzip(&envelope, accepts_gzip), None)
        }
        Err(failure) => {
            let mut envelope = failure.envelope();
            envelope["requestId"] = request_id(service).into();
            (answer::json_maybe_gzip(&envelope, accepts_gzip), Some(failure.code))
        }
    }
}

fn request_id(service: &Arc<Service>) -> String {
    let now_ms = service.now_ms();
    format!("{:x}#{now_ms:x}", mix(now_ms.cast_unsigned()) & 0xffff)
}

fn file_response(service: &Arc<Service>, file: FileReply, flight: Option<InFlight>) -> Response {
    let FileReply { reader, status, start, end, total, content_type } = file;
    let counter = Arc::clone(service);
    let pieces = stream::try_unfold(reader, move |mut reader| {
        let counter = Arc::clone(&counter);
        async move {
            let (bytes, reader) = counter.work(move || (reader.read(), reader)).await?;
            Ok::<_, std::io::Error>(bytes.map(|bytes| {
                counter.count(|stats| stats.export_bytes_served += bytes.len() as u64);
                (Bytes::from(bytes), reader)
            }))
        }
    });
    let body = match flight {
        Some(flight) => Body::from_stream(spoil::in_flight_while(pieces, flight)),
        None => Body::from_stream(pieces),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = answer::stream(status, content_type, body);
    answer::set(&mut response, header::CONTENT_LENGTH, &(end - start).to_string());
    answer::set(&mut response, header::ACCEPT_RANGES, "bytes");
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{total}", end.saturating_sub(1));
        answer::set(&mut response, header::CONTENT_RANGE, &range);
    }
    response
}

fn note(service: &Arc<Service>, account: Account) {
    let Account { endpoint, client, code } = account;
    if let Some(code) = &code {
        lock(&service.gate).note_error(code, service.now_ms());
    }
    service.count(|stats| {
        stats.calls += 1;
        *stats.by_endpoint.entry(endpoint.to_owned()).or_default() += 1;
        *stats.by_client.entry(client).or_default() += 1;
        if let Some(code) = code {
            *stats.rejected.entry(code).or_default() += 1;
        }
    });
}
