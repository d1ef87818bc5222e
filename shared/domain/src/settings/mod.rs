//! The settings an admin may change, where they are kept, and what the people flow reads of them.

mod catalogue;
mod log;
mod reminders;
mod unsubscribes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use catalogue::{SETTINGS, SettingSpec, spec};
pub use log::LogSettings;
pub use reminders::ReminderSettings;
pub use unsubscribes::{OptOutField, UnsubscribeSettings};

use crate::ports::{Clock, SyncState};
use crate::{Failure, FailureKind};

/// Fields that hold a person's owner, unless the settings say otherwise. A subscription may have one of them only.
pub const DEFAULT_OWNER_FIELDS: [&str; 2] = ["sfdcLeadOwnerId", "externalSalesPersonId"];

/// Most changes kept in the history of settings.
const MAX_HISTORY: usize = 500;
/// Most tries against other admins who save at the same moment.
const MAX_SAVE_TRIES: usize = 10;
const KEY: &str = "settings";

/// One change of a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The setting.
    pub key: String,
    /// The value set.
    pub value: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// All settings: what was changed, and defaults for the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// Every change, oldest first.
    history: Vec<Change>,
}

impl Settings {
    /// The value of a setting.
    ///
    /// # Errors
    /// `BadSetting` when there is no such setting; names those there are.
    pub fn get(&self, key: &str) -> Result<&str, Failure> {
        let spec = spec(key)?;
        Ok(self.values.get(key).map_or(spec.default, String::as_str))
    }

    /// Every change, oldest first.
    #[must_use]
    pub fn history(&self) -> &[Change] {
        &self.history
    }

    /// What the people flow reads.
    ///
    /// # Errors
    /// `CorruptState` when a stored value is not an allowed one.
    pub fn people(&self) -> Result<PeopleSettings, Failure> {
        let text = |key: &str| self.get(key).map(str::to_owned);
        let list = |key: &str| self.get(key).map(split_list);
        let corrupt = |key: &str| {
            Failure::new(FailureKind::CorruptState, format!("the stored value of {key} is damaged; set it again"))
        };
        Ok(PeopleSettings {
            owner_fields: list("people.ownerFields")?,
            include_queue_owners: self.is_on("people.includeQueueOwners")?,
            extra_fields: list("people.extraFields")?,
            smart_list: Some(text("people.smartList")?).filter(|s| !s.is_empty()),
            export_from: match self.get("people.exportFrom")? {
                "" => None,
                date => Some(date.parse().map_err(|_| corrupt("people.exportFrom"))?),
            },
            overlap_minutes: self
                .get("people.overlapMinutes")?
                .parse()
                .map_err(|_| corrupt("people.overlapMinutes"))?,
            auto_start: self.is_on("people.autoStart")?,
        })
    }

    fn is_on(&self, key: &str) -> Result<bool, Failure> {
        self.get(key).map(|value| value == "on")
    }
}

/// What the people flow reads of the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeopleSettings {
    /// REST names of the fields that may hold the owner, in order.
    pub owner_fields: Vec<String>,
    /// Whether a queue counts as an owner.
    pub include_queue_owners: bool,
    /// REST names of further fields to sync.
    pub extra_fields: Vec<String>,
    /// Id or name of a smart list that holds the people with an owner.
    pub smart_list: Option<String>,
    /// First day whose people are exported.
    pub export_from: Option<Date>,
    /// Minutes of the change streams that are read again.
    pub overlap_minutes: i64,
    /// Whether the first tick with working credentials starts the initial sync.
    pub auto_start: bool,
}

impl PeopleSettings {
    /// The part that decides who is synced and what of them; when it differs from what a run was made with, the table needs a new run.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope {
            owner_fields: self.owner_fields.clone(),
            include_queue_owners: self.include_queue_owners,
            extra_fields: self.extra_fields.clone(),
            smart_list: self.smart_list.clone(),
            export_from: self.export_from,
        }
    }
}

/// Who is synced, and what of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    owner_fields: Vec<String>,
    include_queue_owners: bool,
    extra_fields: Vec<String>,
    smart_list: Option<String>,
    export_from: Option<Date>,
}

/// Loads the settings.
///
/// # Errors
/// `Unavailable`; `CorruptState` when the stored document is not one of ours.
pub async fn load(state: &dyn SyncState) -> Result<Settings, Failure> {
    Ok(load_versioned(state).await?.0)
}

/// Sets one setting and keeps who did it and when. Setting the value it has already changes nothing.
///
/// # Errors
/// `BadSetting` for an unknown key or a value that is not allowed, naming what is.
pub async fn set(
    state: &dyn SyncState,
    clock: &dyn Clock,
    key: &str,
    value: &str,
    by: &str,
) -> Result<Settings, Failure> {
    let value = spec(key)?.checked(value)?;
    for _ in 0..MAX_SAVE_TRIES {
        let (mut settings, version) = load_versioned(state).await?;
        if settings.get(key)? == value {
            return Ok(settings);
        }
        settings.values.insert(key.to_owned(), value.clone());
        settings.history.push(Change { key: key.to_owned(), value: value.clone(), at: clock.now(), by: by.to_owned() });
        let excess = settings.history.len().saturating_sub(MAX_HISTORY);
        settings.history.drain(..excess);
        let document =
            serde_json::to_value(&settings).map_err(|e| Failure::new(FailureKind::BadSetting, e.to_string()))?;
        match state.save(KEY, &document, version).await {
            Ok(_) => return Ok(settings),
            Err(failure) if failure.kind == FailureKind::Conflict => {}
            Err(failure) => return Err(failure),
        }
    }
    Err(Failure::new(
        FailureKind::Conflict,
        format!("setting {key} is being changed by others at the same time; try again"),
    ))
}

async fn load_versioned(state: &dyn SyncState) -> Result<(Settings, Option<u64>), Failure> {
    match state.load(KEY).await? {
        None => Ok((Settings::default(), None)),
        Some(document) => {
            let settings = serde_json::from_value(document.value).map_err(|_| {
                Failure::new(FailureKind::CorruptState, "the stored settings are not in a form this program writes")
            })?;
            Ok((settings, Some(document.version)))
        }
    }
}

fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}
