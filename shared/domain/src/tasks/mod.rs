//! Reminder tasks: the same list in the engagement app and in Salesforce. One row per task with the values that both sides last agreed upon; each
//! pass merges what changed on either side field by field, and writes what is left to say.

mod apply;
mod book;
mod events;
mod look;
mod merge;
#[cfg(test)]
mod merge_tests;
mod message;
mod people;
mod reconcile;
mod state;
mod status;
mod task;
mod values;
mod wording;

pub use book::{for_each, lag, read, take_in};
pub use message::{TaskMessage, UnusableTask};
pub use people::survivors;
pub use reconcile::{Occasion, Reconciled, Step, dry_run, push, reconcile};
pub use state::{KEY, in_step_at, reopen};
pub use status::{FLOW, TaskReject, TaskStatus, explain, rejects, retry, status};
pub use task::{Agreed, Announcement, Deletion, Link, Sending, Sent, Side, Task, TaskId};
pub use values::{Field, Kind, Priority, Progress, Values};
pub use wording::is_invertible;
