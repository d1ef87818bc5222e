//! All records of one object, with the indexes that keep look-ups short, and with changes that nobody sees yet.
//! Must not know what fields mean.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::datum::Key;
use super::id::Id;
use super::row::Row;
use crate::schema::Object;

/// A record with its latest state, and the state that reads see until then.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) row: Arc<Row>,
    late: Option<Box<Late>>,
}

#[derive(Clone, Debug)]
struct Late {
    visible_ms: i64,
    /// None: the record is not there yet.
    before: Option<Arc<Row>>,
}

/// Records that share the value of one field.
#[derive(Debug)]
struct Index {
    place: usize,
    case_sensitive: bool,
    ids: HashMap<Key, Vec<Id>>,
}

/// The records of one object.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: HashMap<Id, Slot>,
    by_stamp: BTreeSet<(i64, Id)>,
    indexes: Vec<Index>,
    /// Records with a state that reads do not see yet; they may be found under values that they no longer have.
    late: HashSet<Id>,
}

impl Table {
    pub(crate) fn new(object: &Object) -> Self {
        let indexed = object.fields.iter().enumerate().filter(|(_, field)| field.indexed);
        let indexes = indexed
            .map(|(place, field)| Index { place, case_sensitive: field.case_sensitive, ids: HashMap::new() })
            .collect();
        Self { indexes, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The latest state, which writes build on.
    pub(crate) fn latest(&self, id: Id) -> Option<&Arc<Row>> {
        self.slots.get(&id).map(|slot| &slot.row)
    }

    /// The state that reads see.
    pub(crate) fn seen(&self, id: Id, now_ms: i64) -> Option<&Arc<Row>> {
        let slot = self.slots.get(&id)?;
        match &slot.late {
            Some(late) if late.visible_ms > now_ms => late.before.as_ref(),
            _ => Some(&slot.row),
        }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = Id> + '_ {
        self.slots.keys().copied()
    }

    /// Puts a record into its new state; gives what was there before, for taking it back.
    pub(crate) fn put(&mut self, row: Row, visible_ms: Option<i64>, now_ms: i64) -> Option<Slot> {
        let id = row.id;
        let before = self.seen(id, now_ms).cloned();
        let late = visible_ms.map(|visible_ms| Box::new(Late { visible_ms, before }));
        self.replace(id, Some(Slot { row: Arc::new(row), late }))
    }

    /// Sets or removes a record as a whole, indexes included.
    pub(crate) fn replace(&mut self, id: Id, slot: Option<Slot>) -> Option<Slot> {
        let old = self.slots.remove(&id);
        if let Some(old) = &old {
            self.by_stamp.remove(&(old.row.modstamp, id));
            for index in &mut self.indexes {
                if let Some(key) = index.key_of(&old.row)
                    && let Some(ids) = index.ids.get_mut(&key)
                {
                    ids.retain(|other| *other != id);
                    if ids.is_empty() {
                        index.ids.remove(&key);
                    }
                }
            }
        }
        self.late.remove(&id);
        if let Some(slot) = slot {
            self.by_stamp.insert((slot.row.modstamp, id));
            for index in &mut self.indexes {
                if let Some(key) = index.key_of(&slot.row) {
                    index.ids.entry(key).or_default().push(id);
                }
            }
            if slot.late.is_some() {
                self.late.insert(id);
            }
            self.slots.insert(id, slot);
        }
        old
    }

    /// Forgets earlier states that nobody sees any more.
    pub(crate) fn catch_up(&mut self, now_ms: i64) {
        let slots = &mut self.slots;
        self.late.retain(|id| {
            let Some(slot) = slots.get_mut(id) else { return false };
            let waits = slot.late.as_ref().is_some_and(|late| late.visible_ms > now_ms);
            if !waits {
                slot.late = None;
            }
            waits
        });
    }

    pub(crate) fn is_indexed(&self, place: usize) -> bool {
        self.indexes.iter().any(|index| index.place == place)
    }

    /// Records that have one of these values, latest state; `None` when there is no index over the field.
    pub(crate) fn with_value(&self, place: usize, key: &Key) -> &[Id] {
        let index = self.indexes.iter().find(|index| index.place == place);
        index.and_then(|index| index.ids.get(key)).map_or(&[], Vec::as_slice)
    }

    /// Records whose latest state was stamped within these seconds, both included.
    pub(crate) fn stamped(&self, from: i64, to: i64) -> impl Iterator<Item = Id> + '_ {
        let (first, last) = (Id::FIRST, Id::LAST);
        let range = if from <= to { Some(self.by_stamp.range((from, first)..=(to, last))) } else { None };
        range.into_iter().flatten().map(|(_, id)| *id)
    }

    /// Records whose visible state an index may not find.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = Id> + '_ {
        self.late.iter().copied()
    }
}

impl Index {
    fn key_of(&self, row: &Row) -> Option<Key> {
        row.get(self.place).and_then(|value| value.key(self.case_sensitive))
    }
}
