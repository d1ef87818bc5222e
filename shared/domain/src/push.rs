//! How far a thing is at a vendor that it has to be written to: nothing left to do, due, or given up until somebody asks. Knows no thing, no vendor.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gate;
use crate::ports::Shelf;

/// How far a thing is at a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Push {
    /// Everything there is as it should be, as far as is known.
    #[default]
    Done,
    /// It has to be looked into.
    Due {
        /// Not before.
        at: Timestamp,
        /// Tries that ended with a refusal.
        attempts: u32,
    },
    /// It is refused for good; it is tried again when somebody asks, or changes something.
    Rejected {
        /// Since when.
        at: Timestamp,
        /// Tries.
        attempts: u32,
    },
}

impl Push {
    /// Due from now on, with no refusal so far.
    #[must_use]
    pub fn due(now: Timestamp) -> Self {
        Self::Due { at: now, attempts: 0 }
    }

    /// Refused once more; `passing`: in a way that may pass by itself, so that it is tried again after a rest.
    #[must_use]
    pub fn refused(&self, now: Timestamp, passing: bool) -> Self {
        let attempts = self.attempts().saturating_add(1);
        if passing {
            Self::Due { at: gate::tried_again(now, attempts), attempts }
        } else {
            Self::Rejected { at: now, attempts }
        }
    }

    /// Tries that ended with a refusal.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Due { attempts, .. } | Self::Rejected { attempts, .. } => *attempts,
            Self::Done => 0,
        }
    }

    /// Whether it has to be looked into by now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        matches!(self, Self::Due { at, .. } if *at <= now)
    }

    /// Where a thing stands among what is due, or what was given up.
    #[must_use]
    pub fn shelved(&self) -> Option<(Shelf, Timestamp)> {
        match self {
            Self::Due { at, .. } => Some((Shelf::Due, *at)),
            Self::Rejected { at, .. } => Some((Shelf::Rejected, *at)),
            Self::Done => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_rests_and_a_last_one_waits_for_somebody() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let due = Push::due(at(10));
        assert!(due.is_due(at(10)) && !due.is_due(at(9)));
        let rests = due.refused(at(10), true);
        assert_eq!((rests.shelved(), rests.attempts()), (Some((Shelf::Due, at(15))), 1));
        let given_up = rests.refused(at(15), false);
        assert_eq!((given_up.shelved(), given_up.attempts()), (Some((Shelf::Rejected, at(15))), 2));
        assert_eq!((Push::Done.shelved(), Push::Done.is_due(at(99))), (None, false));
    }
}
