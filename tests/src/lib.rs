//! What proves the whole: worlds in which all parts run together, clocks that tests hold, and the comparison with what Marketo holds.
//!
//! The binary `prove` runs the long proofs by hand or in CI; the stories under `tests/tests` use the same parts.

#![expect(clippy::unwrap_used, reason = "a proof fails where it unwraps")]

pub mod activity_faults;
pub mod compare;
pub mod faults;
pub mod interleavings;
pub mod opt_out_faults;
pub mod parallel;
pub mod simulation;
pub mod task_faults;
pub mod template;
pub mod vendor_faults;
pub mod vendors;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a failed assertion of another task, so that the first failure is the one that is seen.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
