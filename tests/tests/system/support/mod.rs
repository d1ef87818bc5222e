//! What the stories share: clocks, a comparison with the simulated world, worlds in memory and over the embedded DynamoDB, an emulated
//! Lambda and an emulated SQS.

pub mod compare;
pub mod embedded;
pub mod functions;
pub mod lambda;
pub mod memory;
pub mod sqs;
pub mod unsure;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after a failed assertion of another task, so that the first failure is the one that is seen.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
