//! The simulated subscription: people, what happens to them, the log of it, and the truth about them.
//! Must not know HTTP or any client.

pub(crate) mod activity;
pub(crate) mod changes;
pub(crate) mod custom;
pub(crate) mod fields;
pub(crate) mod hash;
pub(crate) mod history;
pub(crate) mod operations;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod salesforce_id;
pub(crate) mod state;
pub(crate) mod text;
pub(crate) mod truth;
pub(crate) mod unsubscribed;
