//! One fault at a time through the whole people flow: what it does once, and what it does until it is lifted.
//!
//! `catalogue` says which faults there are, where each can happen and what has to come of it; `story` plays one and tells what came of
//! it; `stage` is where it plays; `dynamodb_proxy` stands before DynamoDB.

pub mod catalogue;
pub mod dynamodb_proxy;
mod stage;
mod story;

use std::fmt;

pub use stage::Scene;
pub use story::{Script, Trouble, play};

use crate::parallel;

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
    let wrong = |what| Played { outcome: Err(what), messages: Vec::new() };
    parallel::play_all(scripts, play).into_iter().map(|ended| ended.unwrap_or_else(wrong)).collect()
}
