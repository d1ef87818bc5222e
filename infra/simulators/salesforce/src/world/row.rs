//! One record as it is kept: what is set, and the stamps of the system.
//! Must not know what its fields mean.

use super::datum::Datum;
use super::id::Id;

/// A record. Only values that are set are kept, so that it takes no more than they do.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: Id,
    /// Place of the field and value, by ascending place.
    values: Vec<(u16, Datum)>,
    pub(crate) created: i64,
    pub(crate) created_by: Id,
    pub(crate) modified: i64,
    pub(crate) modified_by: Id,
    pub(crate) modstamp: i64,
    pub(crate) deleted: bool,
}

impl Row {
    pub(crate) fn new(id: Id, by: Id, now: i64) -> Self {
        Self {
            id,
            values: Vec::new(),
            created: now,
            created_by: by,
            modified: now,
            modified_by: by,
            modstamp: now,
            deleted: false,
        }
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Datum> {
        let found = self.values.binary_search_by_key(&place, |(at, _)| usize::from(*at)).ok()?;
        self.values.get(found).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, place: usize) -> Option<&str> {
        self.get(place)?.as_text()
    }

    pub(crate) fn set(&mut self, place: usize, value: Datum) {
        match (self.values.binary_search_by_key(&place, |(at, _)| usize::from(*at)), value.is_null()) {
            (Ok(found), true) => {
                self.values.remove(found);
            }
            (Ok(found), false) => self.values[found].1 = value,
            (Err(_), true) => {}
            (Err(free), false) => self.values.insert(free, (u16::try_from(place).unwrap_or(u16::MAX), value)),
        }
    }

    /// Gives back what was reserved but not used.
    pub(crate) fn shrink(&mut self) {
        self.values.shrink_to_fit();
    }
}
