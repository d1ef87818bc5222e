//! Whom activities are about: the rows of the people table, merges followed.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use super::entry::Entry;
use super::message::{About, ActivityId};
use crate::people::{MarketoId, PersonRow, Status, normalised_email};
use crate::ports::PeopleTable;
use crate::{Failure, Trouble};

/// Longest chain of merges that is followed.
const MAX_MERGES: usize = 8;

/// Why an activity has no person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoPerson {
    /// Not here, at least not yet.
    Unknown(Trouble),
    /// Deleted for good.
    Deleted(Trouble),
}

/// The person of each entry.
///
/// # Errors
/// Those of the table.
pub(super) async fn resolve(
    table: &dyn PeopleTable,
    entries: &[Entry],
) -> Result<BTreeMap<ActivityId, Result<PersonRow, NoPerson>>, Failure> {
    let mut by_email: BTreeMap<String, Option<MarketoId>> = BTreeMap::new();
    let mut rows: BTreeMap<MarketoId, PersonRow> = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    for entry in entries {
        match &entry.activity.about {
            About::Id(id) => drop(wanted.insert(*id)),
            About::Email(email) => {
                let Some(email) = normalised_email(email) else { continue };
                let Slot::Vacant(unknown) = by_email.entry(email) else { continue };
                let found = best(table.by_email(unknown.key()).await?);
                unknown.insert(found.as_ref().map(|row| row.id));
                rows.extend(found.map(|row| (row.id, row)));
            }
        }
    }
    for _ in 0..=MAX_MERGES {
        wanted.retain(|id| !rows.contains_key(id));
        if wanted.is_empty() {
            break;
        }
        let ids: Vec<_> = std::mem::take(&mut wanted).into_iter().collect();
        for row in table.get(&ids).await? {
            wanted.extend(row.merged_into);
            rows.insert(row.id, row);
        }
    }
    let of = |entry: &Entry| {
        let id = match &entry.activity.about {
            About::Id(id) => Some(*id),
            About::Email(email) => normalised_email(email).and_then(|email| by_email.get(&email).copied().flatten()),
        };
        person(&rows, id)
    };
    Ok(entries.iter().map(|entry| (entry.id().clone(), of(entry))).collect())
}

/// Of several people with one address: who is synced now, then the oldest id.
fn best(rows: Vec<PersonRow>) -> Option<PersonRow> {
    rows.into_iter().filter(|row| !row.shadow).min_by_key(|row| (row.status != Status::Active, row.id))
}

fn person(rows: &BTreeMap<MarketoId, PersonRow>, id: Option<MarketoId>) -> Result<PersonRow, NoPerson> {
    let mut row = id.and_then(|id| rows.get(&id));
    for _ in 0..MAX_MERGES {
        match row.and_then(|row| row.merged_into) {
            Some(survivor) => row = rows.get(&survivor),
            None => break,
        }
    }
    match row.filter(|row| !row.shadow && row.status != Status::Merged) {
        Some(row) if row.status == Status::Deleted => Err(NoPerson::Deleted(Trouble::new(
            "deleted-person",
            "the person was deleted in Marketo, so there is nobody to log this for",
        ))),
        Some(row) => Ok(row.clone()),
        None => Err(NoPerson::Unknown(Trouble::new(
            "unknown-person",
            "nobody with this Marketo id or address is synced; it is tried again, in case the person is still on its way. \
             `explain` says why a person is not synced",
        ))),
    }
}
