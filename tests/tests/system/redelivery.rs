//! When messages come again that the deployed worker could not handle, and what its and the pull's metrics tell of a bad time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use domain::initial_sync::message::{BatchId, IdsBatch, PeopleMessage};
use domain::people::MarketoId;
use domain::pull;
use serde_json::{Value, json};

use crate::support::embedded::listen;
use crate::support::sqs::scheduled_event;
use crate::support::stage::{Stage, begin_run, metrics_of, queued};

/// An address of this machine on which nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

fn reads(number: u32) -> PeopleMessage {
    let batch = BatchId { run: "run-1".to_owned(), part: "0.0".to_owned(), number };
    PeopleMessage::Reads(IdsBatch { batch, ids: vec![MarketoId(1)] })
}

/// The event of two messages that need Marketo, and their ids.
async fn two_reads(stage: &Stage) -> (Value, Vec<String>) {
    begin_run(&stage.ports()).await;
    let bodies: Vec<String> = [reads(0), reads(1)].iter().map(|message| message.to_body().unwrap()).collect();
    let (event, _) = queued(&stage.sqs.queues.reads, bodies.clone(), &bodies[0]).await;
    let records = event["Records"].as_array().unwrap();
    let ids = records.iter().map(|record| record["messageId"].as_str().unwrap().to_owned()).collect();
    (event, ids)
}

fn at(marketo: &str) -> (&'static str, String) {
    ("MARKETO_BASE_URL", marketo.to_owned())
}

fn reported(ids: &[String]) -> Value {
    json!({ "batchItemFailures": ids.iter().map(|id| json!({ "itemIdentifier": id })).collect::<Vec<_>>() })
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_meet_an_outage_of_marketo_come_again_after_a_pause() {
    let stage = Stage::set(10).await;
    let worker = stage.start_with("initial-sync-worker", &[at(NOWHERE)]).await;
    let (event, ids) = two_reads(&stage).await;
    assert_eq!(worker.invoke(&event).await, Ok(reported(&ids)));
    assert_eq!(stage.sqs.take_changes(&event), [(ids[0].clone(), 15), (ids[1].clone(), 15)]);
    let metrics = metrics_of(&worker.stop().await);
    assert_eq!((metrics[0]["MessagesFailed"], metrics[0]["MessagesRejected"]), (2, 0));
}

/// A Marketo that takes the request and never answers: what is under way is given up in time, and what was not begun comes at once.
#[tokio::test(flavor = "multi_thread")]
async fn messages_for_which_the_time_is_over_are_reported() {
    let stage = Stage::set(10).await;
    let (_silent, marketo) = listen().await;
    let worker = stage.start_with("initial-sync-worker", &[at(&marketo)]).await;
    let (event, ids) = two_reads(&stage).await;
    let time = runtime::queue::MARGIN + Duration::from_secs(2);
    assert_eq!(worker.invoke_with(&event, time).await, Ok(reported(&ids)));
    assert_eq!(stage.sqs.take_changes(&event), [(ids[0].clone(), 15), (ids[1].clone(), 0)]);
    let output = worker.stop().await;
    assert!(output.contains("invocation's time was over"), "{output}");
    assert_eq!(metrics_of(&output)[0]["MessagesFailed"], 2);
}

/// A pull that cannot reach Marketo is no error of the function, and its metrics tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_pull_that_fails_tells_how_far_behind_it_is() {
    let stage = Stage::set(10).await;
    let ports = stage.ports();
    assert!(pull::ensure_cursor(&ports, None).await.unwrap());
    let function = stage.start_with("incremental-pull", &[at(NOWHERE)]).await;
    assert_eq!(function.invoke(&scheduled_event("incremental-pull")).await, Ok(Value::Null));
    let output = function.stop().await;
    let [line] = &metrics_of(&output)[..] else { panic!("{output}") };
    assert!(line["PullSucceeded"] == 0 && line["PullCursorLagSeconds"] < 120 && line["PeoplePut"] == 0, "{line:?}");
}

/// As the stack makes it: the secret is there and not filled in. It is asked for with the first call and not before, and once.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_secret_is_named_once_and_its_messages_wait_for_an_operator() {
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    let answer = move || async move {
        counted.fetch_add(1, Ordering::Relaxed);
        json!({ "SecretString": r#"{"clientId":"","clientSecret":""}"# }).to_string()
    };
    let (listener, secrets) = listen().await;
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    let stage = Stage::set(10).await;
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:marketo-AbCdEf";
    let different = [("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets), ("MARKETO_SECRET_ARN", arn.to_owned())];
    let worker = stage.start_with("initial-sync-worker", &different).await;
    let nothing = worker.invoke(&json!({ "Records": [] })).await;
    assert_eq!((nothing, asked.load(Ordering::Relaxed)), (Ok(reported(&[])), 0), "nothing is read at cold start");

    let (event, ids) = two_reads(&stage).await;
    assert_eq!(worker.invoke(&event).await, Ok(reported(&ids)));
    assert_eq!(stage.sqs.take_changes(&event), [(ids[0].clone(), 900), (ids[1].clone(), 900)]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let output = worker.stop().await;
    assert!(output.contains(arn) && output.contains("put-secret-value"), "{output}");
}
