//! Rules of alarms and of what the dashboard shows.

use serde_json::Value;
use system_tests::template::{Resource, Template, each, reference};

use super::{Code, data, functions};

/// Namespace of the functions' own metrics.
const OURS: &str = "ActionsSync";

pub fn functions_have_alarms(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for function in template.of_kind("AWS::Serverless::Function") {
        let has = |metric: &str| {
            let on = |alarm: &Resource<'_>| {
                let properties = alarm.properties();
                properties["MetricName"] == metric && dimensions(properties).any(|target| target == function.name)
            };
            template.of_kind("AWS::CloudWatch::Alarm").find(on)
        };
        let scheduled = functions::events(function).any(|(_, event)| event["Type"] == "ScheduleV2");
        let mut wanted = vec!["Errors", "Throttles", "RecursiveInvocationsDropped"];
        wanted.extend(scheduled.then_some("AsyncEventsDropped"));
        let missing = wanted.into_iter().filter(|metric| has(metric).is_none());
        found.extend(missing.map(|metric| format!("{} has no alarm on {metric}", function.name)));
        let timeout = function.properties()["Timeout"].as_i64().unwrap_or_default() * 1_000;
        let threshold = has("Duration").and_then(|alarm| alarm.properties()["Threshold"].as_i64());
        if threshold.is_none_or(|threshold| threshold >= timeout || threshold < timeout / 2) {
            found.push(format!("{} has no alarm on a duration close to its time-out", function.name));
        }
    }
    found
}

pub fn queues_have_alarms(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    let has = |queue: &str, metric: &str| {
        template.of_kind("AWS::CloudWatch::Alarm").any(|alarm| {
            let properties = alarm.properties();
            properties["MetricName"] == metric && dimensions(properties).any(|target| target == queue)
        })
    };
    for queue in data::sources(template) {
        if !has(queue.name, "ApproximateAgeOfOldestMessage") {
            found.push(format!("{} has no alarm on messages that wait", queue.name));
        }
        let dead = reference(&queue.properties()["RedrivePolicy"]["deadLetterTargetArn"]).unwrap_or_default();
        if !has(dead, "ApproximateNumberOfMessagesVisible") {
            found.push(format!("{} has no alarm on its dead letters", queue.name));
        }
    }
    found
}

pub fn alarms_reach_the_topic(template: &Template, _: &Code) -> Vec<String> {
    let told = |alarm: &Resource<'_>| {
        let to = each(&alarm.properties()["AlarmActions"]).into_iter().filter_map(|action| template.target(action));
        let described = alarm.properties()["AlarmDescription"].as_str().is_some_and(|text| text.len() > 20);
        described && to.into_iter().any(|topic| topic.kind == "AWS::SNS::Topic")
    };
    let silent = template.of_kind("AWS::CloudWatch::Alarm").filter(|alarm| !told(alarm));
    silent.map(|alarm| format!("{} tells nobody, or not what to do", alarm.name)).collect()
}

pub fn metrics_are_emitted(template: &Template, code: &Code) -> Vec<String> {
    let mut used = Vec::new();
    for alarm in template.of_kind("AWS::CloudWatch::Alarm") {
        let metrics = each(&alarm.properties()["Metrics"]).into_iter().map(|one| &one["MetricStat"]["Metric"]);
        for metric in metrics.chain([alarm.properties()]).filter(|metric| metric["Namespace"] == OURS) {
            used.push(metric["MetricName"].as_str().unwrap_or_default().to_owned());
        }
    }
    for dashboard in template.of_kind("AWS::CloudWatch::Dashboard") {
        let body = dashboard.properties()["DashboardBody"]["Fn::Sub"].as_str().unwrap_or_default();
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return vec![format!("{} is not JSON", dashboard.name)];
        };
        let widgets = each(&body["widgets"]).into_iter().flat_map(|widget| each(&widget["properties"]["metrics"]));
        used.extend(widgets.filter(|m| m[0] == OURS).map(|m| m[1].as_str().unwrap_or_default().to_owned()));
    }
    if used.is_empty() {
        return vec!["no metric of ours is used".to_owned()];
    }
    used.retain(|metric| !code.metrics.contains(metric));
    used.into_iter().map(|metric| format!("{metric} is shown and emitted by nobody")).collect()
}

/// What an alarm's dimensions point to.
fn dimensions(properties: &Value) -> impl Iterator<Item = &str> {
    each(&properties["Dimensions"]).into_iter().filter_map(|dimension| reference(&dimension["Value"]))
}
