//! An entry of the ledger: one activity, and how far it is at each destination. Knows no vendor and no table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::message::{Activity, ActivityId, What};
use crate::ports::{Shelf, Shelved};
use crate::{Trouble, gate};

/// Where activities are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Destination {
    /// Marketo, as custom activities.
    Marketo,
    /// Salesforce, as tasks.
    Salesforce,
}

impl Destination {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Marketo, Self::Salesforce];

    /// The name in rejects, status and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketo => "marketo",
            Self::Salesforce => "salesforce",
        }
    }
}

/// How far an activity is at one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Progress {
    /// To be written.
    Due {
        /// Not before.
        at: Timestamp,
        /// Tries that were answered by a refusal.
        attempts: u32,
        /// What came of the last of them.
        trouble: Option<Trouble>,
    },
    /// Logged.
    Done {
        /// The vendor's id of the record.
        id: String,
        /// When the vendor's answer came.
        at: Timestamp,
    },
    /// Given up until somebody asks for another try.
    Rejected {
        /// Tries.
        attempts: u32,
        /// Why.
        trouble: Trouble,
        /// Since when.
        at: Timestamp,
    },
    /// The settings, or the documented behaviour, do not have it logged there.
    Skipped {
        /// Why, in words.
        why: String,
    },
}

impl Progress {
    /// Not yet written, from a moment on.
    #[must_use]
    pub fn due(at: Timestamp) -> Self {
        Self::Due { at, attempts: 0, trouble: None }
    }

    /// What follows a refusal that may pass: the same again, later and later.
    #[must_use]
    pub fn later(&self, now: Timestamp, trouble: Trouble) -> Self {
        let attempts = self.attempts().saturating_add(1);
        Self::Due { at: gate::tried_again(now, attempts), attempts, trouble: Some(trouble) }
    }

    /// What follows a refusal that does not pass by itself.
    #[must_use]
    pub fn rejected(&self, now: Timestamp, trouble: Trouble) -> Self {
        Self::Rejected { attempts: self.attempts().saturating_add(1), trouble, at: now }
    }

    /// Tries that were answered by a refusal.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Due { attempts, .. } | Self::Rejected { attempts, .. } => *attempts,
            Self::Done { .. } | Self::Skipped { .. } => 0,
        }
    }

    /// Whether it is to be written at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        matches!(self, Self::Due { at, .. } if *at <= now)
    }

    /// Whether nothing remains to be done, short of somebody asking.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Due { .. })
    }

    /// Why it is not logged, where something stands in the way.
    #[must_use]
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Due { trouble, .. } => trouble.as_ref(),
            Self::Rejected { trouble, .. } => Some(trouble),
            Self::Done { .. } | Self::Skipped { .. } => None,
        }
    }
}

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The activity; without long texts once nothing remains to be done.
    pub activity: Activity,
    /// When its message was taken.
    pub accepted_at: Timestamp,
    /// How far it is in Marketo.
    pub marketo: Progress,
    /// How far it is in Salesforce.
    pub salesforce: Progress,
    /// Revision, counted up by the store with each write.
    #[serde(skip)]
    pub rev: u64,
}

impl Entry {
    /// The entry of a message just taken. It is due from the time of the activity on, so that older ones come first, also after an outage.
    #[must_use]
    pub fn accepted(activity: Activity, now: Timestamp) -> Self {
        let due = Progress::due(activity.at.min(now));
        Self { activity, accepted_at: now, marketo: due.clone(), salesforce: due, rev: 0 }
    }

    /// The key.
    #[must_use]
    pub fn id(&self) -> &ActivityId {
        &self.activity.id
    }

    /// How far it is at a destination.
    #[must_use]
    pub fn at(&self, destination: Destination) -> &Progress {
        match destination {
            Destination::Marketo => &self.marketo,
            Destination::Salesforce => &self.salesforce,
        }
    }

    /// The same, further on at a destination.
    #[must_use]
    pub fn moved(mut self, destination: Destination, progress: Progress) -> Self {
        match destination {
            Destination::Marketo => self.marketo = progress,
            Destination::Salesforce => self.salesforce = progress,
        }
        let finished = |progress: &Progress| matches!(progress, Progress::Done { .. } | Progress::Skipped { .. });
        if finished(&self.marketo) && finished(&self.salesforce) {
            self.activity.what = What::slimmed(self.activity.what);
        }
        self
    }

    /// Where it stands among what is due, or what was given up, at a destination.
    #[must_use]
    pub fn shelved(&self, destination: Destination) -> Option<(Shelf, Shelved)> {
        let place = |at: &Timestamp| Shelved { at: *at, id: self.id().clone() };
        match self.at(destination) {
            Progress::Due { at, .. } => Some((Shelf::Due, place(at))),
            Progress::Rejected { at, .. } => Some((Shelf::Rejected, place(at))),
            Progress::Done { .. } | Progress::Skipped { .. } => None,
        }
    }
}
