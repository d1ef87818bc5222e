//! Running a plan over the tables: finding, sorting, and paging through what was found.
//! Must not know HTTP.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::plan::{Filter, OF_WHOEVER, Path, Plan, Test, is_like};
use crate::schema::field::{Kind, Source};
use crate::world::datum::{Datum, Key, lower};
use crate::world::id::Id;
use crate::world::row::Row;
use crate::world::state::State;

/// The result of a query, as it was when it was asked.
pub(crate) struct Cursor {
    pub(crate) plan: Plan,
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) total: usize,
    pub(crate) page: usize,
}

/// Looks at the tables at one moment.
pub(crate) struct Reader<'a> {
    pub(crate) state: &'a State,
    pub(crate) now_ms: i64,
}

impl State {
    pub(crate) fn reader(&self, now_ms: i64) -> Reader<'_> {
        Reader { state: self, now_ms }
    }

    /// Finds what a query asks for; with `all`, deleted records and archived tasks, too.
    pub(crate) fn run(&self, plan: Plan, all: bool, page: usize, now_ms: i64) -> Cursor {
        let reader = self.reader(now_ms);
        let mut rows = reader.matching(&plan, all);
        reader.sort(&plan, &mut rows);
        let rows: Vec<Arc<Row>> = rows.into_iter().skip(plan.offset).take(plan.limit.unwrap_or(usize::MAX)).collect();
        let total = rows.len();
        let rows = if plan.count { Vec::new() } else { rows };
        Cursor { plan, rows, total, page }
    }
}

impl Reader<'_> {
    fn matching(&self, plan: &Plan, all: bool) -> Vec<Arc<Row>> {
        let table = &self.state.tables[plan.object];
        let wanted = |row: &Arc<Row>| {
            let shown = all || !(row.deleted || self.state.is_archived(plan.object, row, self.now_ms));
            shown && self.holds(&plan.filter, plan.object, row)
        };
        let look = |id: Id| table.seen(id, self.now_ms).filter(|row| wanted(row)).cloned();
        let Some(mut ids) = self.narrowed(plan) else { return table.ids().filter_map(look).collect() };
        ids.extend(table.unsettled());
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(look).collect()
    }

    /// The only records that can match, where the filter tells; late changes come on top.
    fn narrowed(&self, plan: &Plan) -> Option<Vec<Id>> {
        let parts = match &plan.filter {
            Filter::All(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        let table = &self.state.tables[plan.object];
        let fields = &self.state.schema.objects[plan.object].fields;
        let by_keys = |path: &Path, keys: &mut dyn Iterator<Item = &Key>| -> Option<Vec<Id>> {
            if path.via.is_some() {
                return None;
            }
            if fields.get(path.place)?.source == Source::Id {
                return Some(keys.filter_map(|key| if let Key::Id(id) = key { Some(*id) } else { None }).collect());
            }
            let indexed = table.is_indexed(path.place);
            indexed.then(|| keys.flat_map(|key| table.with_value(path.place, key).iter().copied()).collect())
        };
        for part in parts {
            let found = match part {
                Filter::In { path, keys, null: false, .. } => by_keys(path, &mut keys.iter()),
                Filter::Compare { path, test: Test::Equal, value, case_sensitive } => {
                    value.key(*case_sensitive).and_then(|key| by_keys(path, &mut std::iter::once(&key)))
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        let (from, to) = parts.iter().fold((i64::MIN, i64::MAX), |span, part| narrow(span, part, fields));
        (from > i64::MIN || to < i64::MAX).then(|| table.stamped(from, to).collect())
    }

    fn sort(&self, plan: &Plan, rows: &mut [Arc<Row>]) {
        if plan.order.is_empty() {
            rows.sort_unstable_by_key(|row| row.id);
            return;
        }
        rows.sort_by(|left, right| {
            for (path, descending, nulls_last) in &plan.order {
                let (left, right) = (self.at(path, plan.object, left), self.at(path, plan.object, right));
                let order = match (left.is_null(), right.is_null()) {
                    (true, true) => Ordering::Equal,
                    // Nulls come first in either direction, unless asked for otherwise.
                    (true, false) => {
                        if *nulls_last {
                            Ordering::Greater
                        } else {
                            Ordering::Less
                        }
                    }
                    (false, true) => {
                        if *nulls_last {
                            Ordering::Less
                        } else {
                            Ordering::Greater
                        }
                    }
                    (false, false) => {
                        let order = left.compare(&right).unwrap_or(Ordering::Equal);
                        if *descending { order.reverse() } else { order }
                    }
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            left.id.cmp(&right.id)
        });
    }

    /// The value at a path.
    pub(crate) fn at<'r>(&self, path: &Path, object: usize, row: &'r Row) -> Cow<'r, Datum> {
        let Some((reference, _)) = path.via else { return self.state.value(object, row, path.place, self.now_ms) };
        let Some((target, found)) = self.follow(reference, object, row) else { return Cow::Owned(Datum::Null) };
        let described = &self.state.schema.objects[target];
        if path.place == OF_WHOEVER && path.name == "Type" {
            return Cow::Owned(Datum::text(described.name));
        }
        let value = described.visible(&path.name).map(|place| self.state.value(target, &found, place, self.now_ms));
        Cow::Owned(value.map_or(Datum::Null, Cow::into_owned))
    }

    /// The record that a reference leads to.
    pub(crate) fn follow(&self, reference: usize, object: usize, row: &Row) -> Option<(usize, Arc<Row>)> {
        let id = self.state.value(object, row, reference, self.now_ms).as_id()?;
        let target = self.state.schema.by_prefix(id.prefix())?;
        let found = self.state.tables[target].seen(id, self.now_ms)?;
        Some((target, Arc::clone(found)))
    }

    fn holds(&self, filter: &Filter, object: usize, row: &Row) -> bool {
        match filter {
            Filter::All(parts) => parts.iter().all(|part| self.holds(part, object, row)),
            Filter::Any(parts) => parts.iter().any(|part| self.holds(part, object, row)),
            Filter::Not(inner) => !self.holds(inner, object, row),
            Filter::Compare { path, test, value, case_sensitive } => {
                let found = self.at(path, object, row);
                let order = || found.compare(value);
                match test {
                    Test::Equal => found.same(value, *case_sensitive),
                    Test::NotEqual => !found.same(value, *case_sensitive),
                    Test::Less => order() == Some(Ordering::Less),
                    Test::Greater => order() == Some(Ordering::Greater),
                    Test::LessOrEqual => order().is_some_and(Ordering::is_le),
                    Test::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
                }
            }
            Filter::In { path, keys, null, case_sensitive } => match self.at(path, object, row).key(*case_sensitive) {
                Some(key) => keys.contains(&key),
                None => *null,
            },
            Filter::Like { path, pattern } => {
                let found = self.at(path, object, row);
                found.as_text().is_some_and(|text| is_like(&lower(text).collect::<Vec<_>>(), pattern))
            }
        }
    }
}

/// A span of stamps, made narrower by a part of the filter.
fn narrow(span: (i64, i64), part: &Filter, fields: &[crate::schema::field::Field]) -> (i64, i64) {
    let Filter::Compare { path: Path { via: None, place, .. }, test, value: Datum::Time(time), .. } = part else {
        return span;
    };
    if fields.get(*place).is_none_or(|field| field.source != Source::Modstamp || field.kind != Kind::Time) {
        return span;
    }
    let (from, to) = span;
    match test {
        Test::Equal => (from.max(*time), to.min(*time)),
        Test::Greater => (from.max(time + 1), to),
        Test::GreaterOrEqual => (from.max(*time), to),
        Test::Less => (from, to.min(time - 1)),
        Test::LessOrEqual => (from, to.min(*time)),
        Test::NotEqual => span,
    }
}
