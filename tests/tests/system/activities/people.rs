//! Whom the stories are about: rows of the people table, and the same people in the simulated Salesforce.

use domain::Timestamp;
use domain::people::{Field, Fields, MarketoId, PersonRow};
use serde_json::{Value, json};
use simulator_app::Someone;
use simulator_marketo::ExpectedPerson;

use super::stage::Stage;

/// The active row of a person with these fields.
pub fn row(id: i64, fields: impl IntoIterator<Item = (Field, String)>) -> PersonRow {
    PersonRow::active(MarketoId(id), Timestamp::from_second(1_782_907_200).unwrap(), Fields::from_iter(fields))
}

fn row_of(person: ExpectedPerson) -> PersonRow {
    let fields = [
        (Field::FirstName, person.first_name),
        (Field::LastName, person.last_name),
        (Field::Email, person.email),
        (Field::Company, person.company),
        (Field::SfdcLeadId, person.sfdc_lead_id),
        (Field::SfdcContactId, person.sfdc_contact_id),
    ];
    row(person.marketo_id, fields.into_iter().filter_map(|(field, value)| Some((field, value?))))
}

/// Stores everybody who qualifies in the simulated Marketo, with their leads and contacts in Salesforce.
pub async fn everybody(stage: &Stage) -> Vec<Someone> {
    let rows: Vec<PersonRow> = stage.marketo.truth().filter(|p| p.status == "active").map(row_of).collect();
    let mut people = Vec::new();
    for row in &rows {
        // No longer than Salesforce takes.
        let value = |field, most| {
            row.fields.get(field).map_or(Value::Null, |text| text.chars().take(most).collect::<String>().into())
        };
        let mut record = json!({ "LastName": "Somebody", "Email": value(Field::Email, 80) });
        let (object, id) = match (row.fields.get(Field::SfdcContactId), row.fields.get(Field::SfdcLeadId)) {
            (Some(contact), _) => ("Contact", contact),
            (None, Some(lead)) => ("Lead", lead),
            (None, None) => continue,
        };
        record["Id"] = id.into();
        if object == "Lead" {
            record["Company"] = "Somewhere".into();
        }
        stage.salesforce.put(object, &[record]).unwrap();
        let email = row.fields.get(Field::Email).map(str::to_owned);
        people.push(Someone { marketo_id: row.id.0, email });
    }
    stage.store(rows).await;
    people
}
