//! Runs the contract of each port on every implementation, and tries what only one of them has: failing services, hidden messages, late listings.
//!
//! Needs no service and no network but the loopback: DynamoDB is embedded, SQS is a small server of its own.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod dynamodb_failures;
mod implementations;
mod ledger_failures;
mod memory_ledger;
mod memory_queue;
mod sqs_failures;
mod suite;
mod support;
