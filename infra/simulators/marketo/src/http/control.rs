//! The control routes under `/_sim/`: truth, statistics, changes, faults, limits, clock.
//! For tests and operators; never counted as Marketo calls.

use std::sync::Arc;

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};

use super::answer;
use crate::config::Limits;
use crate::faults::Fault;
use crate::service::Service;
use crate::world::changes::ChangeSet;
use crate::world::truth::Truth;

/// Rows of the truth sent at a time.
const ROWS: usize = 512;

pub(crate) async fn serve(service: &Arc<Service>, method: &str, path: &str, body: &[u8]) -> Response {
    let subscription = &service.subscription;
    let reply = match (method, path) {
        ("GET", "health") => Ok(json!({ "ok": true, "people": subscription.base.people })),
        ("GET", "truth") => return truth(service),
        ("GET", "stats") => Ok(json!(service.stats())),
        ("POST", "reset-stats") => {
            service.reset_stats();
            Ok(json!({ "ok": true }))
        }
        ("POST", "settle") => {
            subscription.with_state(|state, _| state.settle());
            Ok(json!({ "ok": true }))
        }
        ("POST", "change") => change(service, body).await,
        ("POST", "faults") => read::<Vec<Fault>>(body).map(|faults| {
            service.set_faults(faults);
            json!({ "ok": true })
        }),
        ("DELETE", "faults") => {
            service.set_faults(Vec::new());
            Ok(json!({ "ok": true }))
        }
        ("GET", "limits") => Ok(json!(subscription.limits())),
        ("POST", "limits") => merge_limits(&subscription.limits(), body).map(|limits| {
            let reply = json!(limits);
            subscription.set_limits(limits);
            reply
        }),
        ("POST", "advance") => read::<Value>(body).map(|value| {
            subscription.clock.advance(value["seconds"].as_i64().unwrap_or(0));
            subscription.with_state(|_, now_ms| json!({ "now": crate::clock::iso(now_ms / 1000) }))
        }),
        _ => Err(format!("no control route {method} /_sim/{path}")),
    };
    match reply {
        Ok(value) => answer::json(StatusCode::OK, &value),
        Err(message) => answer::json(StatusCode::BAD_REQUEST, &json!({ "error": message })),
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

async fn change(service: &Arc<Service>, body: &[u8]) -> Result<Value, String> {
    let set: ChangeSet = read(body)?;
    let service = Arc::clone(service);
    let act = move || service.subscription.with_state(|state, now_ms| state.change(&set, now_ms));
    let changed = tokio::task::spawn_blocking(act).await.map_err(|error| error.to_string())?;
    Ok(json!(changed))
}

/// The members that the body names replace the present ones.
fn merge_limits(present: &Limits, body: &[u8]) -> Result<Limits, String> {
    let mut merged = json!(present);
    for (name, value) in read::<serde_json::Map<String, Value>>(body)? {
        if merged.get(&name).is_none() {
            return Err(format!("no limit is called {name}"));
        }
        merged[name] = value;
    }
    serde_json::from_value(merged).map_err(|error| error.to_string())
}

/// JSON lines, generated as they are read.
fn truth(service: &Arc<Service>) -> Response {
    let config = &service.subscription.config;
    let view = service.subscription.with_state(|state, _| state.view());
    let rows = Truth::new(view, config.roles);
    let chunks = stream::try_unfold(rows, |mut rows| async move {
        let piece = tokio::task::spawn_blocking(move || {
            let mut lines = Vec::with_capacity(ROWS * 500);
            for row in rows.by_ref().take(ROWS) {
                // Rows are plain structs; writing them to memory has no way to fail.
                let _ = serde_json::to_writer(&mut lines, &row);
                lines.push(b'\n');
            }
            (lines, rows)
        });
        let (lines, rows) = piece.await.map_err(std::io::Error::other)?;
        Ok::<_, std::io::Error>((!lines.is_empty()).then(|| (Bytes::from(lines), rows)))
    });
    answer::stream(StatusCode::OK, "application/x-ndjson", Body::from_stream(chunks))
}
