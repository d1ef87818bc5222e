//! The simulator over real HTTP, as any client would meet it. Knows only the public library and the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop where it stands")]

mod access;
mod batches;
mod faults;
mod login;
mod organisation;
mod queries;
mod records;
mod replication;
mod support;
mod tasks;
