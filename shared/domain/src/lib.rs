//! The rules of actions-sync: who is synced, which observation wins, how a run, a cursor, a lease and a call budget behave.
//!
//! Knows no network, no clock, no environment and no AWS: all of that comes through [`ports`]. Everything here can be run under a
//! simulated clock and a seed, and replays exactly.

pub mod activities;
pub mod budget;
pub mod explain;
pub mod failure;
pub mod gate;
pub mod initial_sync;
mod kept;
pub mod lead_fields;
pub mod lease;
pub mod opportunities;
pub mod opt_outs;
pub mod people;
pub mod ports;
pub mod pull;
mod push;
mod reading;
pub mod settings;
pub mod status;
pub mod subject;
pub mod tasks;
pub mod trouble;
pub mod verify;

pub use failure::{Advice, Failure, FailureKind};
pub use jiff::Timestamp;
pub use push::Push;
pub use trouble::Trouble;
