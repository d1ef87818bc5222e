//! Writes observations into the people table: read the rows, decide, write on condition that the rows are still those read, and go
//! round again for the ones that somebody else changed meanwhile.

use std::collections::{BTreeMap, HashMap};
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::observation::{Decision, Observed, SeenOpportunity, decide, decide_opportunity};
use super::person::{MarketoId, PersonRow};
use crate::ports::{PeopleTable, PutOutcome, RowWrite};
use crate::{Failure, FailureKind};

/// Rounds against other writers of the same rows. Two writers settle in two; more than this means that something is broken.
const MAX_ROUNDS: usize = 20;

/// What writing did, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WriteCounts {
    /// Written.
    pub put: u64,
    /// The same was stored already.
    pub unchanged: u64,
    /// Something newer was stored already.
    pub stale: u64,
}

impl AddAssign for WriteCounts {
    fn add_assign(&mut self, other: Self) {
        self.put += other.put;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
    }
}

/// An observation of a person, and of its opportunity where that was read along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The person.
    pub person: Observed,
    /// The opportunity.
    pub opportunity: Option<SeenOpportunity>,
}

/// Applies observations. With `assume_absent` the first try takes the table for empty, which saves reading it; rows that are there
/// after all are found as conflicts.
///
/// # Errors
/// Those of the table; what was written before stays, and a repeat finds it unchanged.
pub async fn apply(table: &dyn PeopleTable, seen: Vec<Seen>, assume_absent: bool) -> Result<WriteCounts, Failure> {
    rounds(
        table,
        seen,
        assume_absent,
        |s| s.person.id,
        |row, seen| {
            let decision = decide(row, &seen.person);
            let Some(opportunity) = &seen.opportunity else { return decision };
            match decision {
                Decision::Put(next) => match decide_opportunity(&next, opportunity) {
                    Decision::Put(both) => Decision::Put(both),
                    Decision::Unchanged | Decision::Stale => Decision::Put(next),
                },
                other => match row.map(|row| decide_opportunity(row, opportunity)) {
                    Some(Decision::Put(next)) => Decision::Put(next),
                    _ => other,
                },
            }
        },
    )
    .await
}

/// Applies freshly read opportunities to the rows that are stored; people who are not stored are left out.
///
/// # Errors
/// Those of the table.
pub async fn apply_opportunities(
    table: &dyn PeopleTable,
    seen: Vec<(MarketoId, SeenOpportunity)>,
) -> Result<WriteCounts, Failure> {
    rounds(
        table,
        seen,
        false,
        |(id, _)| *id,
        |row, (_, seen)| row.map_or(Decision::Unchanged, |row| decide_opportunity(row, seen)),
    )
    .await
}

async fn rounds<T>(
    table: &dyn PeopleTable,
    seen: Vec<T>,
    assume_absent: bool,
    id_of: impl Fn(&T) -> MarketoId + Send + Sync,
    decision_of: impl Fn(Option<&PersonRow>, &T) -> Decision + Send + Sync,
) -> Result<WriteCounts, Failure> {
    let mut counts = WriteCounts::default();
    // A person seen twice is decided on twice: one row cannot be written twice in one request.
    let (mut todo, mut later) = distinct(seen, &id_of);
    for round in 0..MAX_ROUNDS {
        if todo.is_empty() {
            (todo, later) = distinct(later, &id_of);
            if todo.is_empty() {
                return Ok(counts);
            }
        }
        let rows = if round == 0 && assume_absent {
            HashMap::new()
        } else {
            read_rows(table, todo.keys().copied().collect()).await?
        };
        let mut writes = Vec::new();
        for (id, observation) in &todo {
            let stored = rows.get(id);
            match decision_of(stored, observation) {
                Decision::Put(row) => writes.push(RowWrite { row: *row, seen: stored.map(|r| r.rev) }),
                Decision::Unchanged => counts.unchanged += 1,
                Decision::Stale => counts.stale += 1,
            }
        }
        let asked = writes.len() as u64;
        let ids: Vec<MarketoId> = writes.iter().map(|w| w.row.id).collect();
        let outcomes = if writes.is_empty() { Vec::new() } else { table.put(writes).await? };
        let conflicts: Vec<MarketoId> =
            ids.into_iter().zip(outcomes).filter(|(_, o)| *o == PutOutcome::Conflict).map(|(id, _)| id).collect();
        counts.put += asked - conflicts.len() as u64;
        todo = conflicts.into_iter().filter_map(|id| Some((id, todo.remove(&id)?))).collect();
    }
    Err(Failure::new(
        FailureKind::Conflict,
        "people rows are being changed by too many writers at once; the rest follows with the next try",
    ))
}

fn distinct<T>(seen: Vec<T>, id_of: impl Fn(&T) -> MarketoId) -> (BTreeMap<MarketoId, T>, Vec<T>) {
    let mut first = BTreeMap::new();
    let mut later = Vec::new();
    for one in seen {
        let id = id_of(&one);
        match first.entry(id) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(one);
            }
            std::collections::btree_map::Entry::Occupied(_) => later.push(one),
        }
    }
    (first, later)
}

async fn read_rows(table: &dyn PeopleTable, ids: Vec<MarketoId>) -> Result<HashMap<MarketoId, PersonRow>, Failure> {
    Ok(table.get(&ids).await?.into_iter().map(|row| (row.id, row)).collect())
}
