//! The contract suites, on every implementation.

use std::sync::Arc;
use std::time::Duration;

use store::{
    DynamoLedger, DynamoOptOuts, DynamoPeople, DynamoState, DynamoTasks, MemoryLedger, MemoryOptOuts, MemoryPeople,
    MemoryQueue, MemoryState, MemoryTasks,
};

use crate::suite;
use crate::support::sqs::SqsServer;
use crate::support::world::{JumpingClock, Seeded};
use crate::support::{dynamodb, tables};

#[tokio::test]
async fn people_in_memory() {
    suite::people_table(&MemoryPeople::new()).await;
}

#[tokio::test]
async fn people_on_dynamodb() {
    let client = dynamodb::embedded().await;
    suite::people_table(&DynamoPeople::new(client, tables().people, JumpingClock::shared())).await;
}

#[tokio::test]
async fn state_in_memory() {
    suite::sync_state(&MemoryState::new()).await;
}

#[tokio::test]
async fn state_on_dynamodb() {
    let client = dynamodb::embedded().await;
    suite::sync_state(&DynamoState::new(client, tables().sync_state, JumpingClock::shared())).await;
}

#[tokio::test]
async fn ledger_in_memory() {
    suite::ledger(&MemoryLedger::new()).await;
}

#[tokio::test]
async fn ledger_on_dynamodb() {
    let client = dynamodb::embedded().await;
    suite::ledger(&DynamoLedger::new(client, tables().activities, JumpingClock::shared())).await;
}

#[tokio::test]
async fn opt_outs_in_memory() {
    suite::opt_outs(&MemoryOptOuts::new()).await;
}

#[tokio::test]
async fn opt_outs_on_dynamodb() {
    let client = dynamodb::embedded().await;
    suite::opt_outs(&DynamoOptOuts::new(client, tables().opt_outs, JumpingClock::shared())).await;
}

#[tokio::test]
async fn tasks_in_memory() {
    suite::tasks(&MemoryTasks::new()).await;
}

#[tokio::test]
async fn tasks_on_dynamodb() {
    let client = dynamodb::embedded().await;
    suite::tasks(&DynamoTasks::new(client, tables().tasks, JumpingClock::shared())).await;
}

#[tokio::test]
async fn queue_in_memory() {
    let queue = MemoryQueue::new("batches", Duration::from_secs(30), JumpingClock::shared(), Arc::new(Seeded::new(1)));
    suite::queue(&queue, async || {
        let deliveries = queue.receive(usize::MAX);
        assert!(deliveries.iter().all(|delivery| queue.delete(&delivery.receipt_handle)));
        deliveries.into_iter().map(|delivery| delivery.body).collect()
    })
    .await;
    assert!(queue.counts().is_idle());
}

#[tokio::test]
async fn queue_on_sqs() {
    let server = SqsServer::start().await;
    suite::queue(&server.adapter(JumpingClock::shared()), async || server.drain().await).await;
}

#[tokio::test]
async fn creating_tables_twice_is_creating_them_once() {
    let client = dynamodb::embedded().await;
    store::create_tables(&client, &tables()).await.unwrap();
}
