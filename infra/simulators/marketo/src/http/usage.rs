//! Calls and errors of today and of the last seven days, by quota day.
//! Must not count anything itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, Outcome, result};
use crate::clock::central_day;
use crate::subscription::lock;

const WEEK: usize = 7;

fn usage_json(day: &str, calls: &BTreeMap<String, u64>) -> Value {
    let users: Vec<Value> = calls.iter().map(|(client, count)| json!({ "userId": client, "count": count })).collect();
    json!({ "date": day, "total": calls.values().sum::<u64>(), "users": users })
}

fn errors_json(day: &str, errors: &BTreeMap<String, u64>) -> Value {
    let rows: Vec<Value> = errors.iter().map(|(code, count)| json!({ "errorCode": code, "count": count })).collect();
    json!({ "date": day, "total": errors.values().sum::<u64>(), "errors": rows })
}

fn today(call: &Call) -> String {
    central_day(call.service.now_ms() / 1000)
}

pub(crate) fn usage_today(call: &Call) -> Outcome {
    let day = today(call);
    let gate = lock(&call.service.gate);
    let calls = gate.usage().find(|(date, _)| **date == day).map(|(_, calls)| calls.clone()).unwrap_or_default();
    result(vec![usage_json(&day, &calls)])
}

pub(crate) fn usage_week(call: &Call) -> Outcome {
    let gate = lock(&call.service.gate);
    result(gate.usage().take(WEEK).map(|(day, calls)| usage_json(day, calls)).collect::<Vec<_>>())
}

pub(crate) fn errors_today(call: &Call) -> Outcome {
    let day = today(call);
    let gate = lock(&call.service.gate);
    let errors = gate.errors().find(|(date, _)| **date == day).map(|(_, errors)| errors.clone()).unwrap_or_default();
    result(vec![errors_json(&day, &errors)])
}

pub(crate) fn errors_week(call: &Call) -> Outcome {
    let gate = lock(&call.service.gate);
    result(gate.errors().take(WEEK).map(|(day, errors)| errors_json(day, errors)).collect::<Vec<_>>())
}
