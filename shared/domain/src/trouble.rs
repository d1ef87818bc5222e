//! Why one thing could not be written at a vendor: what a list of rejects shows of it. Knows no flow.

use serde::{Deserialize, Serialize};

/// Why one thing is not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    /// The vendor's code, or ours in lower case with hyphens, such as `unknown-person`.
    pub code: String,
    /// What happened and what to do, for a sales admin. May hold values, so it is not for logs.
    pub message: String,
}

impl Trouble {
    /// A trouble.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}
