//! What a correct people table must hold, told from the world itself.
//! Must not know how anybody finds it out.

use serde::Serialize;

use super::fields::{SYNCED, Text};
use super::people::FIRST_ID;
use super::person::{Person, Role};
use super::salesforce_id;
use super::state::{Fate, Found, Record, View};

/// One row of the expected people table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are the columns of the people table")]
pub struct ExpectedPerson {
    pub marketo_id: i64,
    /// `active`, `unqualified`, `deleted` or `merged`.
    pub status: &'static str,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub company: Option<String>,
    pub title: Option<String>,
    pub source: Option<String>,
    pub linked_in_url: Option<String>,
    pub sfdc_lead_id: Option<String>,
    pub sfdc_contact_id: Option<String>,
    pub sfdc_account_id: Option<String>,
    pub sfdc_opportunity_id: Option<String>,
    /// The survivor that the merge named.
    pub merged_into: Option<i64>,
    /// Whether a correct table may also lack this row.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// The expected rows in ascending order of id.
pub struct Truth {
    view: View,
    next: i64,
    people_roles: bool,
}

impl Truth {
    /// The one row of this person.
    pub(crate) fn of_one(view: View, people_roles: bool, id: i64) -> Option<ExpectedPerson> {
        Self { view, next: id, people_roles }.next().filter(|row| row.marketo_id == id)
    }

    pub(crate) fn new(view: View, people_roles: bool) -> Self {
        Self { view, next: FIRST_ID, people_roles }
    }
}

impl Iterator for Truth {
    type Item = ExpectedPerson;

    fn next(&mut self) -> Option<ExpectedPerson> {
        loop {
            let (id, found) = self.view.next_from(self.next)?;
            self.next = id + 1;
            let row = match found {
                Found::Untouched(index) if !self.view.base.qualifies(index) => None,
                Found::Untouched(index) => {
                    let roles = if self.people_roles { self.view.base.roles(index) } else { Vec::new() };
                    Some(active_row(self.view.base.person(index), &roles))
                }
                Found::Changed(record) => changed_row(&record, self.people_roles),
            };
            if row.is_some() {
                return row;
            }
        }
    }
}

fn changed_row(record: &Record, people_roles: bool) -> Option<ExpectedPerson> {
    if record.qualifies() {
        let roles: &[Role] = if people_roles { &record.roles } else { &[] };
        return Some(active_row(record.person.clone(), roles));
    }
    let (status, merged_into) = match record.fate {
        Fate::Alive => ("unqualified", None),
        Fate::Deleted => ("deleted", None),
        Fate::MergedInto(survivor) => ("merged", Some(survivor)),
    };
    record.ever_qualified.then(|| ExpectedPerson {
        marketo_id: record.person.id,
        status,
        merged_into,
        optional: !record.settled,
        ..ExpectedPerson::default()
    })
}

fn active_row(person: Person, roles: &[Role]) -> ExpectedPerson {
    let Person { id, mut text, .. } = person;
    let [first_name, last_name, email, phone, company, title, source, linked_in_url, lead, contact, account] =
        SYNCED.map(|which: Text| text[which as usize].take().filter(|value| !value.is_empty()));
    let long = |short: Option<String>| short.map(|short| salesforce_id::extend(&short));
    ExpectedPerson {
        marketo_id: id,
        status: "active",
        first_name,
        last_name,
        email,
        phone,
        company,
        title,
        source,
        linked_in_url,
        sfdc_lead_id: long(lead),
        sfdc_contact_id: long(contact),
        sfdc_account_id: long(account),
        sfdc_opportunity_id: chosen_opportunity(roles),
        merged_into: None,
        optional: false,
    }
}

/// The primary role's opportunity, else that of the newest role.
pub(crate) fn chosen_opportunity(roles: &[Role]) -> Option<String> {
    let newest = || roles.iter().max_by_key(|role| role.created_at);
    let chosen = roles.iter().find(|role| role.primary).or_else(newest)?;
    Some(salesforce_id::extend(&chosen.opportunity))
}
