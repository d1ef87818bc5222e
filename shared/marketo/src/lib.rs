//! Marketo Engage over REST and bulk, behind the ports of `domain`.
//!
//! Everything that is peculiar to Marketo is dealt with here, once: tokens, limits, the answer envelope with its many broken forms,
//! error codes, paging, export files. Must not know who is synced, what is stored, or where settings come from; wire shapes stay private.

mod activities;
mod activity_types;
mod call;
mod changes;
mod classify;
mod client;
mod clock;
mod config;
mod consents;
mod credentials;
mod custom_activities;
mod envelope;
mod exports;
mod file;
mod identity;
mod network;
mod people;
mod records;
mod request;
mod retry;
mod roles;
mod routes;
mod rows;
mod stats;
mod times;
mod values;

pub use client::MarketoClient;
pub use config::{BaseUrl, MarketoConfig, TimeLimits};
pub use credentials::{Credentials, PlainCredentials};
pub use routes::ROUTES;
pub use stats::ClientStats;
