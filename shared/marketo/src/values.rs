//! JSON values of Marketo's as the plain values of the ports. Pure functions.

use domain::Failure;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::classify::Spot;

/// The value of a field: absent, `null` and `""` are none; text stays as it is, byte for byte; all else is its JSON text.
pub(crate) fn text(value: Option<Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => (!text.is_empty()).then_some(text),
        Some(other) => Some(other.to_string()),
    }
}

/// A whole number, also where it is written as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// An id member, which is a number by the book.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct WireId(Value);

impl WireId {
    pub fn get(&self) -> Option<i64> {
        integer(&self.0)
    }
}

/// All items of a `result`, each of one shape.
pub(crate) fn items<T: DeserializeOwned>(spot: Spot<'_>, result: Vec<Value>) -> Result<Vec<T>, Failure> {
    let read = |(at, item)| {
        // The parser's own text could quote a value.
        serde_json::from_value(item)
            .map_err(|_| spot.nonsense(&format!("item {at} of the result is not as documented")))
    };
    result.into_iter().enumerate().map(read).collect()
}
