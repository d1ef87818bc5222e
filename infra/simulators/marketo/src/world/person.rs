//! One person, written out, and the values of their fields.
//! Must not know where people come from or what happens to them.

use super::fields::{Field, Kind, TEXTS, Text};
use super::hash::hash;

/// Purpose of the hashed numbers behind fields that nobody set; far from the purposes of other modules.
const EXTRA: u64 = 300;

/// A value of any field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(&'a str),
    Owned(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// Unix seconds.
    Time(i64),
}

/// One person, written out.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) text: [Option<String>; TEXTS],
    /// Other fields that were set by somebody, by field id.
    pub(crate) set: Vec<(i64, serde_json::Value)>,
    pub(crate) seed: u64,
}

/// An opportunity role of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) guid: String,
    pub(crate) opportunity: String,
    pub(crate) role: &'static str,
    pub(crate) primary: bool,
    pub(crate) created_at: i64,
}

pub(crate) const ROLE_NAMES: [&str; 4] = ["Decision Maker", "Evaluator", "Influencer", "Economic Buyer"];

impl Person {
    pub(crate) fn text(&self, which: Text) -> Option<&str> {
        self.text[which as usize].as_deref().filter(|value| !value.is_empty())
    }

    /// Linked to Salesforce, and the first owner field that is filled names a user.
    pub(crate) fn qualifies(&self) -> bool {
        let linked = self.text(Text::SfdcLead).or(self.text(Text::SfdcContact)).is_some();
        let owner = self.text(Text::SfdcOwner).or(self.text(Text::ExternalOwner));
        linked && owner.is_some_and(|owner| !owner.starts_with("00G"))
    }

    /// First and last name, as activities print it.
    pub(crate) fn name(&self) -> String {
        let parts = [self.text(Text::FirstName), self.text(Text::LastName)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn value(&self, field: &Field) -> Value<'_> {
        if let Kind::Text(which) = field.kind {
            return self.text(which).map_or(Value::Null, Value::Text);
        }
        if let Some((_, set)) = self.set.iter().find(|(id, _)| *id == field.id) {
            return set_value(set);
        }
        let hashed = hash(self.seed, self.id.cast_unsigned(), EXTRA + field.id.cast_unsigned());
        let empty = (hashed >> 50).is_multiple_of(4);
        match field.kind {
            Kind::Id => Value::Integer(self.id),
            Kind::Created => Value::Time(self.created_at),
            Kind::Updated => Value::Time(self.updated_at),
            Kind::Partition => Value::Integer(1 + i64::from(hashed.is_multiple_of(30))),
            Kind::Bool { percent } => Value::Bool(hashed % 100 < percent),
            Kind::Formula | Kind::Text(_) => Value::Null,
            _ if empty => Value::Null,
            Kind::Integer { below } => Value::Integer((hashed % below).cast_signed()),
            #[expect(clippy::cast_precision_loss, reason = "a small number of cents")]
            Kind::Float => Value::Float((hashed % 1_000_000_000) as f64 / 100.0),
            Kind::Date => Value::Owned(crate::clock::iso_date((hashed % 1_000_000_000).cast_signed())),
            Kind::DateTime => Value::Time(self.created_at + (hashed % 3_600).cast_signed()),
        }
    }
}

fn set_value(set: &serde_json::Value) -> Value<'_> {
    match set {
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0)), Value::Integer)
        }
        serde_json::Value::String(text) if !text.is_empty() => Value::Text(text),
        _ => Value::Null,
    }
}

impl Value<'_> {
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Text(text) => (*text).into(),
            Value::Owned(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Bool(flag) => (*flag).into(),
            Value::Time(seconds) => crate::clock::iso(*seconds).into(),
        }
    }
}
