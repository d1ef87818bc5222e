//! Tells an admin why a person is or is not synced: what is stored, what Marketo says now, and what follows from it.

use crate::people::{Field, MarketoId, Person, PersonRow, Status};
use crate::ports::PeoplePorts;
use crate::settings::PeopleSettings;
use crate::{Failure, initial_sync, lead_fields, settings};

/// One person explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The person.
    pub id: MarketoId,
    /// Whether the person is synced now.
    pub synced: bool,
    /// Sentences, in reading order, without personal data.
    pub reasons: Vec<String>,
}

/// Explains the person with this Marketo id.
///
/// # Errors
/// Those of Marketo and the table.
pub async fn by_id(ports: &PeoplePorts, id: MarketoId) -> Result<Explanation, Failure> {
    let settings = settings::load(&*ports.state).await?.people()?;
    let plan = lead_fields::plan(ports, &settings).await?;
    let row = ports.people.get(&[id]).await?.into_iter().find(|r| !r.shadow);
    let person = ports.marketo.people_by_ids(&[id], plan.names()).await?.into_iter().next().map(|r| plan.person(&r));
    let mut reasons = vec![stored(row.as_ref()), live(person.as_ref(), &settings)];
    reasons.extend(conclusion(ports, row.as_ref(), person.as_ref()).await?);
    Ok(Explanation { id, synced: row.is_some_and(|r| r.status == Status::Active), reasons })
}

/// Explains everybody with this email address, stored or in Marketo: duplicates are synced as they are.
///
/// # Errors
/// Those of Marketo and the table.
pub async fn by_email(ports: &PeoplePorts, email: &str) -> Result<Vec<Explanation>, Failure> {
    let stored = ports.people.by_email(email).await?.into_iter().map(|row| row.id);
    let mut ids: Vec<MarketoId> = ports.marketo.ids_by_email(email).await?.into_iter().chain(stored).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut explained = Vec::new();
    for id in ids {
        explained.push(by_id(ports, id).await?);
    }
    Ok(explained)
}

fn stored(row: Option<&PersonRow>) -> String {
    let Some(row) = row else { return "stored: no row".to_owned() };
    let about = match (row.status, row.merged_into) {
        (Status::Merged, Some(into)) => format!("merged into {into}"),
        (Status::Unqualified, _) => "unqualified: was synced, then lost its owner or its Salesforce record".to_owned(),
        (status, _) => status.as_str().to_owned(),
    };
    format!("stored: {about}, as Marketo had it at {}", row.as_of)
}

fn live(person: Option<&Person>, settings: &PeopleSettings) -> String {
    let Some(person) = person else {
        return "in Marketo: not there, or in a partition that the API user cannot see".to_owned();
    };
    if person.qualifies {
        let mailable =
            if person.fields.get(Field::Email).is_some() { "" } else { "; has no email address, so cannot be mailed" };
        return format!("in Marketo: qualifies{mailable}");
    }
    let in_salesforce = person.fields.get(Field::SfdcLeadId).or(person.fields.get(Field::SfdcContactId)).is_some();
    if !in_salesforce {
        return "in Marketo: does not qualify, because sfdcLeadId and sfdcContactId are both empty".to_owned();
    }
    let queues = if settings.include_queue_owners {
        ""
    } else {
        ", or the owner is a queue (setting people.includeQueueOwners is off)"
    };
    format!("in Marketo: does not qualify, because it has no owner in {}{queues}", settings.owner_fields.join(", "))
}

async fn conclusion(
    ports: &PeoplePorts,
    row: Option<&PersonRow>,
    person: Option<&Person>,
) -> Result<Option<String>, Failure> {
    let active = row.is_some_and(|r| r.status == Status::Active);
    let qualifies = person.is_some_and(|p| p.qualifies);
    Ok(match (qualifies, active) {
        (true, false) if initial_sync::is_running(ports).await? => {
            Some("will be stored by the initial sync under way".to_owned())
        }
        (true, false) => {
            Some("should be stored: the next pull brings it if it changed just now; else run a full sync".to_owned())
        }
        (false, true) => Some(
            "should not be active: the next pull corrects it if it changed just now; else run a full sync".to_owned(),
        ),
        (true, true) | (false, false) => None,
    })
}
