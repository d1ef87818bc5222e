//! The operator program as an operator uses it: the real binary against a simulated Marketo over HTTP, its files and words compared with
//! the simulator's truth. Needs no service and no network but the loopback.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bad_input;
mod faults;
mod questions;
mod support;
mod sync;
