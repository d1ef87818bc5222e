//! Compares the stored people with what the simulator says a correct table must hold.

use std::collections::HashMap;

use domain::people::{MarketoId, PersonRow, Status};
use serde::Serialize;
use simulator_marketo::ExpectedPerson;

use crate::people_table::DumpLine;

/// Expected against stored, by status.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub active: Count,
    pub unqualified: Count,
    pub deleted: Count,
    pub merged: Count,
    /// Stored rows that a correct table does not have.
    pub unexpected: u64,
}

/// Rows of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    pub expected: u64,
    pub stored: u64,
    pub agree: u64,
}

impl Comparison {
    /// Whether every row agrees.
    pub fn is_right(&self) -> bool {
        self.unexpected == 0 && self.by_status().iter().all(|(_, c)| c.expected == c.agree && c.stored == c.agree)
    }

    pub fn by_status(&self) -> [(&'static str, Count); 4] {
        [("active", self.active), ("unqualified", self.unqualified), ("deleted", self.deleted), ("merged", self.merged)]
    }

    fn count(&mut self, status: &str) -> &mut Count {
        match status {
            "active" => &mut self.active,
            "unqualified" => &mut self.unqualified,
            "deleted" => &mut self.deleted,
            _ => &mut self.merged,
        }
    }
}

/// Compares all rows. Rows that a table may or may not have count only where they are stored.
pub fn compare(expected: impl Iterator<Item = ExpectedPerson>, rows: &[PersonRow]) -> Comparison {
    let mut stored: HashMap<MarketoId, &PersonRow> = rows.iter().map(|row| (row.id, row)).collect();
    let mut result = Comparison::default();
    for row in rows {
        result.count(row.status.as_str()).stored += 1;
    }
    for person in expected {
        let row = stored.remove(&MarketoId(person.marketo_id));
        if row.is_none() && person.optional {
            continue;
        }
        let count = result.count(person.status);
        count.expected += 1;
        count.agree += u64::from(row.is_some_and(|row| agrees(&person, row)));
    }
    result.unexpected = stored.len() as u64;
    result
}

/// Compared as a dump writes them, which is how the simulator tells its truth.
fn agrees(person: &ExpectedPerson, row: &PersonRow) -> bool {
    if row.status == Status::Active && person.status == Status::Active.as_str() {
        let (expected, stored) = (serde_json::to_value(person), serde_json::to_value(DumpLine::from(row)));
        return expected.is_ok_and(|expected| stored.is_ok_and(|stored| stored == expected));
    }
    person.status == row.status.as_str() && person.merged_into.map(MarketoId) == row.merged_into
}
