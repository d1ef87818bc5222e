//! The organisation's data: schema, tables, locks, open query results; and reading values out of records.
//! Must not know HTTP.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::datum::Datum;
use super::id::Id;
use super::locks::Locks;
use super::random::Dice;
use super::row::Row;
use super::table::{Slot, Table};
use super::task::TaskFields;
use crate::clock::DAY;
use crate::config::{Config, TaskStatus, ValidationRule};
use crate::schema::Schema;
use crate::schema::field::Source;
use crate::soql::Cursor;

/// Closed tasks are archived when they are this old.
pub(crate) const ARCHIVED_AFTER_DAYS: i64 = 365;

/// Everything in the organisation.
pub(crate) struct State {
    pub(crate) schema: Schema,
    pub(crate) tables: Vec<Table>,
    pub(crate) locks: Locks,
    /// Whether writes keep their locks for a while; else they are over before anybody else can look.
    pub(crate) holds_locks: bool,
    pub(crate) rules: Vec<ValidationRule>,
    pub(crate) statuses: Vec<TaskStatus>,
    pub(crate) priorities: Vec<(String, bool)>,
    /// The integration user.
    pub(crate) user: Id,
    pub(crate) organization: Id,
    pub(crate) task: TaskFields,
    pub(crate) cursors: VecDeque<(String, Cursor)>,
    pub(crate) late_seconds: u64,
    pub(crate) late_share: f64,
    pub(crate) dice: Dice,
    /// The delete log begins here.
    pub(crate) purged_until: i64,
    pub(crate) max_records: usize,
    made: u64,
    /// What to put back if a transaction fails.
    journal: Option<Vec<(usize, Id, Option<Slot>)>>,
}

impl State {
    /// An organisation with nobody in it but the integration user.
    ///
    /// # Errors
    /// When the configuration names an object or field that does not exist.
    pub(crate) fn new(config: &Config, now_ms: i64) -> Result<Self, String> {
        let now = now_ms.div_euclid(1000);
        let schema = Schema::new(config, now)?;
        let tables = schema.objects.iter().map(Table::new).collect();
        let task = TaskFields::of(&schema)?;
        let user = Id::make("005", 1);
        let mut state = Self {
            schema,
            tables,
            locks: Locks::default(),
            holds_locks: config.lock_hold_ms > 0,
            rules: config.validation_rules.clone(),
            statuses: config.task_statuses.clone(),
            priorities: config.task_priorities.clone(),
            user,
            organization: Id::make("00D", 1),
            task,
            cursors: VecDeque::new(),
            late_seconds: config.late_seconds,
            late_share: config.late_share,
            dice: Dice::new(config.seed),
            purged_until: i64::MIN,
            max_records: config.max_records,
            made: 1_000,
            journal: None,
        };
        state.furnish(config, now_ms)?;
        Ok(state)
    }

    pub(crate) fn new_id(&mut self, object: usize) -> Id {
        self.made += 1;
        Id::make(self.schema.objects[object].prefix, self.made)
    }

    pub(crate) fn total(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    /// Object and latest state of any record.
    pub(crate) fn find(&self, id: Id) -> Option<(usize, &Arc<Row>)> {
        let object = self.schema.by_prefix(id.prefix())?;
        Some((object, self.tables[object].latest(id)?))
    }

    /// Puts a record into its new state, noted in the journal of a transaction.
    pub(crate) fn store(&mut self, object: usize, mut row: Row, late_ms: i64, now_ms: i64) {
        row.shrink();
        let id = row.id;
        let visible = (late_ms > 0).then_some(now_ms + late_ms);
        let old = self.tables[object].put(row, visible, now_ms);
        if let Some(journal) = &mut self.journal {
            journal.push((object, id, old));
        }
    }

    pub(crate) fn begin(&mut self) {
        self.journal = Some(Vec::new());
    }

    pub(crate) fn commit(&mut self) {
        self.journal = None;
    }

    pub(crate) fn roll_back(&mut self) {
        for (object, id, slot) in self.journal.take().unwrap_or_default().into_iter().rev() {
            self.tables[object].replace(id, slot);
        }
    }

    pub(crate) fn catch_up(&mut self, now_ms: i64) {
        for table in &mut self.tables {
            table.catch_up(now_ms);
        }
    }

    /// The value of a field, worked out where it is not stored.
    pub(crate) fn value<'a>(&self, object: usize, row: &'a Row, place: usize, now_ms: i64) -> Cow<'a, Datum> {
        let Some(field) = self.schema.objects[object].fields.get(place) else { return Cow::Owned(Datum::Null) };
        let owned = match field.source {
            Source::Stored => {
                return match row.get(place) {
                    Some(value) => Cow::Borrowed(value),
                    // A checkbox is never empty.
                    None if field.kind == crate::schema::field::Kind::Bool => Cow::Owned(Datum::Bool(false)),
                    None => Cow::Owned(Datum::Null),
                };
            }
            Source::Id => Datum::Id(row.id),
            Source::Deleted => Datum::Bool(row.deleted),
            Source::CreatedAt => Datum::Time(row.created),
            Source::CreatedBy => Datum::Id(row.created_by),
            Source::ModifiedAt => Datum::Time(row.modified),
            Source::ModifiedBy => Datum::Id(row.modified_by),
            Source::Modstamp => Datum::Time(row.modstamp),
            Source::FullName => self.full_name(object, row),
            Source::Closed => Datum::Bool(self.is_closed(row)),
            Source::HighPriority => Datum::Bool(self.is_high(row)),
            Source::Archived => Datum::Bool(self.is_archived(object, row, now_ms)),
            Source::ReminderSet => {
                let due = row
                    .get(self.task.reminder)
                    .is_none_or(|at| !matches!(at, Datum::Time(at) if *at <= now_ms.div_euclid(1000)));
                Datum::Bool(due && row.get(place).is_some_and(Datum::is_true))
            }
        };
        Cow::Owned(owned)
    }

    fn full_name(&self, object: usize, row: &Row) -> Datum {
        let object = &self.schema.objects[object];
        let part = |name| object.place(name).and_then(|place| row.text(place)).unwrap_or_default();
        let (first, last) = (part("FirstName"), part("LastName"));
        let whole = if first.is_empty() { last.to_owned() } else { format!("{first} {last}") };
        if whole.is_empty() { Datum::Null } else { Datum::Text(whole.into()) }
    }

    pub(crate) fn is_closed(&self, row: &Row) -> bool {
        let status = row.text(self.task.status).unwrap_or_default();
        self.statuses.iter().any(|known| known.closed && known.name == status)
    }

    fn is_high(&self, row: &Row) -> bool {
        let priority = row.text(self.task.priority).unwrap_or_default();
        self.priorities.iter().any(|(name, high)| *high && name == priority)
    }

    /// Whether a task is closed and so old that plain queries leave it out.
    pub(crate) fn is_archived(&self, object: usize, row: &Row, now_ms: i64) -> bool {
        if object != self.task.object || !self.is_closed(row) {
            return false;
        }
        let today = now_ms.div_euclid(1000).div_euclid(DAY);
        let day = match row.get(self.task.date) {
            Some(Datum::Date(day)) => *day,
            _ => row.created.div_euclid(DAY),
        };
        today - day >= ARCHIVED_AFTER_DAYS
    }
}
