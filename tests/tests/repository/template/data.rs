//! Rules of what keeps data: queues, tables, secrets and names.

use serde_json::{Map, Value};
use system_tests::template::{Resource, Template};

use super::{Code, functions, tables};

/// Days that a dead-letter queue keeps messages, in seconds.
const DEAD_LETTERS_KEPT: i64 = 14 * 24 * 60 * 60;
/// Fewest deliveries before a message is given up.
const FEWEST_RECEIVES: i64 = 5;
/// Visibility in function time-outs, as Lambda asks for.
const TIME_OUTS: i64 = 6;
/// Properties that name a thing.
const NAMES: &[&str] =
    &["FunctionName", "TableName", "QueueName", "LogGroupName", "TopicName", "DashboardName", "AlarmName"];

pub fn queues_have_dead_letters(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for queue in sources(template) {
        let redrive = &queue.properties()["RedrivePolicy"];
        let kept = |queue: Resource<'_>| queue.properties()["MessageRetentionPeriod"].as_i64();
        match template.target(&redrive["deadLetterTargetArn"]) {
            None => found.push(format!("{} has no dead letters", queue.name)),
            Some(dead) if kept(dead) != Some(DEAD_LETTERS_KEPT) || kept(queue) >= kept(dead) => {
                found.push(format!("{} must keep messages for 14 days, and {} for less", dead.name, queue.name));
            }
            Some(_) => {}
        }
        if redrive["maxReceiveCount"].as_i64().is_none_or(|count| count < FEWEST_RECEIVES) {
            found.push(format!("{} gives messages up too soon", queue.name));
        }
    }
    found
}

pub fn visibility_outlasts_the_function(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for function in template.of_kind("AWS::Serverless::Function") {
        let timeout = function.properties()["Timeout"].as_i64().unwrap_or(i64::MAX / TIME_OUTS);
        for (name, event) in functions::events(function).filter(|(_, event)| event["Type"] == "SQS") {
            let queue = template.target(&event["Properties"]["Queue"]);
            let visibility = queue.and_then(|queue| queue.properties()["VisibilityTimeout"].as_i64());
            if visibility.is_none_or(|seconds| seconds < TIME_OUTS * timeout) {
                found.push(format!("{}: {name} may be delivered again while it is handled", function.name));
            }
        }
    }
    found
}

pub fn names_begin_with_the_stack(template: &Template, _: &Code) -> Vec<String> {
    let named = |resource: Resource<'_>| -> Vec<String> {
        let properties = resource.properties();
        let names = NAMES.iter().filter_map(|name| Some((*name, properties.get(*name)?)));
        let good = |value: &Value| {
            let text = value["Fn::Sub"].as_str().unwrap_or_default();
            value["Ref"] == "AWS::StackName" || text.trim_start_matches("/aws/lambda/").starts_with("${AWS::StackName}")
        };
        names.filter(|(_, value)| !good(value)).map(|(name, _)| format!("{}: {name}", resource.name)).collect()
    };
    template.resources().flat_map(named).collect()
}

pub fn tables_are_kept_safe(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for table in template.of_kind("AWS::DynamoDB::Table") {
        let properties = table.properties();
        let mut needs = |what: &str, is: bool| {
            if !is {
                found.push(format!("{}: {what}", table.name));
            }
        };
        needs("no backup", properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] == true);
        needs("not encrypted", properties["SSESpecification"]["SSEEnabled"] == true);
        needs("goes with the stack", table.whole["DeletionPolicy"] == "Retain");
        needs("goes when it is replaced", table.whole["UpdateReplacePolicy"] == "Retain");
        needs("rows expire, which the design has nowhere", properties["TimeToLiveSpecification"].is_null());
        needs("is billed by provision", properties["BillingMode"] == "PAY_PER_REQUEST");
    }
    found.extend(tables::differences(template));
    found
}

pub fn no_secret_is_plain(template: &Template, _: &Code) -> Vec<String> {
    let mut found = Vec::new();
    for secret in template.of_kind("AWS::SecretsManager::Secret") {
        let text = secret.properties()["SecretString"].as_str().unwrap_or("{}");
        let values: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
        if text != "{}" && (values.is_empty() || values.values().any(|value| value != "")) {
            found.push(format!("{} holds a value", secret.name));
        }
    }
    let plain = |name: &String| {
        ["SECRET", "PASSWORD", "TOKEN", "KEY"].iter().any(|word| name.split('_').any(|part| part == *word))
            && !name.ends_with("_ARN")
    };
    for function in template.of_kind("AWS::Serverless::Function") {
        let names = template.environment(function).into_keys().filter(plain);
        found.extend(names.map(|name| format!("{} is given {name}", function.name)));
    }
    found
}

/// Queues that are nobody's dead letters.
pub fn sources(template: &Template) -> impl Iterator<Item = Resource<'_>> {
    let all: Vec<_> = template.resources().filter(|resource| resource.kind == "AWS::SQS::Queue").collect();
    let dead = |queue: &Resource<'_>| template.target(&queue.properties()["RedrivePolicy"]["deadLetterTargetArn"]);
    let dead: Vec<&str> = all.iter().filter_map(dead).map(|queue| queue.name).collect();
    all.into_iter().filter(move |queue| !dead.contains(&queue.name) && !queue.name.ends_with("DeadLetters"))
}
