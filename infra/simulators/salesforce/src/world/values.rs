//! From JSON to values and back: what each type of field takes, and how it is written.
//! Must not know records or rules.

use serde_json::Value;

use super::datum::Datum;
use super::failure::Failure;
use super::id::Id;
use crate::clock::{parse_date, parse_time, push_date, push_time};
use crate::schema::field::{Field, Kind};

/// The value that a write gives a field.
///
/// # Errors
/// When the field cannot hold it.
pub(crate) fn read(field: &Field, value: &Value) -> Result<Datum, Failure> {
    if value.is_null() {
        return Ok(if field.kind == Kind::Bool { Datum::Bool(false) } else { Datum::Null });
    }
    match field.kind {
        kind if kind.is_text() => read_text(field, value),
        Kind::Bool => value.as_bool().map(Datum::Bool).ok_or_else(|| Failure::unreadable("boolean", value)),
        Kind::Int => {
            let whole = value.as_i64().or_else(|| {
                #[expect(clippy::cast_possible_truncation, reason = "only whole numbers come through")]
                value.as_f64().filter(|number| number.fract() == 0.0).map(|number| number as i64)
            });
            whole.map(Datum::Int).ok_or_else(|| Failure::unreadable("int", value))
        }
        Kind::Currency => value.as_f64().map(Datum::Double).ok_or_else(|| Failure::unreadable("double", value)),
        Kind::Date => read_stamp(value, "date", |text| parse_date(text).map(Datum::Date)),
        Kind::Time => read_stamp(value, "datetime", |text| parse_time(text).map(Datum::Time)),
        _ => read_reference(field, value),
    }
}

fn read_stamp(value: &Value, kind: &str, parse: impl Fn(&str) -> Option<Datum>) -> Result<Datum, Failure> {
    match value.as_str() {
        Some("") => Ok(Datum::Null),
        text => text.and_then(parse).ok_or_else(|| Failure::unreadable(kind, value)),
    }
}

fn read_reference(field: &Field, value: &Value) -> Result<Datum, Failure> {
    let text = value.as_str().ok_or_else(|| Failure::unreadable("reference", value))?;
    if text.is_empty() {
        return Ok(Datum::Null);
    }
    let wrong = || {
        let message = format!("{}: id value of incorrect type: {text}", field.name);
        Failure::of_field("MALFORMED_ID", &field.name, message)
    };
    Id::parse(text).map(Datum::Id).ok_or_else(wrong)
}

fn read_text(field: &Field, value: &Value) -> Result<Datum, Failure> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(Failure::unreadable("string", value)),
    };
    if text.is_empty() {
        return Ok(Datum::Null);
    }
    let name = &field.name;
    let longest = usize::try_from(field.length).unwrap_or(usize::MAX);
    if text.chars().count() > longest {
        let shown: String = text.chars().take(255).collect();
        let message = format!("{name}: data value too large: {shown} (max length={longest})");
        return Err(Failure::of_field("STRING_TOO_LONG", name, message));
    }
    if field.kind == Kind::Picklist && field.restricted && !field.values.contains(&text) {
        let message = format!("{name}: bad value for restricted picklist field: {text}");
        return Err(Failure::of_field("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", name, message));
    }
    if field.kind == Kind::Email && !is_address(&text) {
        let message = format!("{name}: invalid email address: {text}");
        return Err(Failure::of_field("INVALID_EMAIL_ADDRESS", name, message));
    }
    Ok(Datum::Text(text.into()))
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@').filter(|(_, domain)| !domain.contains('@'));
    let space = |c: char| c.is_whitespace() || c.is_control();
    parts.is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.ends_with('.'))
        && !text.contains(space)
}

/// Appends the JSON form of a value.
pub(crate) fn push_json(out: &mut String, value: &Datum) {
    use std::fmt::Write as _;
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(true) => out.push_str("true"),
        Datum::Bool(false) => out.push_str("false"),
        Datum::Int(number) => out.push_str(&number.to_string()),
        Datum::Double(number) => out.push_str(&Value::from(*number).to_string()),
        Datum::Text(text) => push_text(out, text),
        Datum::Id(id) => {
            // Writing to a string cannot fail.
            let _ = write!(out, "\"{id}\"");
        }
        Datum::Time(seconds) => {
            out.push('"');
            push_time(out, *seconds);
            out.push('"');
        }
        Datum::Date(days) => {
            out.push('"');
            push_date(out, *days);
            out.push('"');
        }
    }
}

pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}
