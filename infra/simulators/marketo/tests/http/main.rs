//! The simulator over real HTTP, as any client would meet it. Knows only the public library and the wire.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop where it stands")]

mod exports;
mod faults;
mod limits;
mod people;
mod streams;
mod support;
mod writes;
