//! Stories of the operator program: the real binary as a child process, a simulated Marketo over HTTP on the loopback address in this
//! process, and what the program stored and said compared with what the simulator knows. Needs no service and no other network.
//!
//! Every story prints the seed of its world; `STORIES_SEED` plays one again.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it unwraps")]

mod bad_environment;
mod bad_folders;
mod bad_settings;
mod broken_exports;
mod changing;
mod daily_limits;
mod deploying;
mod filling;
mod killing;
mod logging;
mod measuring;
mod opting_out;
mod questions;
mod refused_roles;
mod reminding;
mod secrecy;
mod support;
mod widening;
