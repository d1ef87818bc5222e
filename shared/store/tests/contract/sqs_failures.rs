//! How the SQS adapter cuts calls, sends refused entries again, gives up, and says when a message comes back.

use std::time::Duration;

use domain::FailureKind;
use domain::ports::{MAX_MESSAGE_BYTES, Queue};

use crate::support::sqs::{Refusal, SqsServer};
use crate::support::world::JumpingClock;

const THROTTLED: Refusal =
    Refusal { body: String::new(), code: Some("RequestThrottled"), sender_fault: false, times: usize::MAX };

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("message {n}")).collect()
}

async fn drained(server: &SqsServer) -> Vec<String> {
    let mut bodies = server.drain().await;
    bodies.sort_unstable();
    bodies
}

#[tokio::test]
async fn calls_keep_to_both_limits() {
    let server = SqsServer::start().await;
    let queue = server.adapter(JumpingClock::shared());

    queue.send(numbered(23)).await.unwrap();
    let mut calls: Vec<_> = server.take_calls().into_iter().map(|(entries, _)| entries).collect();
    calls.sort_unstable();
    assert_eq!(calls, [3, 10, 10]);

    let third = MAX_MESSAGE_BYTES / 3;
    queue.send(vec!["x".repeat(third); 7]).await.unwrap();
    let mut calls = server.take_calls();
    calls.sort_unstable();
    assert_eq!(calls, [(1, third), (3, 3 * third), (3, 3 * third)]);
}

#[tokio::test]
async fn an_impossible_body_stops_everything_before_it_starts() {
    let server = SqsServer::start().await;
    let mut bodies = numbered(30);
    bodies.push("x".repeat(MAX_MESSAGE_BYTES + 1));
    let failure = server.adapter(JumpingClock::shared()).send(bodies).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_eq!(failure.message, "message 31 of 31 for queue `people-batches` has 262145 bytes, more than 262144");
    assert_eq!(server.take_calls(), []);
}

#[tokio::test]
async fn refused_entries_alone_are_sent_again() {
    let server = SqsServer::start().await;
    let clock = JumpingClock::shared();
    server.refuse(Refusal { body: "message 3".to_owned(), times: 2, ..THROTTLED });
    server.refuse(Refusal { body: "message 5".to_owned(), code: None, times: 1, ..THROTTLED });
    server.adapter(clock.clone()).send(numbered(10)).await.unwrap();

    let calls: Vec<_> = server.take_calls().into_iter().map(|(entries, _)| entries).collect();
    assert_eq!(calls, [10, 2, 1]);
    assert_eq!(clock.pauses().len(), 2);
    assert!(clock.pauses()[0] < clock.pauses()[1], "pauses grow");
    assert_eq!(drained(&server).await, numbered(10), "each arrives once");
}

#[tokio::test]
async fn entries_refused_for_ever_fail_the_sending() {
    let server = SqsServer::start().await;
    let clock = JumpingClock::shared();
    server.refuse(Refusal { body: "message 1".to_owned(), ..THROTTLED });
    let failure = server.adapter(clock.clone()).send(numbered(3)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(clock.pauses().len() < 10, "the tries are bounded: {:?}", clock.pauses());
    assert_eq!(drained(&server).await, ["message 0", "message 2"]);
}

#[tokio::test]
async fn an_entry_that_is_the_senders_fault_is_not_repeated() {
    let server = SqsServer::start().await;
    let refusal = Refusal { code: Some("InvalidMessageContents"), sender_fault: true, ..THROTTLED };
    server.refuse(Refusal { body: "message 1".to_owned(), ..refusal });
    let failure = server.adapter(JumpingClock::shared()).send(numbered(3)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_eq!(failure.code.as_deref(), Some("InvalidMessageContents"));
    assert!(!failure.to_string().contains("message 1"), "a body is not quoted: {failure}");
    assert_eq!(server.take_calls().len(), 1);
}

#[tokio::test]
async fn an_absent_queue_is_a_wrong_setting() {
    let server = SqsServer::start().await;
    let failure = server.adapter_of_absent_queue().send(numbered(1)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadSetting);
    assert_eq!(
        failure.to_string(),
        "queue `absent` does not exist: deploy the stack or check the setting that names it (code QueueDoesNotExist)"
    );
}

#[tokio::test]
async fn a_message_comes_back_when_it_is_told_to() {
    let server = SqsServer::start().await;
    let queue = server.adapter(JumpingClock::shared());
    queue.send(numbered(1)).await.unwrap();
    let handle = server.receive_one().await;
    queue.come_back_in(&handle, Duration::from_millis(29_001)).await.unwrap();
    assert_eq!(server.take_changes(), [(handle.clone(), 30)], "whole seconds, and no earlier");
    queue.come_back_in(&handle, Duration::ZERO).await.unwrap();
    assert_eq!(server.take_changes(), [(handle.clone(), 0)]);
    let again = server.receive_one().await;
    assert_ne!(again, handle, "it is there at once");

    let failure = queue.come_back_in(&handle, Duration::ZERO).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::NotFound, Some("ReceiptHandleIsInvalid")));
    let failure = queue.come_back_in(&again, Duration::from_secs(12 * 60 * 60 + 1)).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::BadRequest, Some("InvalidParameterValue")));
    let failure = server.adapter_of_absent_queue().come_back_in(&again, Duration::ZERO).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadSetting);
    assert!(!failure.to_string().contains("canary"), "{failure}");
}
