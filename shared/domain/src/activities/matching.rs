//! Which Salesforce record an activity belongs to. Pure: looks at what was read, asks nobody.
//!
//! The person's contact, else its lead if that was not converted, else whoever has the same address: a contact before a lead, then one
//! that the seller owns, then the most recently active, then the oldest.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::message::{Activity, Kind};
use crate::people::{Field, PersonRow, normalised_email};
use crate::ports::{PersonObject, SalesforcePerson};
use crate::settings::LogSettings;

/// What is known of records in Salesforce.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// By id; `None` = looked for and not there.
    by_id: BTreeMap<String, Option<SalesforcePerson>>,
    /// Live ones by address in lower case; an empty list = looked for and none there.
    by_email: BTreeMap<String, Vec<SalesforcePerson>>,
}

/// Whom an activity is about in Salesforce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// This record, as far as is known.
    Record(String),
    /// Not known yet: the records with this id have to be read.
    NeedsId(String),
    /// Not known yet: the records with this address have to be read.
    NeedsEmail(String),
    /// Nobody.
    Nobody,
}

impl Known {
    /// Takes in what was read for some ids; ids without a record are remembered as not there.
    pub fn learn_ids<'a>(&mut self, asked: impl IntoIterator<Item = &'a String>, found: Vec<SalesforcePerson>) {
        for id in asked {
            self.by_id.insert(id.clone(), None);
        }
        for person in found {
            self.by_id.insert(person.id.clone(), Some(person));
        }
    }

    /// Takes in what was read for some addresses.
    pub fn learn_emails<'a>(&mut self, asked: impl IntoIterator<Item = &'a String>, found: Vec<SalesforcePerson>) {
        for email in asked {
            self.by_email.insert(email.clone(), Vec::new());
        }
        for person in found {
            if let Some(email) = person.email.as_deref().and_then(normalised_email) {
                self.by_email.entry(email).or_default().push(person);
            }
        }
    }

    /// Whom the activity is about. An id that was never looked up is taken at its word, which saves the look: Salesforce refuses it where it
    /// is wrong. With `doubted` ids are looked up first.
    #[must_use]
    pub fn find(
        &self,
        activity: &Activity,
        person: &PersonRow,
        owner: Option<&str>,
        settings: &LogSettings,
        doubted: bool,
    ) -> Match {
        for field in [Field::SfdcContactId, Field::SfdcLeadId] {
            let Some(id) = person.fields.get(field) else { continue };
            match self.follow(id, doubted) {
                Match::Nobody => {}
                found => return found,
            }
        }
        let by_email = activity.what.kind() != Kind::CallLogged || settings.match_calls_by_email;
        match person.fields.get(Field::Email).and_then(normalised_email).filter(|_| by_email) {
            None => Match::Nobody,
            Some(email) => match self.by_email.get(&email) {
                None => Match::NeedsEmail(email),
                Some(candidates) => {
                    best(candidates, owner).map_or(Match::Nobody, |best| Match::Record(best.id.clone()))
                }
            },
        }
    }

    /// Where an id leads by merges and conversions.
    fn follow(&self, id: &str, doubted: bool) -> Match {
        /// Longest chain of merges and conversions that is followed.
        const MAX_STEPS: usize = 8;
        let mut id = id;
        for _ in 0..MAX_STEPS {
            let person = match self.by_id.get(id) {
                Some(Some(person)) => person,
                Some(None) => return Match::Nobody,
                None if doubted => return Match::NeedsId(id.to_owned()),
                None => return Match::Record(id.to_owned()),
            };
            match (&person.converted_to, &person.merged_into) {
                (Some(next), _) | (None, Some(next)) => id = next,
                (None, None) if person.deleted => return Match::Nobody,
                (None, None) => return Match::Record(person.id.clone()),
            }
        }
        Match::Nobody
    }
}

fn best<'a>(candidates: &'a [SalesforcePerson], owner: Option<&str>) -> Option<&'a SalesforcePerson> {
    let live = candidates.iter().filter(|person| !person.deleted && person.converted_to.is_none());
    live.min_by_key(|person| {
        let owned = owner.is_some() && person.owner.as_deref() == owner;
        (person.object != PersonObject::Contact, !owned, Reverse(person.last_activity), person.created, &person.id)
    })
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
