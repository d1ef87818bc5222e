//! Reads the whole people table for dumps and counts.

use std::path::Path;

use domain::Failure;
use domain::people::{Field, MarketoId, PersonRow, Status};
use domain::ports::PeopleTable;
use serde::Serialize;
use simulator_app::Someone;

use crate::failure::CommandFailure;

/// People by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    pub active: u64,
    pub unqualified: u64,
    pub deleted: u64,
    pub merged: u64,
}

/// One line of a dump; the order of the keys is part of the contract.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DumpLine<'a> {
    pub marketo_id: MarketoId,
    pub status: Status,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    email: Option<&'a str>,
    phone: Option<&'a str>,
    company: Option<&'a str>,
    title: Option<&'a str>,
    source: Option<&'a str>,
    linked_in_url: Option<&'a str>,
    sfdc_lead_id: Option<&'a str>,
    sfdc_contact_id: Option<&'a str>,
    sfdc_account_id: Option<&'a str>,
    sfdc_opportunity_id: Option<&'a str>,
    merged_into: Option<MarketoId>,
    /// Only where the settings name extra fields, and the person has values in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    extra: Option<&'a std::collections::BTreeMap<String, String>>,
}

impl<'a> From<&'a PersonRow> for DumpLine<'a> {
    fn from(row: &'a PersonRow) -> Self {
        let text = |field| row.fields.get(field);
        Self {
            marketo_id: row.id,
            status: row.status,
            first_name: text(Field::FirstName),
            last_name: text(Field::LastName),
            email: text(Field::Email),
            phone: text(Field::Phone),
            company: text(Field::Company),
            title: text(Field::Title),
            source: text(Field::Source),
            linked_in_url: text(Field::LinkedInUrl),
            sfdc_lead_id: text(Field::SfdcLeadId),
            sfdc_contact_id: text(Field::SfdcContactId),
            sfdc_account_id: text(Field::SfdcAccountId),
            sfdc_opportunity_id: row.opportunity.as_deref(),
            merged_into: row.merged_into,
            extra: (!row.extra.is_empty()).then_some(&row.extra),
        }
    }
}

/// All people of the table, ascending by id.
pub async fn all(table: &dyn PeopleTable) -> Result<Vec<PersonRow>, Failure> {
    let mut all = Vec::new();
    let mut from = None;
    loop {
        let (rows, next) = table.scan(from).await?;
        all.extend(rows.into_iter().filter(|row| !row.shadow));
        from = next;
        if from.is_none() {
            break;
        }
    }
    all.sort_unstable_by_key(|row| row.id);
    Ok(all)
}

/// Who is synced, as the engagement app knows them.
pub fn known_to_the_app(rows: &[PersonRow]) -> Vec<Someone> {
    let active = rows.iter().filter(|row| row.status == Status::Active);
    active.map(|row| Someone { marketo_id: row.id.0, email: row.fields.get(Field::Email).map(str::to_owned) }).collect()
}

/// Counts people by status.
pub fn count(rows: &[PersonRow]) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        *match row.status {
            Status::Active => &mut counts.active,
            Status::Unqualified => &mut counts.unqualified,
            Status::Deleted => &mut counts.deleted,
            Status::Merged => &mut counts.merged,
        } += 1;
    }
    counts
}

/// Writes a dump: complete, or not at all.
pub fn dump(rows: &[PersonRow], path: &Path) -> Result<(), CommandFailure> {
    crate::output::replace_file(path, |file| {
        for row in rows {
            serde_json::to_writer(&mut *file, &DumpLine::from(row))?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}
