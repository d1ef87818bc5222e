//! Compares a people table with what the simulated world says that a correct one holds.

use std::collections::BTreeMap;

use domain::people::{Field, MarketoId, PersonRow, Status};
use domain::ports::PeopleTable;
use simulator_marketo::{ExpectedPerson, World};

/// Differences that a failed comparison shows.
const SHOWN: usize = 10;

/// All rows of a table, those that only remember included.
pub async fn all_rows(table: &dyn PeopleTable) -> Vec<PersonRow> {
    let mut all = Vec::new();
    let mut from = None;
    loop {
        let (rows, next) = table.scan(from).await.unwrap();
        all.extend(rows);
        from = next;
        if from.is_none() {
            return all;
        }
    }
}

/// Fails unless the table holds exactly what it should, and somebody at all.
pub async fn assert_in_step(world: &World, table: &dyn PeopleTable) {
    let people: Vec<PersonRow> = all_rows(table).await.into_iter().filter(|row| !row.shadow).collect();
    let differences = differences(world.truth(), &people);
    let shown = &differences[..differences.len().min(SHOWN)];
    assert!(differences.is_empty(), "{} rows of {} are wrong: {shown:#?}", differences.len(), people.len());
    assert!(people.iter().any(|row| row.status == Status::Active), "nobody is stored");
}

/// One line for each row that is missing, wrong or should not be there.
pub fn differences(truth: impl Iterator<Item = ExpectedPerson>, people: &[PersonRow]) -> Vec<String> {
    let mut stored: BTreeMap<MarketoId, &PersonRow> = people.iter().map(|row| (row.id, row)).collect();
    let mut differences = Vec::new();
    for person in truth {
        match stored.remove(&MarketoId(person.marketo_id)) {
            Some(row) => differences.extend(difference(&person, row)),
            None if person.optional => {}
            None => differences.push(format!("{} is missing, should be {}", person.marketo_id, person.status)),
        }
    }
    differences.extend(stored.values().map(|row| format!("{} is {:?}, should not be stored", row.id, row.status)));
    differences
}

/// In what a row is wrong.
pub fn difference(person: &ExpectedPerson, row: &PersonRow) -> Option<String> {
    let id = row.id;
    if person.status != row.status.as_str() {
        return Some(format!("{id} is {:?} as of {}, should be {}", row.status, row.as_of, person.status));
    }
    if person.merged_into.map(MarketoId) != row.merged_into {
        return Some(format!("{id} is merged into {:?}, should be {:?}", row.merged_into, person.merged_into));
    }
    if row.status != Status::Active {
        return None;
    }
    if person.sfdc_opportunity_id != row.opportunity {
        return Some(format!("{id} has opportunity {:?}, not {:?}", row.opportunity, person.sfdc_opportunity_id));
    }
    let wrong = wrong_field(person, row)?;
    let (is, should_be) = (row.fields.get(wrong), expected(person, wrong));
    Some(format!("{id} has {} {is:?} as of {}, should be {should_be:?}", wrong.name(), row.as_of))
}

/// Whether all text fields are right.
pub fn same_fields(person: &ExpectedPerson, row: &PersonRow) -> bool {
    wrong_field(person, row).is_none()
}

fn wrong_field(person: &ExpectedPerson, row: &PersonRow) -> Option<Field> {
    Field::ALL.into_iter().find(|field| expected(person, *field) != row.fields.get(*field))
}

fn expected(person: &ExpectedPerson, field: Field) -> Option<&str> {
    match field {
        Field::FirstName => &person.first_name,
        Field::LastName => &person.last_name,
        Field::Email => &person.email,
        Field::Phone => &person.phone,
        Field::Company => &person.company,
        Field::Title => &person.title,
        Field::Source => &person.source,
        Field::LinkedInUrl => &person.linked_in_url,
        Field::SfdcLeadId => &person.sfdc_lead_id,
        Field::SfdcContactId => &person.sfdc_contact_id,
        Field::SfdcAccountId => &person.sfdc_account_id,
    }
    .as_deref()
}
