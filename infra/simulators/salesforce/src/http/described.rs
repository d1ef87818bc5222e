//! What the organisation tells of itself: versions, resources, limits, objects and fields.
//! Must not know records.

use axum::http::header;
use serde_json::{Value, json};

use super::call::{Call, Outcome, Reply, reply};
use crate::clock::{http_date, parse_http_date};
use crate::schema::describe;
use crate::service::lock;

/// First and last version that are listed; others are answered as well.
const LISTED: std::ops::RangeInclusive<u32> = 31..=67;

pub(crate) fn versions() -> Outcome {
    let season = |version: u32| ["Winter", "Spring", "Summer"][usize::try_from((version + 1) % 3).unwrap_or(0)];
    let listed: Vec<Value> = LISTED
        .map(|version| {
            let year = 2000 + (version + 10) / 3 + 1;
            json!({
                "label": format!("{} '{:02}", season(version), year % 100),
                "url": format!("/services/data/v{version}.0"),
                "version": format!("{version}.0"),
            })
        })
        .collect();
    reply(200, Value::from(listed))
}

pub(crate) fn resources(call: &Call) -> Outcome {
    let at = |name: &str| format!("/services/data/{}/{name}", call.version);
    let names = ["sobjects", "query", "queryAll", "limits", "composite"];
    let list: serde_json::Map<String, Value> =
        names.into_iter().map(|name| (name.to_owned(), at(name).into())).collect();
    reply(200, Value::from(list))
}

pub(crate) fn limits(call: &Call) -> Outcome {
    let most = call.service.limits().calls_per_day;
    let used = lock(&call.service.gate).used(call.service.now_ms().div_euclid(1000));
    let records = call.service.with_state(|state, _| (state.max_records, state.total()));
    let megabytes = |records: usize| records / 500;
    reply(
        200,
        json!({
            "DailyApiRequests": { "Max": most, "Remaining": most.saturating_sub(used) },
            "DataStorageMB": { "Max": megabytes(records.0), "Remaining": megabytes(records.0.saturating_sub(records.1)) },
        }),
    )
}

pub(crate) fn all(call: &Call) -> Outcome {
    call.service.with_state(|state, _| {
        let objects: Vec<Value> =
            state.schema.objects.iter().map(|object| describe::brief(object, &call.version)).collect();
        dated(call, state.schema.changed_at, json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects }))
    })
}

pub(crate) fn basic(call: &Call) -> Outcome {
    call.service.with_state(|state, _| {
        let object = &state.schema.objects[call.object(state)?];
        reply(200, json!({ "objectDescribe": describe::brief(object, &call.version), "recentItems": [] }))
    })
}

pub(crate) fn whole(call: &Call) -> Outcome {
    call.service.with_state(|state, _| {
        let object = &state.schema.objects[call.object(state)?];
        dated(call, state.schema.changed_at, describe::whole(&state.schema, object, &call.version))
    })
}

/// The answer with its date, or 304 when the caller has it already.
fn dated(call: &Call, changed_at: i64, body: Value) -> Outcome {
    let known = call.header("if-modified-since").and_then(parse_http_date);
    if known.is_some_and(|known| known >= changed_at) {
        return reply(304, "");
    }
    Ok(Reply { status: 200, body: body.to_string(), header: Some((header::LAST_MODIFIED, http_date(changed_at))) })
}
