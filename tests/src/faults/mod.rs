//! One fault at a time through the whole people flow: what it does once, and what it does until it is lifted.
//!
//! `catalogue` says which faults there are, where each can happen and what has to come of it; `story` plays one and tells what came of
//! it; `stage` is where it plays; `dynamodb_proxy` stands before DynamoDB.

pub mod catalogue;
pub mod dynamodb_proxy;
mod stage;
mod story;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

pub use stage::Scene;
pub use story::{Script, Trouble, play};

use crate::lock;

/// What came of a fault while it was in force. In every case the truth was reached after it, and nothing wrong passed for right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The table was right nevertheless.
    Right,
    /// The flow named the time at which a limit resets, and called nobody before it.
    Waits,
    /// The flow said what is wrong, and did not say that it was done.
    Refuses,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Right => "right",
            Self::Waits => "waits",
            Self::Refuses => "refuses",
        })
    }
}

/// A played story.
#[derive(Debug, Clone)]
pub struct Played {
    /// What came of it, or what was wrong.
    pub outcome: Result<Outcome, String>,
    /// What the flow said.
    pub messages: Vec<String>,
}

/// Plays all scripts, several at a time, and gives what came of each, in their order.
pub fn play_all(scripts: &[Script]) -> Vec<Played> {
    let (next, played) = (AtomicUsize::new(0), Mutex::new(vec![None; scripts.len()]));
    // Some stories wait for answers that never come, so that more of them than cores go on together.
    let threads = thread::available_parallelism().map_or(1, usize::from) * 2;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, script)) = take(&next, scripts) {
                    let ended = play_here(script);
                    lock(&played)[index] = Some(ended);
                }
            });
        }
    });
    let played = std::mem::take(&mut *lock(&played));
    played.into_iter().map(|ended| ended.unwrap_or_else(|| wrong("it was not played".to_owned()))).collect()
}

fn take<'a>(next: &AtomicUsize, scripts: &'a [Script]) -> Option<(usize, &'a Script)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    scripts.get(index).map(|script| (index, script))
}

/// Plays a script on a runtime of its own; a panic is a wrong end like any other.
fn play_here(script: &Script) -> Played {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(script))
    }));
    ended.unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        wrong(format!("it panicked: {}", text.unwrap_or_default()))
    })
}

fn wrong(what: String) -> Played {
    Played { outcome: Err(what), messages: Vec::new() }
}
