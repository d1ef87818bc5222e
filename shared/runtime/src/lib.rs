//! From Lambda to the rules: configuration, logs, metrics, the adapters of clock, chance and scratch space, wiring, and the serving loops for
//! schedules and queues. Decides nothing about people; the embedded run uses the same pieces as the deployed functions.

pub mod activities;
mod aws;
pub mod config;
pub mod logs;
pub mod metrics;
pub mod opt_outs;
pub mod people;
pub mod queue;
pub mod schedule;
mod secret;
mod system;
pub mod tasks;
pub mod wiring;

pub use secret::{SalesforceSecret, SecretCredentials};
pub use system::{DiskSpools, SystemChance, SystemClock};

/// What ends a function at cold start or fails an invocation; shown by Lambda as the error of the function.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
