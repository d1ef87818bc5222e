//! The ports in memory, for tests and for runs without AWS. They mean exactly what the ones on AWS mean, milliseconds, revisions and
//! sizes included; the contract suite holds both to it. Nothing here outlives the process.

mod index;
mod kept;
mod ledger;
mod opt_outs;
mod people;
mod queue;
mod shelf;
mod state;
mod tasks;
mod things;

pub use ledger::MemoryLedger;
pub use opt_outs::MemoryOptOuts;
pub use people::MemoryPeople;
pub use queue::{Counts, Delivery, MemoryQueue, Misbehaviour};
pub use state::MemoryState;
pub use tasks::MemoryTasks;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, also after another holder panicked: every change made under these locks is complete before anything can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
