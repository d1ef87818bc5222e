//! Sales activities: taken from messages into a ledger, then logged in Marketo and in Salesforce, each exactly once.
//!
//! The ledger is the list of work: a message is done with once its entry is stored, and whatever waits — for a vendor that is down, for a
//! person, for an email's own task — waits there and costs no delivery. One worker at a time writes to a destination, under a lease.

mod accept;
mod desk;
mod entry;
mod marketo;
mod marketo_types;
mod matching;
mod message;
mod people;
mod provision;
#[cfg(test)]
mod records_tests;
mod rejects;
mod salesforce;
mod status;
mod task;
mod text;

pub use accept::{Accepted, accept};
pub use desk::{Work, reopen};
pub use entry::{Destination, Entry, Progress};
pub use marketo::{SETTLE, log_to_marketo};
pub use marketo_types::{EIGHT, ONE, TypeLayout};
pub use message::{Activity, ActivityId, Campaign, Kind, Unusable, What};
pub use provision::{Missing, missing_in_marketo, missing_in_salesforce, provision_marketo};
pub use rejects::{FLOW, Reject, reject, rejects, retry, retry_some};
pub use salesforce::{SALESFORCE_SETTLE, log_to_salesforce};
pub use status::{DeskStatus, LoggingStatus, explain, logging_status};
pub use task::CUSTOM as TASK_FIELDS;
