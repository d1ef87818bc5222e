//! Opt-outs: an address that said no never gets a mail. A register by address that forgets nothing, kept in step with Salesforce both ways, and
//! the check before a mail, which asks Marketo too.
//!
//! An address stays opted out whatever happens to the people who have it; an admin's resubscribe alone clears it, on both sides in one act.

mod address;
mod check;
mod entry;
mod link;
mod merged;
mod message;
mod pass;
mod plan;
mod reconcile;
mod register;
mod resubscribe;
mod state;
mod status;

pub use address::Address;
pub use check::{Asked, Checked, Checker, Decision, MAX_STALENESS, Reason};
pub use entry::{Event, Known, MarketoMark, OptOut, Refusal, Restored, Source};
pub use link::{LinkKey, LinkKeys, Token, is_one_click};
pub use merged::merged;
pub use message::{OptOutMessage, UnusableOptOut};
pub use plan::Tick;
pub use reconcile::{Occasion, Reconciled, Step, dry_run, push, reconcile};
pub use register::{Added, Said, add, event, for_each, lag, read};
pub use resubscribe::{Resubscribed, resubscribe};
pub use state::{FirstLook, KEY, in_step_at, reopen};
pub use status::{FLOW, OptOutReject, OptOutStatus, explain, rejects, retry, status};
