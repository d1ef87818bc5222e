//! What every implementation of the storage ports must do, as functions that panic where one does not.
//!
//! Each takes an empty implementation. Must not know which one it was given: that is what makes the ones in memory fit to stand in
//! for the ones on AWS.

mod ledger;
mod ledger_shelves;
mod ledger_values;
mod opt_outs;
mod people;
mod people_values;
mod queue;
mod state;
mod tasks;

pub use ledger::ledger;
pub use opt_outs::opt_outs;
pub use people::people_table;
pub use queue::queue;
pub use state::sync_state;
pub use tasks::tasks;

use domain::{Failure, FailureKind};

/// The value of a call that must succeed.
#[track_caller]
fn ok<T>(result: Result<T, Failure>) -> T {
    result.unwrap_or_else(|failure| panic!("the call must succeed: {failure}"))
}

/// Checks that a call fails, and how.
#[track_caller]
fn fails<T: std::fmt::Debug>(result: Result<T, Failure>, kind: FailureKind) {
    match result {
        Ok(value) => panic!("the call must fail with {kind:?}, and gave {value:?}"),
        Err(failure) => assert_eq!(failure.kind, kind, "{failure}"),
    }
}
