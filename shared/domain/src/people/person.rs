//! A synced person and the row that keeps it. Knows nothing of how a row is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A person's id in Marketo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MarketoId(pub i64);

impl fmt::Display for MarketoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The synced text fields. With the Marketo id and the opportunity they are the thirteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the field it names")]
pub enum Field {
    FirstName,
    LastName,
    Email,
    Phone,
    Company,
    Title,
    Source,
    LinkedInUrl,
    SfdcLeadId,
    SfdcContactId,
    SfdcAccountId,
}

impl Field {
    /// All of them, in the order of tables and dumps.
    pub const ALL: [Self; 11] = [
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Phone,
        Self::Company,
        Self::Title,
        Self::Source,
        Self::LinkedInUrl,
        Self::SfdcLeadId,
        Self::SfdcContactId,
        Self::SfdcAccountId,
    ];

    /// Our name of the field, in tables and dumps.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstName => "firstName",
            Self::LastName => "lastName",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Company => "company",
            Self::Title => "title",
            Self::Source => "source",
            Self::LinkedInUrl => "linkedInUrl",
            Self::SfdcLeadId => "sfdcLeadId",
            Self::SfdcContactId => "sfdcContactId",
            Self::SfdcAccountId => "sfdcAccountId",
        }
    }

    /// Marketo's REST name of the field.
    #[must_use]
    pub fn rest_name(self) -> &'static str {
        match self {
            Self::Source => "leadSource",
            Self::LinkedInUrl => "linkedInProfileURL",
            other => other.name(),
        }
    }

    /// Whether the field holds a Salesforce id.
    #[must_use]
    pub fn is_salesforce_id(self) -> bool {
        matches!(self, Self::SfdcLeadId | Self::SfdcContactId | Self::SfdcAccountId)
    }
}

/// The values of the synced text fields; `None` = empty in Marketo. They are packed into one text, as there are millions of people.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields {
    text: String,
    /// Where the value of each field ends in the text; it begins where the one before ends.
    ends: [u32; Field::ALL.len()],
}

impl Fields {
    /// The values that a function gives for each field; about so many bytes of them.
    #[must_use]
    pub fn from_fn<'a>(bytes: usize, value: impl Fn(Field) -> Option<Cow<'a, str>>) -> Self {
        let mut text = String::with_capacity(bytes);
        let ends = Field::ALL.map(|field| {
            text.push_str(value(field).as_deref().unwrap_or_default());
            text.len() as u32
        });
        Self { text, ends }
    }

    /// The value of one field.
    #[must_use]
    pub fn get(&self, field: Field) -> Option<&str> {
        Some(&self.text[self.range(field)]).filter(|value| !value.is_empty())
    }

    /// Sets the value of one field. Quickest in the order of [`Field::ALL`].
    pub fn set(&mut self, field: Field, value: Option<&str>) {
        let (range, value) = (self.range(field), value.unwrap_or_default());
        let (before, after) = (range.len(), value.len());
        if range.end == self.text.len() {
            self.text.truncate(range.start);
            self.text.push_str(value);
        } else {
            self.text.replace_range(range, value);
        }
        for end in &mut self.ends[field as usize..] {
            *end = (*end as usize - before + after) as u32;
        }
    }

    /// All values, one after the other.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn range(&self, field: Field) -> Range<usize> {
        let place = field as usize;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[place] as usize
    }

    /// Keeps the Salesforce ids alone, for people whose other data must go.
    #[must_use]
    pub fn ids_only(&self) -> Self {
        let mut kept = Self::default();
        for field in Field::ALL.into_iter().filter(|f| f.is_salesforce_id()) {
            kept.set(field, self.get(field));
        }
        kept
    }
}

impl FromIterator<(Field, String)> for Fields {
    fn from_iter<I: IntoIterator<Item = (Field, String)>>(values: I) -> Self {
        let mut fields = Self::default();
        for (field, value) in values {
            fields.set(field, Some(&value));
        }
        fields
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Field::ALL.iter().filter_map(|field| Some((field.name(), self.get(*field)?)))).finish()
    }
}

/// Written as a list in the order of [`Field::ALL`], because the names would be as long as the values.
impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(Field::ALL.iter().map(|field| self.get(*field)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = <[Option<String>; Field::ALL.len()]>::deserialize(deserializer)?;
        let bytes = values.iter().flatten().map(String::len).sum();
        Ok(Self::from_fn(bytes, |field| values[field as usize].as_deref().map(Cow::Borrowed)))
    }
}

/// A person as observed in Marketo, Salesforce ids already 18 characters long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Marketo id.
    pub id: MarketoId,
    /// The text fields.
    pub fields: Fields,
    /// Extra fields of the settings, by REST name; empty values left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, String>,
    /// Whether the person is to be synced now.
    pub qualifies: bool,
}

/// Where a stored person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Qualifies now.
    Active,
    /// Was stored, then lost its owner or its Salesforce record.
    Unqualified,
    /// Deleted in Marketo.
    Deleted,
    /// Merged into another person in Marketo.
    Merged,
}

impl Status {
    /// The status as written in tables and dumps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unqualified => "unqualified",
            Self::Deleted => "deleted",
            Self::Merged => "merged",
        }
    }
}

/// A row of the people table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    /// Marketo id, the key.
    pub id: MarketoId,
    /// Where the person stands.
    pub status: Status,
    /// The text fields; only the Salesforce ids once deleted or merged.
    pub fields: Fields,
    /// Extra fields of the settings.
    pub extra: BTreeMap<String, String>,
    /// Salesforce opportunity id, 18 characters.
    pub opportunity: Option<String>,
    /// When the opportunity roles were asked for; `None` = not yet.
    pub opportunity_as_of: Option<Timestamp>,
    /// The survivor, when merged.
    pub merged_into: Option<MarketoId>,
    /// The instant, by Marketo's clock, before the answer that this row comes from was asked for.
    pub as_of: Timestamp,
    /// The row only remembers that this person did *not* qualify at `as_of`, so that older data still on its way cannot bring it in.
    /// Such a row is no synced person: it is not counted, dumped or looked up.
    pub shadow: bool,
    /// Revision, counted up by the store with each write.
    pub rev: u64,
}

impl PersonRow {
    /// The row of somebody who qualifies, as it is before the store has written it.
    #[must_use]
    pub fn active(id: MarketoId, as_of: Timestamp, fields: Fields) -> Self {
        Self {
            id,
            status: Status::Active,
            fields,
            extra: BTreeMap::new(),
            opportunity: None,
            opportunity_as_of: None,
            merged_into: None,
            as_of,
            shadow: false,
            rev: 0,
        }
    }
}

/// An email address as the index holds it: trimmed, lower case; `None` where nothing is left.
#[must_use]
pub fn normalised_email(email: &str) -> Option<String> {
    let trimmed = email.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_lowercase())
}
