//! The client against a simulated Salesforce over real HTTP: getting in, queries, writes, and everything that may go wrong with them.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod login;
mod opt_outs;
mod queries;
mod reminders;
mod support;
mod writes;
