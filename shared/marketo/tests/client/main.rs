//! The whole client over real HTTP against a small scripted server in this process. The script is written from the vendor's
//! documentation, not from the client. Time is virtual: no test sleeps.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so at once")]

mod activity_types;
mod adding;
mod changes;
mod config;
mod consents;
mod custom_activities;
mod exports;
mod failures;
mod files;
mod identity;
mod people;
mod rows;
mod searching;
mod simulated;
mod simulator;
mod support;
mod time;
