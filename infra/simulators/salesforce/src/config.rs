//! Everything about a simulated organisation that can be chosen: its clock, its users, its fields and their security, its limits.
//! Plain data; it must not know how any of it is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One simulated organisation.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP port on the loopback address; 0 picks a free one.
    pub port: u16,
    /// Which clock drives stamps, sessions and limits.
    pub clock: ClockMode,
    /// Decides every made-up name and choice.
    pub seed: u64,
    /// Consumer key of the connected app.
    pub client_id: String,
    /// Consumer secret of the connected app.
    pub client_secret: String,
    /// The refresh token that the app was given, if any.
    pub refresh_token: Option<String>,
    /// User name of the integration user; the `sub` that a JWT must name.
    pub username: String,
    /// PEM of the RSA public key (`BEGIN PUBLIC KEY`) that JWTs are checked with; without it any signature is taken.
    pub jwt_public_key: Option<String>,
    /// How long a session lives from its start.
    pub session_seconds: u64,
    /// After how many calls a session dies; never when `None`.
    pub session_calls: Option<u64>,
    /// Limits.
    pub limits: Limits,
    /// Values of `Task.Type`.
    pub task_types: Picklist,
    /// Values of `Task.Status`, in their order.
    pub task_statuses: Vec<TaskStatus>,
    /// Values of `Task.Priority`: name and whether it is high. The first that is not high is the default.
    pub task_priorities: Vec<(String, bool)>,
    /// Changes to fields by `Object.Field`.
    pub fields: BTreeMap<String, FieldChange>,
    /// Further text or checkbox fields, by `Object.Field__c`.
    pub custom_fields: BTreeMap<String, CustomField>,
    /// Rules that writes over the API must keep.
    pub validation_rules: Vec<ValidationRule>,
    /// How long a write over the API holds the locks that it takes, in real milliseconds; it is answered only then.
    pub lock_hold_ms: u64,
    /// Seconds after its stamp at which a change becomes visible to reads.
    pub late_seconds: u64,
    /// The share of changes that are late by `late_seconds`.
    pub late_share: f64,
    /// How far `latestDateCovered` lies behind the clock.
    pub replication_lag_seconds: u64,
    /// Delay of every answer.
    pub latency_ms: u64,
    /// Most records of all objects together.
    pub max_records: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            port: 0,
            clock: ClockMode::Real,
            seed: 1,
            client_id: "simulator".into(),
            client_secret: "simulator-secret".into(),
            refresh_token: Some("simulator-refresh-token".into()),
            username: "integration@simulator.example".into(),
            jwt_public_key: None,
            session_seconds: 7_200,
            session_calls: None,
            limits: Limits::default(),
            task_types: Picklist {
                values: ["Call", "Email", "Meeting", "Other"].map(str::to_owned).to_vec(),
                default: None,
                restricted: true,
            },
            task_statuses: vec![
                TaskStatus::new("Not Started", false, true),
                TaskStatus::new("In Progress", false, false),
                TaskStatus::new("Completed", true, true),
                TaskStatus::new("Waiting on someone else", false, false),
                TaskStatus::new("Deferred", false, false),
            ],
            task_priorities: vec![("High".into(), true), ("Normal".into(), false), ("Low".into(), false)],
            fields: BTreeMap::new(),
            custom_fields: BTreeMap::new(),
            validation_rules: Vec::new(),
            lock_hold_ms: 0,
            late_seconds: 0,
            late_share: 1.0,
            replication_lag_seconds: 0,
            latency_ms: 0,
            max_records: 2_000_000,
        }
    }
}

/// Which clock drives the simulated organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockMode {
    /// The machine's clock, plus whatever `advance` added.
    Real,
    /// Stands still at this Unix second (or at the start time) until advanced.
    Manual(Option<i64>),
}

/// Limits on calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Refuse calls beyond `calls_per_day`.
    pub daily: bool,
    /// Calls within any 24 hours.
    pub calls_per_day: u64,
    /// Query results that stay open for paging; the oldest is closed beyond this.
    pub open_cursors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { daily: true, calls_per_day: 100_000, open_cursors: 50 }
    }
}

/// Values of a picklist.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Picklist {
    /// The active values.
    pub values: Vec<String>,
    /// What a new record gets when it names none.
    #[serde(default)]
    pub default: Option<String>,
    /// Whether other values are refused.
    #[serde(default)]
    pub restricted: bool,
}

/// One value of `Task.Status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// Label and API name.
    pub name: String,
    /// Whether a task with it is closed.
    pub closed: bool,
    /// Whether it is the default among the open, or among the closed ones.
    pub default: bool,
}

impl TaskStatus {
    /// A status.
    #[must_use]
    pub fn new(name: &str, closed: bool, default: bool) -> Self {
        Self { name: name.to_owned(), closed, default }
    }
}

/// What the integration user may do with a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Read and write, as far as the field itself allows it.
    #[default]
    Full,
    /// Read only.
    ReadOnly,
    /// Not even seen.
    Hidden,
    /// The organisation has no such field.
    Absent,
}

/// How a field differs from the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct FieldChange {
    /// What the integration user may do with it.
    pub access: Option<Access>,
    /// Longest text, in characters.
    pub length: Option<u32>,
}

impl From<Access> for FieldChange {
    fn from(access: Access) -> Self {
        Self { access: Some(access), length: None }
    }
}

/// A further custom field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CustomField {
    /// A checkbox, off by default.
    Checkbox,
    /// Text of at most so many characters.
    Text(u32),
    /// Text that identifies a record: unique, case-sensitive, for upserts.
    ExternalId(u32),
}

/// A rule that a record must keep when it is written over the API. A record breaks it when the field matches.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationRule {
    /// API name of the object.
    pub object: String,
    /// API name of the field.
    pub field: String,
    /// When the rule is broken.
    pub broken_if: Predicate,
    /// What the caller is told.
    pub message: String,
}

/// A simple condition on one field.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Predicate {
    /// It has no value.
    Blank,
    /// It has any value.
    Present,
    /// It has this value.
    Equals(Value),
    /// It has another value than this.
    NotEquals(Value),
    /// Its text contains this.
    Contains(String),
    /// Its text has more characters than this.
    LongerThan(u32),
}
