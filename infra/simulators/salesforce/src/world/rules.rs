//! Validation rules: the organisation's own conditions on records.
//! Must not know who writes.

use serde_json::Value;

use super::datum::Datum;
use super::failure::Failure;
use super::row::Row;
use super::state::State;
use super::values;
use crate::config::Predicate;

impl State {
    /// Refuses a record that breaks a rule.
    pub(crate) fn check_rules(&self, object: usize, row: &Row, now_ms: i64) -> Result<(), Failure> {
        let described = &self.schema.objects[object];
        for rule in self.rules.iter().filter(|rule| rule.object == described.name) {
            let Some(place) = described.place(&rule.field) else { continue };
            let value = self.value(object, row, place, now_ms);
            if matches(&rule.broken_if, &value) {
                let mut failure = Failure::new("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message.clone());
                failure.fields.push(rule.field.clone());
                return Err(failure);
            }
        }
        Ok(())
    }
}

fn matches(predicate: &Predicate, value: &Datum) -> bool {
    let text = value.as_text().unwrap_or_default();
    match predicate {
        Predicate::Blank => value.is_null(),
        Predicate::Present => !value.is_null(),
        Predicate::Equals(wanted) => equals(value, wanted),
        Predicate::NotEquals(wanted) => !equals(value, wanted),
        Predicate::Contains(part) => text.contains(part.as_str()),
        Predicate::LongerThan(most) => text.chars().count() > usize::try_from(*most).unwrap_or(usize::MAX),
    }
}

fn equals(value: &Datum, wanted: &Value) -> bool {
    let mut written = String::new();
    values::push_json(&mut written, value);
    serde_json::from_str::<Value>(&written).is_ok_and(|written| written == *wanted)
}
