//! Users, leads and contacts, as they are looked up. Knows not what for.

use std::collections::BTreeSet;

use domain::ports::{PersonObject, SalesforcePerson};
use domain::{Failure, FailureKind};
use serde::Deserialize;

use crate::client::Inner;
use crate::{soql, times};

const CONTACT: &str =
    "SELECT Id, Email, OwnerId, LastActivityDate, CreatedDate, IsDeleted, MasterRecordId FROM Contact";
const LEAD: &str = "SELECT Id, Email, OwnerId, LastActivityDate, CreatedDate, IsDeleted, MasterRecordId, IsConverted, \
                    ConvertedContactId FROM Lead";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    id: String,
    email: Option<String>,
    owner_id: Option<String>,
    last_activity_date: Option<String>,
    created_date: String,
    #[serde(default)]
    is_deleted: bool,
    master_record_id: Option<String>,
    #[serde(default)]
    is_converted: bool,
    converted_contact_id: Option<String>,
}

/// A user.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct User {
    pub id: String,
    pub email: Option<String>,
}

impl Inner {
    /// The active users with these addresses.
    pub async fn active_users(&self, emails: &BTreeSet<String>) -> Result<Vec<User>, Failure> {
        let mut users = Vec::new();
        let and = " AND IsActive = true ORDER BY CreatedDate, Id";
        for query in soql::over_list("SELECT Id, Email FROM User", "Email", emails.iter().map(String::as_str), and) {
            users.extend(self.query::<User>(&query, false).await?);
        }
        Ok(users)
    }

    /// Leads and contacts with these ids, deleted and merged ones too.
    pub async fn people_by_id(&self, ids: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure> {
        let (leads, contacts): (Vec<&str>, Vec<&str>) =
            ids.iter().map(String::as_str).partition(|id| id.starts_with("00Q"));
        let mut people = Vec::new();
        for (select, object, ids) in [(CONTACT, PersonObject::Contact, contacts), (LEAD, PersonObject::Lead, leads)] {
            for query in soql::over_list(select, "Id", ids, "") {
                people.extend(self.read(&query, object, true).await?);
            }
        }
        Ok(people)
    }

    /// Live leads and contacts with these addresses.
    pub async fn people_by_email(&self, emails: &BTreeSet<String>) -> Result<Vec<SalesforcePerson>, Failure> {
        let mut people = Vec::new();
        for (select, object, and) in
            [(CONTACT, PersonObject::Contact, ""), (LEAD, PersonObject::Lead, " AND IsConverted = false")]
        {
            for query in soql::over_list(select, "Email", emails.iter().map(String::as_str), and) {
                people.extend(self.read(&query, object, false).await?);
            }
        }
        Ok(people)
    }

    async fn read(&self, query: &str, object: PersonObject, deleted: bool) -> Result<Vec<SalesforcePerson>, Failure> {
        let found = self.query::<Wire>(query, deleted).await?;
        found.into_iter().map(|wire| person(wire, object)).collect()
    }
}

fn person(wire: Wire, object: PersonObject) -> Result<SalesforcePerson, Failure> {
    let damaged =
        || Failure::new(FailureKind::BadAnswer, "Salesforce, GET /query: a record has a date that cannot be read");
    let last_activity = wire.last_activity_date.map(|date| date.parse().map_err(|_| damaged())).transpose()?;
    Ok(SalesforcePerson {
        id: wire.id,
        object,
        email: wire.email,
        owner: wire.owner_id,
        converted_to: wire.converted_contact_id.filter(|_| wire.is_converted),
        deleted: wire.is_deleted,
        merged_into: wire.master_record_id,
        last_activity,
        created: times::parse(&wire.created_date).ok_or_else(damaged)?,
    })
}
