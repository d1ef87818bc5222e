//! Whole-system stories: the deployed bootstraps over an emulated Lambda, many instances at once, data that comes late, leases and
//! budgets under contention, and pulls that fail half-way. Each compares the people table with what the simulated Marketo holds.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bootstraps;
mod budget;
mod faults;
mod late_batches;
mod leases;
mod policies;
mod pull;
mod redelivery;
mod simulation;
mod support;
mod together;
