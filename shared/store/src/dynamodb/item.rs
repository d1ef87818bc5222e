//! A people row as an item, and back. Layout 1, as the README has it; must not know how items travel.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::people::{Field, Fields, MarketoId, PersonRow, Status};
use domain::{Failure, FailureKind, Timestamp};

use super::Item;
use crate::rules::{email_key, salesforce_key};

pub(super) const ID: &str = "id";
pub(super) const REV: &str = "rev";
pub(super) const EMAIL_KEY: &str = "emailKey";
pub(super) const SFDC_KEY: &str = "sfdcKey";
pub(super) const BY_EMAIL: &str = "by-email";
pub(super) const BY_SALESFORCE_ID: &str = "by-salesforce-id";

const STATUS: &str = "status";
const AS_OF: &str = "asOf";
const FIELDS: &str = "fields";
const EXTRA: &str = "extra";
const OPPORTUNITY: &str = "opportunity";
const OPPORTUNITY_AS_OF: &str = "opportunityAsOf";
const MERGED_INTO: &str = "mergedInto";
const SHADOW: &str = "shadow";
const LAYOUT: &str = "layout";

/// The layout written, and the only one read.
const LAYOUT_NOW: i64 = 1;

/// Most attributes that an item has.
const ATTRIBUTES: usize = 13;

/// The key of a row.
pub(super) fn key(id: MarketoId) -> Item {
    HashMap::from([(ID.to_owned(), number(id.0))])
}

/// The attributes of a row, absent ones left out, in an order that depends on nothing but which are present.
pub(super) fn attributes(row: &PersonRow) -> Vec<(&'static str, AttributeValue)> {
    let mut item = Vec::with_capacity(ATTRIBUTES);
    item.push((ID, number(row.id.0)));
    item.push((STATUS, text(row.status.as_str())));
    item.push((AS_OF, number(row.as_of.as_millisecond())));
    item.push((REV, number(row.rev)));
    item.push((FIELDS, map(Field::ALL.iter().filter_map(|field| Some((field.name(), row.fields.get(*field)?))))));
    if !row.extra.is_empty() {
        item.push((EXTRA, map(row.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())))));
    }
    if let Some(opportunity) = &row.opportunity {
        item.push((OPPORTUNITY, text(opportunity)));
    }
    if let Some(instant) = row.opportunity_as_of {
        item.push((OPPORTUNITY_AS_OF, number(instant.as_millisecond())));
    }
    if let Some(survivor) = row.merged_into {
        item.push((MERGED_INTO, number(survivor.0)));
    }
    if row.shadow {
        item.push((SHADOW, AttributeValue::Bool(true)));
    }
    if let Some(email) = email_key(row) {
        item.push((EMAIL_KEY, AttributeValue::S(email)));
    }
    if let Some(id) = salesforce_key(row) {
        item.push((SFDC_KEY, text(id)));
    }
    item.push((LAYOUT, number(LAYOUT_NOW)));
    item
}

/// The id of an item, the only value of it that a text may name.
pub(super) fn id(table: &str, item: &Item) -> Result<MarketoId, Failure> {
    match item.get(ID).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok()) {
        Some(id) => Ok(MarketoId(id)),
        None => Err(Failure::new(
            FailureKind::CorruptState,
            format!("an item of table `{table}` has no whole number as `{ID}`"),
        )),
    }
}

/// The row of an item.
pub(super) fn row(table: &str, item: Item) -> Result<PersonRow, Failure> {
    let id = id(table, &item)?;
    Reader { item }.row(id).map_err(|attribute| {
        Failure::new(
            FailureKind::CorruptState,
            format!("item {id} of table `{table}` is not a person of layout {LAYOUT_NOW}: attribute `{attribute}`"),
        )
    })
}

/// An item being taken apart; each step fails with the name of the attribute that is not as it should be.
struct Reader {
    item: Item,
}

impl Reader {
    fn row(mut self, id: MarketoId) -> Result<PersonRow, &'static str> {
        if self.whole(LAYOUT)? != Some(LAYOUT_NOW) {
            return Err(LAYOUT);
        }
        let status = self.text(STATUS)?.and_then(|text| status(&text)).ok_or(STATUS)?;
        let mut fields = Fields::default();
        for (name, value) in self.texts(FIELDS)?.ok_or(FIELDS)? {
            let field = Field::ALL.into_iter().find(|field| field.name() == name).ok_or(FIELDS)?;
            fields.set(field, Some(&value));
        }
        Ok(PersonRow {
            id,
            status,
            fields,
            extra: self.texts(EXTRA)?.unwrap_or_default(),
            opportunity: self.text(OPPORTUNITY)?,
            opportunity_as_of: self.instant(OPPORTUNITY_AS_OF)?,
            merged_into: self.whole(MERGED_INTO)?.map(MarketoId),
            as_of: self.instant(AS_OF)?.ok_or(AS_OF)?,
            shadow: self.flag(SHADOW)?,
            rev: self.whole(REV)?.and_then(|rev| u64::try_from(rev).ok()).ok_or(REV)?,
        })
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, &'static str> {
        match self.item.remove(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(name),
        }
    }

    fn whole(&self, name: &'static str) -> Result<Option<i64>, &'static str> {
        match self.item.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => digits.parse().map(Some).map_err(|_| name),
            Some(_) => Err(name),
        }
    }

    fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, &'static str> {
        self.whole(name)?.map(|ms| Timestamp::from_millisecond(ms).map_err(|_| name)).transpose()
    }

    fn flag(&self, name: &'static str) -> Result<bool, &'static str> {
        match self.item.get(name) {
            None => Ok(false),
            Some(AttributeValue::Bool(flag)) => Ok(*flag),
            Some(_) => Err(name),
        }
    }

    fn texts(&mut self, name: &'static str) -> Result<Option<BTreeMap<String, String>>, &'static str> {
        match self.item.remove(name) {
            None => Ok(None),
            Some(AttributeValue::M(map)) => map
                .into_iter()
                .map(|(key, value)| match value {
                    AttributeValue::S(text) => Ok((key, text)),
                    _ => Err(name),
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(name),
        }
    }
}

fn status(text: &str) -> Option<Status> {
    [Status::Active, Status::Unqualified, Status::Deleted, Status::Merged].into_iter().find(|s| s.as_str() == text)
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn map<'a>(values: impl Iterator<Item = (&'a str, &'a str)>) -> AttributeValue {
    AttributeValue::M(values.map(|(name, value)| (name.to_owned(), text(value))).collect())
}
