//! One entry of the activity log.
//! Must not know how entries are ordered, paged or sent.

use serde_json::{Value, json};

use super::fields::{Field, Text};
use super::hash::{hash, within};
use super::people::Base;

pub(crate) const NEW_LEAD: i64 = 12;
pub(crate) const CHANGE_VALUE: i64 = 13;
pub(crate) const CHANGE_OWNER: i64 = 23;
pub(crate) const MERGE: i64 = 32;
pub(crate) const ADD_OPPORTUNITY: i64 = 34;
pub(crate) const REMOVE_OPPORTUNITY: i64 = 35;
pub(crate) const UPDATE_OPPORTUNITY: i64 = 36;
pub(crate) const DELETE: i64 = 37;
pub(crate) const CHANGE_PARTITION: i64 = 100;

/// Numbers of log entries start here, so that they do not look like counters.
const FIRST_NUMBER: u64 = 102_150;
/// Legacy activity ids lie above the 32-bit range.
const LEGACY_OFFSET: u64 = 6_710_000_000;

/// Something that happened to a person.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    /// Place among all entries ever written; the unique key is made from it.
    pub(crate) number: u64,
    pub(crate) lead: i64,
    pub(crate) kind: i64,
    /// Activity date in Unix seconds.
    pub(crate) date: i64,
    /// When the streams begin to show it.
    pub(crate) visible_ms: i64,
    pub(crate) primary_id: Option<i64>,
    pub(crate) primary: Option<String>,
    pub(crate) detail: Detail,
}

/// The secondary attributes.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    Plain(Vec<(&'static str, Value)>),
    /// A data value change of one field.
    Change {
        field: &'static Field,
        old: Value,
        new: Value,
        source: &'static str,
    },
    /// A custom activity: API name, display name, value.
    Custom(Vec<(String, String, Value)>),
}

/// An attribute ready to be sent.
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) api_name: Option<String>,
    pub(crate) value: Value,
}

impl Activity {
    /// The New Lead entry of somebody who existed at the start; made when asked for.
    pub(crate) fn new_lead_of(base: &Base, index: u64) -> Self {
        let source = base.text(index, Text::Source);
        let kind = base.text(index, Text::SfdcType);
        Self {
            number: index,
            lead: Base::id_of(index),
            kind: NEW_LEAD,
            date: base.created_at(index),
            visible_ms: i64::MIN,
            primary_id: None,
            primary: None,
            detail: new_lead_detail(base.created_at(index), source, kind),
        }
    }

    pub(crate) fn guid(&self) -> String {
        (FIRST_NUMBER + self.number).to_string()
    }

    /// The legacy id, which a share of entries lacks.
    pub(crate) fn legacy_id(&self, seed: u64, missing_share: f64) -> Option<u64> {
        let missing = within(hash(seed, self.number, 77), missing_share);
        (!missing).then_some(LEGACY_OFFSET + FIRST_NUMBER + self.number)
    }

    /// Empty attributes are left out.
    pub(crate) fn attributes(&self) -> Vec<Attribute> {
        let plain =
            |name: &str, value: &Value| Attribute { name: name.to_owned(), api_name: None, value: value.clone() };
        let all: Vec<Attribute> = match &self.detail {
            Detail::Plain(list) => list.iter().map(|(name, value)| plain(name, value)).collect(),
            Detail::Change { old, new, source, .. } => vec![
                plain("New Value", &printed(new)),
                plain("Old Value", &printed(old)),
                plain("Reason", &json!(format!("Changed by {source}"))),
                plain("Source", &json!(source)),
            ],
            Detail::Custom(list) => list
                .iter()
                .map(|(api_name, name, value)| Attribute {
                    name: name.clone(),
                    api_name: Some(api_name.clone()),
                    value: value.clone(),
                })
                .collect(),
        };
        all.into_iter().filter(|attribute| !attribute.value.is_null()).collect()
    }
}

/// Change logs print booleans as `True` and `False` and numbers as text.
pub(crate) fn printed(value: &Value) -> Value {
    match value {
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(number) => number.to_string().into(),
        other => other.clone(),
    }
}

pub(crate) fn new_lead_detail(at: i64, source: Option<String>, sfdc_type: Option<String>) -> Detail {
    let from_salesforce = sfdc_type.is_some();
    Detail::Plain(vec![
        ("Created Date", json!(crate::clock::iso_date(at - 6 * 3_600))),
        ("Lead Source", source.map_or(Value::Null, Value::from)),
        ("SFDC Type", sfdc_type.map_or(Value::Null, Value::from)),
        ("Source Type", json!(if from_salesforce { "Salesforce.com" } else { "New person" })),
    ])
}
