//! What the logging of sales activities reads of the settings.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::{Settings, split_list};
use crate::activities::{Destination, Kind, TypeLayout};
use crate::{Failure, FailureKind};

/// What the logging of sales activities reads of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Whether activities are logged in Marketo.
    pub marketo: bool,
    /// Whether emails, and what happens to them, are logged in Salesforce.
    pub emails: bool,
    /// Whether calls are logged in Salesforce.
    pub calls: bool,
    /// Whether a reply gets a task of its own.
    pub replies: bool,
    /// Custom activity types in Marketo.
    pub types: TypeLayout,
    /// Template of a task's subject.
    pub subject_template: String,
    /// Whether a lead is made for a person who is not found in Salesforce.
    pub create_lead: bool,
    /// Whether a call may be logged to a record found by address.
    pub match_calls_by_email: bool,
    /// Zone in which an activity's day is reckoned.
    pub time_zone: TimeZone,
    /// Whether nothing is written; activities wait.
    pub dry_run: bool,
    pub(crate) skip_marketo: BTreeSet<Kind>,
    pub(crate) skip_salesforce: BTreeSet<Kind>,
}

impl Settings {
    /// What the logging of sales activities reads.
    ///
    /// # Errors
    /// `CorruptState` when a stored value is not an allowed one.
    pub fn log(&self) -> Result<LogSettings, Failure> {
        let kinds = |key: &str| -> Result<BTreeSet<Kind>, Failure> {
            let names = split_list(self.get(key)?);
            Ok(Kind::ALL.into_iter().filter(|kind| names.iter().any(|name| name == kind.name())).collect())
        };
        let zone = self.get("log.salesforce.timeZone")?;
        Ok(LogSettings {
            marketo: self.is_on("log.marketo")?,
            emails: self.is_on("log.salesforce.email")?,
            calls: self.is_on("log.salesforce.call")?,
            replies: self.is_on("log.salesforce.reply")?,
            types: match self.get("log.marketo.types")? {
                "one" => TypeLayout::One,
                _ => TypeLayout::Eight,
            },
            subject_template: self.get("log.salesforce.subjectTemplate")?.to_owned(),
            create_lead: self.get("log.salesforce.onNoMatch")? == "createLead",
            match_calls_by_email: self.is_on("log.salesforce.matchCallsByEmail")?,
            time_zone: TimeZone::get(zone).map_err(|_| {
                let text = "the stored value of log.salesforce.timeZone is damaged; set it again";
                Failure::new(FailureKind::CorruptState, text)
            })?,
            dry_run: self.is_on("log.dryRun")?,
            skip_marketo: kinds("log.marketo.skip")?,
            skip_salesforce: kinds("log.salesforce.skip")?,
        })
    }
}

impl LogSettings {
    /// Why an activity of a kind is not logged at a destination; `None` = it is.
    #[must_use]
    pub fn skipped(&self, destination: Destination, kind: Kind) -> Option<String> {
        let off = |key: &str| Some(format!("the setting {key} leaves {} out", kind.name()));
        match (destination, kind) {
            (Destination::Marketo, _) if !self.marketo => off("log.marketo"),
            (Destination::Marketo, kind) if self.skip_marketo.contains(&kind) => off("log.marketo.skip"),
            (Destination::Marketo, _) => None,
            (Destination::Salesforce, Kind::CampaignAdded | Kind::CampaignRemoved) => {
                Some("campaign moves are not logged in Salesforce".to_owned())
            }
            (Destination::Salesforce, kind) if self.skip_salesforce.contains(&kind) => off("log.salesforce.skip"),
            (Destination::Salesforce, Kind::CallLogged) if !self.calls => off("log.salesforce.call"),
            (Destination::Salesforce, Kind::CallLogged) => None,
            (Destination::Salesforce, _) if !self.emails => off("log.salesforce.email"),
            (Destination::Salesforce, _) => None,
        }
    }
}
