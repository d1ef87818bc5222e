//! Rules of functions: folders, environment, logs, schedules and queues they read.

use std::collections::BTreeSet;

use serde_json::Value;
use system_tests::template::{Resource, Template};

use super::Code;

/// Names that Lambda itself sets, and those that only a local run may use.
const NOT_OF_THE_TEMPLATE: &[&str] = &["AWS_ENDPOINT_URL", "MARKETO_CLIENT_ID", "MARKETO_CLIENT_SECRET"];
/// Longest age of a scheduled event: two periods of a minute.
const OLDEST_TICK: i64 = 120;

pub fn one_for_each_folder(template: &Template, code: &Code) -> Vec<String> {
    let in_template = template.functions();
    let count = template.of_kind("AWS::Serverless::Function").count();
    let mut found = Vec::new();
    for folder in &code.functions {
        if !in_template.contains_key(folder.as_str()) {
            found.push(format!("functions/{folder} has no resource"));
        }
    }
    for (folder, function) in &in_template {
        if !code.functions.contains(*folder) {
            found.push(format!("{} has no folder functions/{folder}", function.name));
        }
        if function.whole["Metadata"]["BuildMethod"] != "rust-cargolambda" {
            found.push(format!("{} is not built by rust-cargolambda", function.name));
        }
    }
    if count != in_template.len() {
        found.push(format!("{count} functions have {} folders", in_template.len()));
    }
    found
}

pub fn environment_is_what_is_read(template: &Template, code: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for (folder, function) in template.functions() {
        let given: BTreeSet<String> = template.environment(function).into_keys().collect();
        let read = code.names.get(folder).cloned().unwrap_or_default();
        let read: BTreeSet<String> =
            read.into_iter().filter(|name| !NOT_OF_THE_TEMPLATE.contains(&name.as_str())).collect();
        found.extend(given.difference(&read).map(|name| format!("{folder} is given {name}, which it does not read")));
        found.extend(read.difference(&given).map(|name| format!("{folder} reads {name}, which it is not given")));
    }
    found
}

pub fn logs_have_a_retention(template: &Template, _: &Code) -> Vec<String> {
    let kept = |function: &Resource<'_>| {
        let logs = template.target(&function.properties()["LoggingConfig"]["LogGroup"]);
        logs.is_some_and(|logs| !logs.properties()["RetentionInDays"].is_null())
    };
    let without = template.of_kind("AWS::Serverless::Function").filter(|function| !kept(function));
    without.map(|function| format!("{} has no log group with a retention", function.name)).collect()
}

pub fn schedules_do_not_pile_up(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let no_pile = |retry: &Value| {
        retry["MaximumRetryAttempts"] == 0
            && retry["MaximumEventAgeInSeconds"].as_i64().is_some_and(|age| age <= OLDEST_TICK)
    };
    for function in template.of_kind("AWS::Serverless::Function") {
        let own = &function.properties()["EventInvokeConfig"];
        let invoked = if own.is_null() { &template.globals()["EventInvokeConfig"] } else { own };
        for (name, event) in events(function) {
            match event["Type"].as_str() {
                Some("ScheduleV2") if no_pile(&event["Properties"]["RetryPolicy"]) && no_pile(invoked) => {}
                Some("SQS") => {}
                other => found.push(format!("{}: {name} ({other:?}) may pile up late ticks", function.name)),
            }
        }
    }
    found
}

pub fn partial_batches_are_reported(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for function in template.of_kind("AWS::Serverless::Function") {
        for (name, event) in events(function).filter(|(_, event)| event["Type"] == "SQS") {
            let properties = &event["Properties"];
            if properties["FunctionResponseTypes"] != serde_json::json!(["ReportBatchItemFailures"]) {
                found.push(format!("{}: {name} does not report failed messages", function.name));
            }
            if properties["ScalingConfig"]["MaximumConcurrency"].as_i64().is_none() {
                found.push(format!("{}: {name} has no bound of concurrency", function.name));
            }
        }
    }
    found
}

/// The events of a function by name.
pub fn events(function: Resource<'_>) -> impl Iterator<Item = (&String, &Value)> {
    function.properties()["Events"].as_object().into_iter().flatten()
}
