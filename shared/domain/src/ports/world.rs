//! Time, chance, scratch space and the call budget.

use std::io::{self, Read};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::Failure;

/// Time. Nothing in the rules asks the operating system for it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, on this machine's clock.
    fn now(&self) -> Timestamp;
    /// Returns once `pause` has passed on this clock.
    async fn sleep(&self, pause: Duration);
}

/// Chance: ids of holders and runs, jitter. The same seed gives the same numbers.
pub trait Chance: Send + Sync {
    /// The next number.
    fn next_u64(&self) -> u64;
}

/// Makes scratch files. A file lives as long as its [`Spool`] and is gone after a crash.
pub trait Spools: Send + Sync {
    /// An empty scratch file.
    ///
    /// # Errors
    /// When the disk refuses it.
    fn create(&self) -> io::Result<Box<dyn Spool>>;
}

/// One append-only scratch file that holds an export while it is checked, so that memory stays bounded at any size.
pub trait Spool: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the disk is full or fails.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Bytes held.
    fn len(&self) -> u64;
    /// Whether nothing is held.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Forgets everything held.
    ///
    /// # Errors
    /// When the disk fails.
    fn clear(&mut self) -> io::Result<()>;
    /// Reads from the first byte.
    ///
    /// # Errors
    /// When the disk fails.
    fn reader(&self) -> io::Result<Box<dyn Read + Send>>;
}

/// The allowance of Marketo calls, shared by every function of the deployment. The client asks before each REST and bulk call;
/// identity calls are free.
#[async_trait]
pub trait CallBudget: Send + Sync {
    /// Waits, a bounded time, until one call may be made.
    ///
    /// # Errors
    /// `RateLimited` when none is free within the bound, `DailyCalls` when the day's calls are gone; either says when to come back.
    async fn take(&self) -> Result<(), Failure>;
    /// Whether a call could be made now without waiting, also if some others ask at the same moment.
    ///
    /// # Errors
    /// `Unavailable`, `CorruptState`.
    async fn is_free(&self) -> Result<bool, Failure>;
    /// Lets the next few calls of this process, within some seconds, go without asking: the caller holds the lease of the incremental
    /// pull, and has seen that this was last done [`crate::budget::ALLOWANCE_EVERY`] ago or longer.
    fn allow(&self);
    /// Marketo said (607) that the day's calls are used up: nobody calls before `until`.
    async fn daily_calls_gone(&self, until: Timestamp);
}
