//! The one failure type of every port: what went wrong, where, and what the caller should do about it.
//!
//! A failure is classified once, where it arises; callers match on [`Failure::advice`] and never on texts. Texts are for the operator:
//! lower-case fragments naming the thing and the remedy. They must not hold personal data, tokens or vendor bodies.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What the caller should do about a [`Failure`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Temporary: keep the place and try again, not before `after`.
    Retry {
        /// Least pause before the next try.
        after: Duration,
    },
    /// A limit is used up: keep the place and do not call before `until`.
    Park {
        /// When the limit resets.
        until: Timestamp,
    },
    /// This request will never succeed as it is; leave it aside and say so.
    Reject,
    /// Nothing will succeed until an operator changes something.
    Halt,
}

/// What kind of thing went wrong. Each kind is a decision that some caller takes; kinds that nobody tells apart share one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureKind {
    /// The far side did not answer, or answered that it is busy.
    Unavailable,
    /// No connection could be made at all.
    Unreachable,
    /// Too many calls in a short time (Marketo 606), or at once (615).
    RateLimited,
    /// The day's API calls are used up (Marketo 607).
    DailyCalls,
    /// The day's export megabytes are used up (Marketo 1029, second meaning).
    DailyExport,
    /// The export queue is full (Marketo 1029, first meaning).
    ExportQueueFull,
    /// Client id or secret is wrong.
    BadCredentials,
    /// The credentials are good but may not do this (Marketo 603).
    AccessDenied,
    /// This subscription does not have the feature or the filter (Marketo 1035, 616, 703).
    Unsupported,
    /// A field name is not known (Marketo 1006).
    UnknownField,
    /// The thing asked for does not exist.
    NotFound,
    /// The answer cannot be understood, or contradicts itself.
    BadAnswer,
    /// The request was refused as wrong.
    BadRequest,
    /// Somebody else changed the thing in between.
    Conflict,
    /// A setting or a combination of settings cannot be used.
    BadSetting,
    /// Stored data is not what this program writes.
    CorruptState,
}

/// A failed port call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub kind: FailureKind,
    /// The vendor's code, such as `606`, where there is one.
    pub code: Option<String>,
    /// What happened, to what, and what to do; without personal data.
    pub message: String,
    /// When the limit resets or the vendor asked to come back, where that is known.
    pub until: Option<Timestamp>,
}

impl Failure {
    /// A failure without a vendor code.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into(), until: None }
    }

    /// The same failure with the vendor's code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same failure with the moment from which another try makes sense.
    #[must_use]
    pub fn with_until(mut self, until: Timestamp) -> Self {
        self.until = Some(until);
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> Advice {
        match self.kind {
            FailureKind::DailyCalls | FailureKind::DailyExport => match self.until {
                Some(until) => Advice::Park { until },
                None => Advice::Retry { after: Duration::from_secs(15 * 60) },
            },
            FailureKind::Unavailable | FailureKind::Unreachable | FailureKind::Conflict | FailureKind::BadAnswer => {
                Advice::Retry { after: Duration::from_secs(1) }
            }
            FailureKind::RateLimited => Advice::Retry { after: Duration::from_secs(2) },
            FailureKind::ExportQueueFull => Advice::Retry { after: Duration::from_secs(60) },
            FailureKind::NotFound | FailureKind::BadRequest | FailureKind::UnknownField | FailureKind::Unsupported => {
                Advice::Reject
            }
            FailureKind::BadCredentials
            | FailureKind::AccessDenied
            | FailureKind::BadSetting
            | FailureKind::CorruptState => Advice::Halt,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} (code {code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Failure {}
