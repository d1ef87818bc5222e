//! The storage ports of `domain`, twice: on DynamoDB and SQS, and in memory, with the same meaning and one contract suite for both.
//!
//! Knows how rows, documents and messages are kept. Must not know who is synced, which observation wins or what a message says.

pub mod aws;
pub mod dynamodb;
mod entries;
pub mod memory;
mod places;
mod rules;
pub mod sqs;
mod things;

pub use dynamodb::{
    DynamoLedger, DynamoOptOuts, DynamoPeople, DynamoState, DynamoTasks, PeopleTables, Tables, create_tables,
    drop_table, missing_tables,
};
pub use memory::{MemoryLedger, MemoryOptOuts, MemoryPeople, MemoryQueue, MemoryState, MemoryTasks};
pub use sqs::SqsQueue;
