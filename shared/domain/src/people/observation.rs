//! Which observation of a person wins: the newest, whatever the order of arrival.
//!
//! Pure: the caller reads the stored row, asks here, and writes the answer on condition that the row is still the one it read.

use jiff::Timestamp;

use super::person::{MarketoId, Person, PersonRow, Status};
use crate::people::Fields;

/// What was seen of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Read in full.
    Read(Person),
    /// Read, and does not qualify; nothing else was kept of it.
    NotQualified,
    /// Changed partition, and is not there for this API user any more: to us, not synced. Says nothing of somebody who is gone.
    OutOfSight,
    /// Deleted.
    Deleted,
    /// Merged into the named person.
    Merged(MarketoId),
}

/// An observation and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The person.
    pub id: MarketoId,
    /// The instant before the answer was asked for, by Marketo's clock.
    pub as_of: Timestamp,
    /// The latest change that Marketo's log tells of, where it was the log that led here. A row older than that change must carry the
    /// new `as_of` even when its values are the same: else data read between the change and its undoing could still overwrite it.
    pub changed_at: Option<Timestamp>,
    /// Whether data older than this observation may still be on its way (an initial sync is running): then also a person who is not
    /// stored and does not qualify must be remembered, as a shadow.
    pub older_data_may_follow: bool,
    /// What was seen.
    pub what: Observation,
}

/// What to do with a stored row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Write this row.
    Put(Box<PersonRow>),
    /// The stored row says the same already, or there is nothing to store.
    Unchanged,
    /// The stored row is newer.
    Stale,
}

/// Decides what an observation does to the stored row.
#[must_use]
pub fn decide(stored: Option<&PersonRow>, seen: &Observed) -> Decision {
    match stored {
        None => first_row(seen),
        Some(row) => next_row(row, seen),
    }
}

fn first_row(seen: &Observed) -> Decision {
    let (status, shadow, person) = match &seen.what {
        Observation::Read(person) if person.qualifies => (Status::Active, false, Some(person)),
        Observation::Read(_) | Observation::NotQualified | Observation::OutOfSight => (Status::Unqualified, true, None),
        Observation::Deleted => (Status::Deleted, true, None),
        Observation::Merged(_) => (Status::Merged, true, None),
    };
    if shadow && !seen.older_data_may_follow {
        return Decision::Unchanged;
    }
    Decision::Put(Box::new(PersonRow {
        id: seen.id,
        status,
        fields: person.map(|p| p.fields.clone()).unwrap_or_default(),
        extra: person.map(|p| p.extra.clone()).unwrap_or_default(),
        opportunity: None,
        opportunity_as_of: None,
        merged_into: survivor(&seen.what),
        as_of: seen.as_of,
        shadow,
        rev: 0,
    }))
}

fn next_row(row: &PersonRow, seen: &Observed) -> Decision {
    // A merge outlives a deletion in either order: Marketo may report the loser of a merge as deleted, too.
    let merge_over_deletion = row.status == Status::Deleted && matches!(seen.what, Observation::Merged(_));
    if row.status == Status::Merged && seen.what == Observation::Deleted {
        return Decision::Unchanged;
    }
    if !alive(row.status) && seen.what == Observation::OutOfSight {
        return Decision::Unchanged;
    }
    if seen.as_of <= row.as_of && !merge_over_deletion {
        return Decision::Stale;
    }
    let mut next = row.clone();
    next.as_of = seen.as_of.max(row.as_of);
    next.merged_into = survivor(&seen.what);
    match &seen.what {
        Observation::Read(person) if person.qualifies => {
            next.status = Status::Active;
            next.shadow = false;
            next.fields = person.fields.clone();
            next.extra = person.extra.clone();
        }
        Observation::Read(person) => {
            next.status = Status::Unqualified;
            // Values of someone who is not synced are not collected; of someone who was, they are kept true.
            if !row.shadow {
                next.fields = person.fields.clone();
                next.extra = person.extra.clone();
            }
        }
        Observation::NotQualified | Observation::OutOfSight => next.status = Status::Unqualified,
        Observation::Deleted => {
            next.status = Status::Deleted;
            forget_values(&mut next);
        }
        Observation::Merged(_) => {
            next.status = Status::Merged;
            forget_values(&mut next);
        }
    }
    let same = PersonRow { as_of: row.as_of, ..next.clone() } == *row;
    let newer_change = alive(next.status) && is_newer(seen.changed_at, Some(row.as_of), seen.older_data_may_follow);
    if same && !newer_change { Decision::Unchanged } else { Decision::Put(Box::new(next)) }
}

/// The opportunity of a person, read from the roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenOpportunity {
    /// The chosen opportunity; `None` = the person has none.
    pub opportunity: Option<String>,
    /// The instant before the roles were asked for.
    pub as_of: Timestamp,
    /// The latest change of opportunities that Marketo's log tells of; see [`Observed::changed_at`].
    pub changed_at: Option<Timestamp>,
}

/// Decides what freshly read opportunity roles do to the stored row.
#[must_use]
pub fn decide_opportunity(row: &PersonRow, seen: &SeenOpportunity) -> Decision {
    if !alive(row.status) || row.shadow || row.opportunity_as_of.is_some_and(|stored| seen.as_of <= stored) {
        return Decision::Stale;
    }
    if row.opportunity == seen.opportunity && !is_newer(seen.changed_at, row.opportunity_as_of, false) {
        return Decision::Unchanged;
    }
    Decision::Put(Box::new(PersonRow {
        opportunity: seen.opportunity.clone(),
        opportunity_as_of: Some(seen.as_of),
        ..row.clone()
    }))
}

/// Whether a change, told to the second, is newer than what is stored. While older data may follow, a change in the very second of the
/// stored observation counts as newer, too.
fn is_newer(changed_at: Option<Timestamp>, stored: Option<Timestamp>, older_data_may_follow: bool) -> bool {
    let Some(at) = changed_at else { return false };
    let Some(stored) = stored else { return true };
    if older_data_may_follow { at.as_second() >= stored.as_second() } else { at >= stored }
}

fn survivor(what: &Observation) -> Option<MarketoId> {
    match what {
        Observation::Merged(into) => Some(*into),
        Observation::Read(_) | Observation::NotQualified | Observation::OutOfSight | Observation::Deleted => None,
    }
}

fn alive(status: Status) -> bool {
    matches!(status, Status::Active | Status::Unqualified)
}

/// Who is gone keeps ids alone, so that no personal data outlives the person.
fn forget_values(row: &mut PersonRow) {
    row.fields = if row.shadow { Fields::default() } else { row.fields.ids_only() };
    row.extra.clear();
    row.opportunity = None;
}

#[cfg(test)]
#[path = "observation_tests.rs"]
mod tests;
