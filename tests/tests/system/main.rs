//! Whole-system stories: the deployed bootstraps over an emulated Lambda, many instances at once, data that comes late, leases and
//! budgets under contention, pulls that fail half-way: each compares the people table with what the simulated Marketo holds. And the logging
//! of sales activities and the keeping of opt-outs, compared with what both simulated vendors hold.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod activities;
mod bootstraps;
mod budget;
mod faults;
mod idle;
mod late_batches;
mod leases;
mod opt_outs;
mod policies;
mod pull;
mod redelivery;
mod simulation;
mod support;
mod tasks;
mod together;
