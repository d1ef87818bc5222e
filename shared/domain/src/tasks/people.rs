//! Whom tasks are about: between the Marketo id here and the contact or lead there, merges and conversions followed.

use std::collections::{BTreeMap, BTreeSet};

use super::task::{Task, TaskId};
use crate::Failure;
use crate::people::{Field, MarketoId, PersonRow, to_18_characters};
use crate::ports::{PeopleTable, ReminderRecord, TaskPorts};

/// Longest chain of merges or conversions that is followed.
const MAX_HOPS: usize = 8;

/// The people here of contacts and leads that tasks are about, where that is news.
pub(super) async fn of_records(
    ports: &TaskPorts,
    found: &BTreeMap<TaskId, Vec<ReminderRecord>>,
    stored: &BTreeMap<TaskId, Task>,
) -> Result<BTreeMap<String, MarketoId>, Failure> {
    let known = |id: &TaskId| stored.get(id).and_then(|task| task.link.as_ref()?.who.clone());
    let unknown: BTreeSet<&String> = found
        .iter()
        .flat_map(|(id, records)| {
            records.iter().filter_map(|record| record.who.as_ref()).filter(|who| known(id).as_ref() != Some(*who))
        })
        .collect();
    let mut people = BTreeMap::new();
    for who in unknown {
        let rows = ports.people.by_salesforce_id(who).await?;
        if let Some(row) =
            rows.into_iter().filter(|row| !row.shadow).min_by_key(|row| (row.merged_into.is_some(), row.id))
        {
            people.insert(who.clone(), row.id);
        }
    }
    Ok(people)
}

/// The rows of people, by the id asked for, merges followed.
///
/// # Errors
/// Those of the table.
pub async fn survivors(
    people: &dyn PeopleTable,
    ids: impl IntoIterator<Item = MarketoId>,
) -> Result<BTreeMap<MarketoId, PersonRow>, Failure> {
    let wanted: BTreeSet<MarketoId> = ids.into_iter().collect();
    let (mut rows, mut next) = (BTreeMap::new(), wanted.clone());
    for _ in 0..=MAX_HOPS {
        next.retain(|id| !rows.contains_key(id));
        if next.is_empty() {
            break;
        }
        let asked: Vec<MarketoId> = std::mem::take(&mut next).into_iter().collect();
        for row in people.get(&asked).await? {
            next.extend(row.merged_into);
            rows.insert(row.id, row);
        }
    }
    let survivor = |id: MarketoId| {
        let mut row: Option<&PersonRow> = rows.get(&id);
        for _ in 0..MAX_HOPS {
            match row.and_then(|row| row.merged_into).and_then(|into| rows.get(&into)) {
                Some(next) => row = Some(next),
                None => break,
            }
        }
        row.filter(|row| !row.shadow).cloned()
    };
    Ok(wanted.into_iter().filter_map(|id| Some((id, survivor(id)?))).collect())
}

/// The contacts and leads that tasks about these people are made for: converted leads lead to their contacts, merged ones to the survivor; who
/// is in the recycle bin, or in no Salesforce, is nobody.
pub(super) async fn in_salesforce(
    ports: &TaskPorts,
    rows: &BTreeMap<MarketoId, PersonRow>,
) -> Result<BTreeMap<MarketoId, String>, Failure> {
    let of_row = |row: &PersonRow| {
        let id = row.fields.get(Field::SfdcContactId).or(row.fields.get(Field::SfdcLeadId))?;
        Some(to_18_characters(id).into_owned())
    };
    let wanted: BTreeMap<MarketoId, String> = rows.iter().filter_map(|(id, row)| Some((*id, of_row(row)?))).collect();
    let (mut known, mut next) = (BTreeMap::new(), wanted.values().cloned().collect::<BTreeSet<String>>());
    for _ in 0..MAX_HOPS {
        next.retain(|id| !known.contains_key(id));
        if next.is_empty() {
            break;
        }
        for person in ports.salesforce.people_by_id(&std::mem::take(&mut next)).await? {
            let moved = person.converted_to.clone().or_else(|| person.merged_into.clone());
            next.extend(moved.clone());
            known.insert(person.id.clone(), (moved, person.deleted));
        }
    }
    let end = |id: &String| {
        let mut id = id.clone();
        for _ in 0..MAX_HOPS {
            match known.get(&id) {
                Some((Some(next), _)) => id.clone_from(next),
                Some((None, false)) => return Some(id),
                Some((None, true)) | None => return None,
            }
        }
        None
    };
    Ok(wanted.into_iter().filter_map(|(person, id)| Some((person, end(&id)?))).collect())
}
