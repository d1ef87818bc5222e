//! stub
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Advice, Failure, FailureKind};

/// A flow's last problem, as an admin reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// What happened and what to do.
    pub message: String,
    /// What kind of failure.
    pub kind: FailureKind,
    /// The vendor's code.
    pub code: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Nothing is tried before this, where a limit is used up.
    pub until: Option<Timestamp>,
    /// Whether an operator has to change something first.
    pub needs_operator: bool,
}

impl Problem {
    /// The problem that a failure is.
    #[must_use]
    pub fn new(failure: &Failure, at: Timestamp) -> Self {
        Self {
            message: failure.to_string(),
            kind: failure.kind,
            code: failure.code.clone(),
            at,
            until: failure.until,
            needs_operator: failure.advice() == Advice::Halt,
        }
    }
}
