//! What reminder tasks read of the settings.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Settings, split_list};
use crate::{Failure, FailureKind};

const SYNC: &str = "reminders.sync";

/// What reminder tasks read of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderSettings {
    /// Whether both sides are brought in step.
    pub sync: bool,
    /// When that was switched on last, where it is on and was ever switched.
    pub on_since: Option<Timestamp>,
    /// Whose tasks are paired, by address in lower case; `None` = everybody's.
    pub owners: Option<BTreeSet<String>>,
    /// How far back the first import looks.
    pub import_window: SignedDuration,
    /// Whether tasks that were made here before the switch go to Salesforce, too.
    pub backfill: bool,
    /// Template of the subject in Salesforce, which reminder tasks and logged activities share.
    pub subject_template: String,
}

impl Settings {
    /// What reminder tasks read.
    ///
    /// # Errors
    /// `CorruptState` when a stored value is not an allowed one.
    pub fn reminders(&self) -> Result<ReminderSettings, Failure> {
        let owners = self.get("reminders.owners")?;
        let hours = self.get("reminders.importWindowHours")?.parse().map_err(|_| {
            let text = "the stored value of reminders.importWindowHours is damaged; set it again";
            Failure::new(FailureKind::CorruptState, text)
        })?;
        let sync = self.is_on(SYNC)?;
        let switched = self.history.iter().rev().find(|change| change.key == SYNC).map(|change| change.at);
        Ok(ReminderSettings {
            sync,
            on_since: switched.filter(|_| sync),
            owners: (owners != "*").then(|| split_list(owners).into_iter().map(|owner| owner.to_lowercase()).collect()),
            import_window: SignedDuration::from_hours(hours),
            backfill: self.is_on("reminders.backfill")?,
            subject_template: self.get("log.salesforce.subjectTemplate")?.to_owned(),
        })
    }
}

impl ReminderSettings {
    /// Whether tasks of this owner are paired; one without an owner only where everybody's are.
    #[must_use]
    pub fn includes(&self, owner: Option<&str>) -> bool {
        self.owners.as_ref().is_none_or(|owners| owner.is_some_and(|owner| owners.contains(owner)))
    }
}
