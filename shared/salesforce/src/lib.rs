//! Salesforce over REST, behind the ports of `domain`.
//!
//! Everything that is peculiar to Salesforce is dealt with here, once: sessions, both ways of getting in, queries and their pages,
//! collections with a result for each record, error codes, limits. Must not know what is logged or synced, what is stored, or where settings
//! come from; wire shapes stay private.

mod activities;
mod answer;
mod call;
mod client;
mod config;
mod credentials;
mod describe;
mod errors;
mod jwt;
mod limits;
mod opt_outs;
mod people;
mod query;
mod records;
mod reminders;
mod request;
mod retry;
mod series;
mod session;
pub mod soql;
mod stats;
mod times;

pub use client::SalesforceClient;
pub use config::{LoginUrl, SalesforceConfig, TimeLimits, Version};
pub use credentials::{Credentials, Login, PlainCredentials};
pub use describe::{Described, Field};
pub use limits::Usage;
pub use records::Collected;
pub use stats::ClientStats;
pub use times::parse as parse_time;
