//! The ways of a standard SQS queue, in memory: hiding, delivering again, dead letters, waiting.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ports::Queue;
use store::MemoryQueue;
use store::memory::{Counts, Delivery, Misbehaviour};

use crate::support::world::{JumpingClock, Seeded, StoppedClock};

const VISIBILITY: Duration = Duration::from_secs(30);

fn queue(name: &str, clock: &Arc<StoppedClock>) -> MemoryQueue {
    MemoryQueue::new(name, VISIBILITY, clock.clone(), Arc::new(Seeded::new(3)))
}

async fn send(queue: &MemoryQueue, count: usize) {
    queue.send((0..count).map(|n| format!("message {n}")).collect()).await.unwrap();
}

fn one(queue: &MemoryQueue) -> Delivery {
    let mut deliveries = queue.receive(1);
    assert_eq!(deliveries.len(), 1);
    deliveries.remove(0)
}

fn counts(visible: usize, in_flight: usize, dead: usize) -> Counts {
    Counts { visible, in_flight, dead }
}

#[tokio::test]
async fn a_message_is_hidden_while_it_is_handed_out() {
    let clock = StoppedClock::shared();
    let queue = queue("batches", &clock);
    send(&queue, 3).await;
    let first = queue.receive(2);
    assert_eq!(first.iter().map(|d| d.body.as_str()).collect::<Vec<_>>(), ["message 0", "message 1"]);
    assert_eq!(queue.counts(), counts(1, 2, 0));
    assert_eq!(queue.receive(10).len(), 1);
    assert_eq!(queue.receive(10), []);
    assert_eq!(queue.counts(), counts(0, 3, 0));
    assert!(queue.delete(&first[0].receipt_handle));
    assert!(!queue.delete(&first[0].receipt_handle), "it is gone already");
    assert!(!queue.delete("no such handle"));
    assert_eq!(queue.counts(), counts(0, 2, 0));
    assert_eq!(queue.bodies(), ["message 1", "message 2"]);
}

#[tokio::test]
async fn what_is_not_deleted_in_time_comes_again() {
    let clock = StoppedClock::shared();
    let queue = queue("batches", &clock);
    send(&queue, 1).await;
    let first = one(&queue);
    clock.advance(VISIBILITY - Duration::from_millis(1));
    assert_eq!(queue.receive(1), []);
    clock.advance(Duration::from_millis(1));
    let second = one(&queue);
    assert_eq!((first.receive_count, second.receive_count), (1, 2));
    assert_eq!(first.message_id, second.message_id);
    assert!(!queue.delete(&first.receipt_handle), "the older receipt deletes nothing");
    assert!(!queue.change_visibility(&first.receipt_handle, Duration::ZERO));
    assert_eq!(queue.counts(), counts(0, 1, 0));
    clock.advance(VISIBILITY);
    assert_eq!(queue.counts(), counts(1, 0, 0));
    assert!(queue.delete(&second.receipt_handle), "late, but nobody has received it since");
    assert!(queue.counts().is_idle());
}

#[tokio::test]
async fn the_hiding_can_be_prolonged_and_ended() {
    let clock = StoppedClock::shared();
    let queue = queue("batches", &clock);
    send(&queue, 1).await;
    let delivery = one(&queue);
    assert!(queue.change_visibility(&delivery.receipt_handle, Duration::from_secs(100)));
    clock.advance(Duration::from_secs(99));
    assert_eq!(queue.receive(1), []);
    assert!(queue.change_visibility(&delivery.receipt_handle, Duration::ZERO));
    let again = one(&queue);
    assert_eq!(again.receive_count, 2);
    clock.advance(VISIBILITY);
    assert!(!queue.change_visibility(&again.receipt_handle, VISIBILITY), "it is not in flight any more");
}

#[tokio::test]
async fn a_message_that_nobody_finishes_ends_with_the_dead() {
    let clock = StoppedClock::shared();
    let dead = Arc::new(queue("dead", &clock));
    let queue = queue("batches", &clock).with_dead_letters(3, dead.clone());
    send(&queue, 2).await;
    for count in 1..=3 {
        let deliveries = queue.receive(10);
        assert!(deliveries.iter().all(|delivery| delivery.receive_count == count));
        let finished = deliveries.iter().filter(|delivery| delivery.body == "message 1" && count == 3);
        assert!(finished.into_iter().all(|delivery| queue.delete(&delivery.receipt_handle)));
        assert_eq!(queue.counts().dead, 0);
        clock.advance(VISIBILITY);
    }
    assert_eq!(queue.counts(), counts(0, 0, 1));
    assert_eq!(queue.receive(10), []);
    let letter = one(&dead);
    assert_eq!((letter.body.as_str(), letter.receive_count), ("message 0", 1));
    assert_eq!(queue.counts(), counts(0, 0, 1), "a dead letter that is being read is still dead");
    assert!(dead.delete(&letter.receipt_handle));
    assert_eq!(queue.counts(), counts(0, 0, 0));
}

#[tokio::test]
async fn whoever_waits_is_woken_by_a_message() {
    let clock = StoppedClock::shared();
    let queue = Arc::new(queue("batches", &clock));
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.wait_for_message(VISIBILITY).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    send(&queue, 1).await;
    assert!(waiting.await.unwrap());

    let delivery = one(&queue);
    let waiting = tokio::spawn({
        let queue = queue.clone();
        async move { queue.wait_for_message(VISIBILITY).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert!(queue.change_visibility(&delivery.receipt_handle, Duration::ZERO));
    assert!(waiting.await.unwrap());
}

#[tokio::test]
async fn waiting_ends_by_itself() {
    let clock = JumpingClock::shared();
    let queue = MemoryQueue::new("batches", VISIBILITY, clock.clone(), Arc::new(Seeded::new(3)));
    assert!(!queue.wait_for_message(Duration::from_secs(10)).await);
    assert_eq!(clock.pauses(), [Duration::from_secs(10)], "one sleep, no spinning");

    send(&queue, 1).await;
    assert!(queue.wait_for_message(Duration::ZERO).await, "one is there");
    one(&queue);
    assert!(queue.wait_for_message(Duration::from_secs(100)).await, "the hidden one comes back");
    assert_eq!(clock.pauses(), [Duration::from_secs(10), VISIBILITY]);
}

#[tokio::test]
async fn misbehaviour_duplicates_and_shuffles_and_loses_nothing() {
    let clock = StoppedClock::shared();
    let misbehaviour = Misbehaviour { duplicates_percent: 30, shuffle: true };
    let queue = queue("batches", &clock).misbehaving(misbehaviour);
    send(&queue, 200).await;
    let mut order = Vec::new();
    let mut deliveries_of = BTreeMap::<String, usize>::new();
    while let [delivery] = &queue.receive(1)[..] {
        order.push(delivery.body.clone());
        *deliveries_of.entry(delivery.message_id.clone()).or_default() += 1;
        assert!(queue.delete(&delivery.receipt_handle));
    }
    assert!(queue.counts().is_idle());
    assert_eq!(deliveries_of.len(), 200, "every message came, under its own id");
    let twice = deliveries_of.values().filter(|times| **times == 2).count();
    assert!((30..=90).contains(&twice), "about 60 came twice: {twice}");
    assert!(deliveries_of.values().all(|times| *times <= 2));
    assert!(order.windows(2).filter(|pair| pair[0] > pair[1]).count() > 50, "they came in no order");
}
