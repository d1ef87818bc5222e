//! Several independent calls in one.
//! Must not know what any of them does.

use std::collections::BTreeMap;

use serde_json::{Value, json};

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

fn run(call: &Call, part: &Value) -> Outcome {
    let method = part["method"].as_str().unwrap_or_default().to_uppercase();
    let url = part["url"].as_str().unwrap_or_default().trim_start_matches('/');
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    // The version comes first, with or without the root before it.
    let path = path.strip_prefix("services/data/").unwrap_or(path);
    let (version, path) = path.split_once('/').unwrap_or((path, ""));
    let Found::Route(route, parts) = resolve(&method, path) else { return Err(Failure::not_found()) };
    if route.0 == "POST /composite/batch" {
        return Err(Failure::new("INVALID_INPUT", "a batch cannot hold another batch"));
    }
    let mut params = BTreeMap::new();
    parse_form(query, &mut params);
    let inner =
        Call { version: version.to_owned(), path: parts, params, body: part["richInput"].clone(), ..call.clone() };
    (route.1)(&inner)
}
