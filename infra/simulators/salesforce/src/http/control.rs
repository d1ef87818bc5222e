//! The control routes under `/_sim/`: records and events of the organisation, truth, statistics, faults, limits, clock.
//! For tests and operators; never counted as calls.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer;
use crate::clock::time_text;
use crate::config::{FieldChange, Picklist};
use crate::faults::Fault;
use crate::service::{Service, lock};
use crate::world::changes::Edit;
use crate::world::id::Id;
use crate::world::state::State;

pub(crate) async fn serve(service: &Arc<Service>, method: &str, path: &str, body: Bytes) -> Response {
    let (shared, method, path) = (Arc::clone(service), method.to_owned(), path.to_owned());
    let done = service.work(move || run(&shared, &method, &path, &body)).await;
    match done {
        Ok(Ok(Told::Json(value))) => answer::json(StatusCode::OK, &value),
        Ok(Ok(Told::Lines(text))) => answer::with_body(StatusCode::OK, "application/x-ndjson", Body::from(text)),
        Ok(Err(message)) => answer::json(StatusCode::BAD_REQUEST, &json!({ "error": message })),
        Err(panic) => answer::json(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": panic.to_string() })),
    }
}

enum Told {
    Json(Value),
    Lines(String),
}

fn done() -> Result<Told, String> {
    Ok(Told::Json(json!({ "ok": true })))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn run(service: &Arc<Service>, method: &str, path: &str, body: &[u8]) -> Result<Told, String> {
    if let ("GET", Some(object)) = (method, path.strip_prefix("records/")) {
        let told = service.with_state(|state, now_ms| state.tell_all(object, now_ms));
        let mut lines = told.ok_or_else(|| format!("there is no object {object}"))?.join("\n");
        lines.push('\n');
        return Ok(Told::Lines(lines));
    }
    match (method, path) {
        ("GET", "health") => {
            let told = service.with_state(|state, now_ms| {
                json!({ "ok": true, "records": state.total(), "user": state.user.to_string(), "now": time_text(now_ms.div_euclid(1000)) })
            });
            Ok(Told::Json(told))
        }
        ("GET", "stats") => Ok(Told::Json(json!(service.stats()))),
        ("POST", "reset-stats") => {
            service.reset_stats();
            done()
        }
        ("POST", "faults") => {
            service.set_faults(read::<Vec<Fault>>(body)?);
            done()
        }
        ("DELETE", "faults") => {
            service.set_faults(Vec::new());
            done()
        }
        ("GET", "limits") => Ok(Told::Json(json!(service.limits()))),
        ("POST", "limits") => limits(service, body),
        ("POST", "advance") => {
            let value: Value = read(body)?;
            let milliseconds = value["milliseconds"].as_i64().unwrap_or(0);
            service.clock.advance_milliseconds(value["seconds"].as_i64().unwrap_or(0) * 1000 + milliseconds);
            Ok(Told::Json(json!({ "now": time_text(service.now_ms().div_euclid(1000)) })))
        }
        ("POST", "end-sessions") => {
            lock(&service.sessions).end_all();
            done()
        }
        ("POST", _) => service.with_state(|state, now_ms| event(state, path, body, now_ms)),
        _ => Err(format!("no control route {method} /_sim/{path}; the README lists them")),
    }
}

/// What happens in the organisation.
fn event(state: &mut State, path: &str, body: &[u8], now_ms: i64) -> Result<Told, String> {
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned);
    let needed = |value: &Value, name: &str| text(value, name).ok_or_else(|| format!("{name} is missing"));
    let now = now_ms.div_euclid(1000);
    match path {
        "put" => {
            let mut given: Value = read(body)?;
            let records = given["records"].take();
            let records = records.as_array().ok_or("records must be a list")?;
            let ids = state.put(&needed(&given, "object")?, records, now_ms)?;
            let told = if given["quiet"] == true { Vec::new() } else { ids.iter().map(Id::to_string).collect() };
            return Ok(Told::Json(json!({ "put": ids.len(), "ids": told })));
        }
        "populate" => return Ok(Told::Json(json!(state.populate(read(body)?, now_ms)?))),
        "edit" => state.edit(&read::<Edit>(body)?, now_ms)?,
        "delete" => {
            let given: Value = read(body)?;
            state.remove(&needed(&given, "id")?, text(&given, "by").as_deref(), now_ms)?;
        }
        "restore" => state.restore(&needed(&read(body)?, "id")?, now_ms)?,
        "convert" => {
            let given: Value = read(body)?;
            let (contact, account) = (text(&given, "contactId"), text(&given, "accountId"));
            let lead = needed(&given, "leadId")?;
            return Ok(Told::Json(json!(state.convert(&lead, contact.as_deref(), account.as_deref(), now_ms)?)));
        }
        "merge" => {
            let given: Value = read(body)?;
            state.merge(&needed(&given, "winner")?, &needed(&given, "loser")?, now_ms)?;
        }
        "purge" => return Ok(Told::Json(json!({ "purged": state.purge(now_ms) }))),
        "lock" => {
            let given: Value = read(body)?;
            let until_ms = now_ms + given["seconds"].as_i64().unwrap_or(0) * 1000;
            for id in given["ids"].as_array().into_iter().flatten() {
                let id = id.as_str().and_then(Id::parse).ok_or_else(|| format!("{id} is no record id"))?;
                state.locks.hold(id, until_ms, now_ms);
            }
        }
        "fields" => {
            for (name, change) in read::<Map<String, Value>>(body)? {
                // The short form is the access alone.
                let change = if change.is_string() { json!({ "access": change }) } else { change };
                let change: FieldChange = serde_json::from_value(change).map_err(|wrong| format!("{name}: {wrong}"))?;
                state.schema.change_field(&name, &change, now)?;
            }
        }
        "picklists" => {
            for (name, picklist) in read::<std::collections::BTreeMap<String, Picklist>>(body)? {
                state.schema.set_picklist(&name, &picklist, now)?;
            }
        }
        "validation-rules" => state.rules = read(body)?,
        "lateness" => {
            let given: Value = read(body)?;
            state.late_seconds = given["seconds"].as_u64().unwrap_or(0);
            state.late_share = given["share"].as_f64().unwrap_or(1.0);
        }
        _ => return Err(format!("no control route POST /_sim/{path}; the README lists them")),
    }
    done()
}

/// The members that the body names replace the present ones.
fn limits(service: &Arc<Service>, body: &[u8]) -> Result<Told, String> {
    let mut merged = json!(service.limits());
    for (name, value) in read::<Map<String, Value>>(body)? {
        if merged.get(&name).is_none() {
            return Err(format!("no limit is called {name}"));
        }
        merged[name] = value;
    }
    service.set_limits(serde_json::from_value(merged.clone()).map_err(|error| error.to_string())?);
    Ok(Told::Json(merged))
}
