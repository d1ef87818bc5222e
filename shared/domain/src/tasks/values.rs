//! What a reminder task says: the six fields that both sides have, as this side means them. Knows no Salesforce, no storage.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::people::normalised_email;

/// Most characters of the details: as many as a description in Salesforce takes.
const MAX_DETAILS: usize = 32_000;

/// Whether a task is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// To be done.
    #[default]
    Open,
    /// Done.
    Complete,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Priority {
    /// As usual.
    #[default]
    Normal,
    /// Urgent.
    High,
}

/// What kind of thing is to be done. Salesforce shows it only through the subject's template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Write an email.
    Email,
    /// Call.
    Call,
    /// Write an InMail.
    InMail,
    /// Anything else.
    #[default]
    Custom,
}

impl Kind {
    /// As a subject shows it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Call => "Call",
            Self::InMail => "InMail",
            Self::Custom => "Custom",
        }
    }
}

/// A field that both sides have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Field {
    /// The name; in Salesforce the subject.
    Name,
    /// Open or complete.
    Status,
    /// Normal or high.
    Priority,
    /// The due date.
    Due,
    /// The details; in Salesforce the comments, which the API calls description.
    Details,
    /// Whose it is.
    Owner,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Name, Self::Status, Self::Priority, Self::Due, Self::Details, Self::Owner];

    /// Its name in texts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Status => "status",
            Self::Priority => "priority",
            Self::Due => "due date",
            Self::Details => "details",
            Self::Owner => "owner",
        }
    }
}

/// What a task says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// One line of text.
    pub name: String,
    /// Open or complete.
    pub status: Progress,
    /// Normal or high.
    pub priority: Priority,
    /// A day, without time and zone.
    pub due: Option<Date>,
    /// More text.
    pub details: Option<String>,
    /// The owner's email address, in lower case; `None` = nobody was named.
    pub owner: Option<String>,
}

impl Values {
    /// Whether both say the same of a field.
    #[must_use]
    pub fn same(&self, other: &Self, field: Field) -> bool {
        match field {
            Field::Name => self.name == other.name,
            Field::Status => self.status == other.status,
            Field::Priority => self.priority == other.priority,
            Field::Due => self.due == other.due,
            Field::Details => self.details == other.details,
            Field::Owner => self.owner == other.owner,
        }
    }

    /// Takes a field over from another.
    pub fn take(&mut self, field: Field, from: &Self) {
        match field {
            Field::Name => self.name.clone_from(&from.name),
            Field::Status => self.status = from.status,
            Field::Priority => self.priority = from.priority,
            Field::Due => self.due = from.due,
            Field::Details => self.details.clone_from(&from.details),
            Field::Owner => self.owner.clone_from(&from.owner),
        }
    }
}

/// A name as it is kept: one line, no longer than a subject in Salesforce.
#[must_use]
pub fn name(text: &str) -> String {
    crate::subject::one_line(text).trim().to_owned()
}

/// Details as they are kept: with plain line ends, without blanks around them, at most [`MAX_DETAILS`] characters; `None` where nothing is left.
#[must_use]
pub fn details(text: &str) -> Option<String> {
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept: String = plain.trim().chars().take(MAX_DETAILS).collect();
    Some(kept.trim_end().to_owned()).filter(|text| !text.is_empty())
}

/// An owner as it is kept; `None` where the text is no address.
#[must_use]
pub fn owner(text: &str) -> Option<String> {
    normalised_email(text).filter(|email| email.contains('@') && !email.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_taken_over_is_the_same() {
        let other = Values {
            name: "call back".to_owned(),
            status: Progress::Complete,
            priority: Priority::High,
            due: Some(jiff::civil::date(2026, 7, 1)),
            details: Some("x".to_owned()),
            owner: Some("a@example.com".to_owned()),
        };
        let mut values = Values::default();
        for field in Field::ALL {
            assert!(!values.same(&other, field), "{field:?}");
            values.take(field, &other);
            assert!(values.same(&other, field), "{field:?}");
        }
        assert_eq!(values, other);
    }

    #[test]
    fn texts_are_kept_as_salesforce_keeps_them() {
        assert_eq!(name(" call \r\n back "), "call back");
        assert_eq!(name(&"ä".repeat(300)).chars().count(), 255);
        assert_eq!(details(" a\r\nb\rc \n"), Some("a\nb\nc".to_owned()));
        assert_eq!((details(" \n"), details(&"x".repeat(40_000)).map(|text| text.len())), (None, Some(MAX_DETAILS)));
        assert_eq!(
            (owner(" Ana@Example.com"), owner("ana"), owner("a b@c.d")),
            (Some("ana@example.com".into()), None, None)
        );
    }
}
