//! One value of a record, and how values compare.
//! Knows no field and no wire.

use std::cmp::Ordering;

use super::id::Id;

/// A value. Times are Unix seconds, dates days since the epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    Id(Id),
    Time(i64),
    Date(i64),
}

impl Datum {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_id(&self) -> Option<Id> {
        if let Self::Id(id) = self { Some(*id) } else { None }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    #[expect(clippy::cast_precision_loss, reason = "numbers of records are small")]
    fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// How two values of the same field compare; text without regard to case. Nothing when one of them is null.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => Some(left.cmp(right)),
            (Self::Text(left), Self::Text(right)) => Some(lower(left).cmp(lower(right))),
            (Self::Id(left), Self::Id(right)) => Some(left.cmp(right)),
            (Self::Time(left), Self::Time(right)) | (Self::Date(left), Self::Date(right)) => Some(left.cmp(right)),
            _ => self.as_number()?.partial_cmp(&other.as_number()?),
        }
    }

    /// Whether two values are the same to a filter; null equals null.
    pub(crate) fn same(&self, other: &Self, case_sensitive: bool) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(left), Self::Text(right)) if case_sensitive => left == right,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// The form under which indexes and sets keep a value; text is in lower case unless case matters.
    pub(crate) fn key(&self, case_sensitive: bool) -> Option<Key> {
        match self {
            Self::Null => None,
            Self::Text(text) if case_sensitive => Some(Key::Text(text.clone())),
            Self::Text(text) => Some(Key::Text(text.to_lowercase().into())),
            Self::Id(id) => Some(Key::Id(*id)),
            Self::Bool(value) => Some(Key::Number(i64::from(*value))),
            Self::Time(value) | Self::Date(value) => Some(Key::Number(*value)),
            // Whole numbers and others are the same to a filter.
            Self::Int(_) | Self::Double(_) => self.as_number().map(|number| Key::Text(number.to_string().into())),
        }
    }
}

/// A value as a key of a map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Text(Box<str>),
    Id(Id),
    Number(i64),
}

pub(crate) fn lower(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}
