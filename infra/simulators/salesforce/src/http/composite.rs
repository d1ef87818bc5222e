//! Several calls in one: independent ones, and a series with headers of its own for each.
//! Must not know what any of them does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use axum::http::{HeaderName, HeaderValue};

use super::api::failure_body;
use super::call::{Call, Outcome, parse_form, reply};
use super::routes::{Found, resolve};
use crate::world::failure::Failure;

const MOST_CALLS: usize = 25;

pub(crate) fn batch(call: &Call) -> Outcome {
    let missing = || Failure::new("JSON_PARSER_ERROR", "The body must have a list called batchRequests");
    let list = call.body["batchRequests"].as_array().ok_or_else(missing)?;
    if list.len() > MOST_CALLS {
        return Err(Failure::new("INVALID_BATCH_SIZE", format!("at most {MOST_CALLS} requests in a batch")));
    }
    let results: Vec<Value> = list.iter().map(|part| single(call, part)).collect();
    let failed = results.iter().any(|result| result["statusCode"].as_u64().is_none_or(|status| status >= 400));
    reply(200, json!({ "hasErrors": failed, "results": results }))
}

fn single(call: &Call, part: &Value) -> Value {
    let (status, body) = match run(call, part) {
        Ok(done) => (done.status, done.body),
        Err(failure) => (failure.status(), failure_body(&failure)),
    };
    json!({ "statusCode": status, "result": serde_json::from_str::<Value>(&body).unwrap_or(Value::Null) })
}

/// The series of `/composite`: each call as by itself, with the headers that it names; references between them are not known.
pub(crate) fn series(call: &Call) -> Outcome {
    let missing = || Failure::new("JSON_PARSER_ERROR", "The body must have a list called compositeRequest");
    let list = call.body["compositeRequest"].as_array().ok_or_else(missing)?;
    if list.is_empty() || list.len() > MOST_CALLS {
        return Err(Failure::new("INVALID_BATCH_SIZE", format!("1 to {MOST_CALLS} subrequests are allowed")));
    }
    if call.body["allOrNone"].as_bool() == Some(true) {
        return Err(Failure::new("INVALID_INPUT", "allOrNone is not simulated"));
    }
    let mut names = Vec::new();
    for part in list {
        let name = part["referenceId"].as_str().unwrap_or_default();
        if name.is_empty() || names.contains(&name) {
            return Err(Failure::new("INVALID_INPUT", "Each subrequest must have a referenceId of its own"));
        }
        names.push(name);
    }
    let results: Vec<Value> = list.iter().enumerate().map(|(nth, part)| subrequest(call, nth, part)).collect();
    reply(200, json!({ "compositeResponse": results }))
}

fn subrequest(call: &Call, nth: usize, part: &Value) -> Value {
    let done = call.refuses(nth).and_then(|()| run(&with_headers(call, part)?, part));
    let (status, body) = match done {
        Ok(done) => (done.status, done.body),
        Err(failure) => (failure.status(), failure_body(&failure)),
    };
    json!({
        "body": serde_json::from_str::<Value>(&body).unwrap_or(Value::Null),
        "httpHeaders": {},
        "httpStatusCode": status,
        "referenceId": part["referenceId"],
    })
}

fn with_headers(call: &Call, part: &Value) -> Result<Call, Failure> {
    let mut inner = call.clone();
    // What refuses the nth record has been asked for the nth subrequest.
    inner.record_fault = None;
    for (name, value) in part["httpHeaders"].as_object().into_iter().flatten() {
        let refused = || Failure::new("INVALID_INPUT", format!("the header {name} cannot be given to a subrequest"));
        if ["accept", "authorization", "content-type"].contains(&name.to_ascii_lowercase().as_str()) {
            return Err(refused());
        }
        let name = HeaderName::try_from(name.as_str()).map_err(|_| refused())?;
        let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok()).ok_or_else(refused)?;
        inner.headers.insert(name, value);
    }
    Ok(inner)
}

fn run(call: &Call, part: &Value) -> Outcome {
    let method = part["method"].as_str().unwrap_or_default().to_uppercase();
    let url = part["url"].as_str().unwrap_or_default().trim_start_matches('/');
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    // The version comes first, with or without the root before it.
    let path = path.strip_prefix("services/data/").unwrap_or(path);
    let (version, path) = path.split_once('/').unwrap_or((path, ""));
    let Found::Route(route, parts) = resolve(&method, path) else { return Err(Failure::not_found()) };
    if route.0.starts_with("POST /composite") && !route.0.starts_with("POST /composite/sobjects") {
        return Err(Failure::new("INVALID_INPUT", "a batch cannot hold another batch"));
    }
    let body = if part["body"].is_null() { part["richInput"].clone() } else { part["body"].clone() };
    let mut params = BTreeMap::new();
    parse_form(query, &mut params);
    let inner = Call { version: version.to_owned(), path: parts, params, body, ..call.clone() };
    (route.1)(&inner)
}
