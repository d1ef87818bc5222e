//! Creating, updating and deleting one record, whoever does it.
//! Must not know HTTP or batches.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::datum::Datum;
use super::failure::Failure;
use super::id::Id;
use super::row::Row;
use super::state::State;

/// Who writes, when, and under which rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actor {
    pub(crate) user: Id,
    pub(crate) now_ms: i64,
    /// The request over the API that this is part of; none for what happens in the organisation itself.
    pub(crate) request: Option<u64>,
    /// Whether no user did it, so that only `SystemModstamp` moves.
    pub(crate) automated: bool,
    /// How much later than its stamp reads see it.
    pub(crate) late_ms: i64,
}

impl Actor {
    pub(crate) fn is_api(&self) -> bool {
        self.request.is_some()
    }

    pub(crate) fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }
}

impl State {
    /// Somebody in the organisation.
    pub(crate) fn insider(&self, user: Option<Id>, now_ms: i64) -> Actor {
        Actor { user: user.unwrap_or(self.user), now_ms, request: None, automated: false, late_ms: 0 }
    }

    /// # Errors
    /// Why the record was refused; nothing is changed then.
    pub(crate) fn create(&mut self, object: usize, body: &Map<String, Value>, actor: &Actor) -> Result<Id, Failure> {
        self.check_writable(object, actor)?;
        if self.total() >= self.max_records {
            return Err(Failure::new(
                "STORAGE_LIMIT_EXCEEDED",
                "storage limit exceeded: raise the simulator's max_records",
            ));
        }
        // The id is used up only when everything is right, so that a refused record leaves no trace.
        let mut row = Row::new(Id::FIRST, actor.user, actor.now());
        let touched = self.fill(object, &mut row, body, true, actor)?;
        self.fill_defaults(object, &mut row, &touched, actor);
        self.check_required(object, &row)?;
        self.check_references(object, &row, &touched)?;
        self.finish(object, &mut row, None, &touched, actor)?;
        row.id = self.new_id(object);
        let id = row.id;
        self.store(object, row, actor.late_ms, actor.now_ms);
        Ok(id)
    }

    /// # Errors
    /// Why the record was refused; nothing is changed then.
    pub(crate) fn update(
        &mut self,
        object: usize,
        id: Id,
        body: &Map<String, Value>,
        actor: &Actor,
    ) -> Result<(), Failure> {
        self.check_writable(object, actor)?;
        let before = self.alive(object, id)?;
        let described = &self.schema.objects[object];
        let converted = described.place("IsConverted").and_then(|place| before.get(place));
        if actor.is_api() && converted.is_some_and(Datum::is_true) {
            return Err(Failure::converted());
        }
        let mut row = Row::clone(&before);
        let touched = self.fill(object, &mut row, body, false, actor)?;
        self.check_required(object, &row)?;
        self.check_references(object, &row, &touched)?;
        self.finish(object, &mut row, Some(&before), &touched, actor)?;
        self.stamp(&mut row, actor);
        self.store(object, row, actor.late_ms, actor.now_ms);
        Ok(())
    }

    /// # Errors
    /// Why the record was not deleted.
    pub(crate) fn delete(&mut self, object: usize, id: Id, actor: &Actor) -> Result<(), Failure> {
        self.check_writable(object, actor)?;
        let before = self.alive(object, id)?;
        let mut row = Row::clone(&before);
        self.lock(object, &row, Some(&before), actor)?;
        row.deleted = true;
        self.stamp(&mut row, actor);
        self.store(object, row, actor.late_ms, actor.now_ms);
        Ok(())
    }

    pub(crate) fn stamp(&self, row: &mut Row, actor: &Actor) {
        row.modstamp = actor.now();
        if !actor.automated {
            row.modified = actor.now();
            row.modified_by = actor.user;
        }
    }

    /// The latest state of a record that is not deleted.
    pub(crate) fn alive(&self, object: usize, id: Id) -> Result<Arc<Row>, Failure> {
        let row = self.tables[object].latest(id).ok_or_else(Failure::not_found)?;
        if row.deleted { Err(Failure::deleted()) } else { Ok(Arc::clone(row)) }
    }

    fn check_writable(&self, object: usize, actor: &Actor) -> Result<(), Failure> {
        let described = &self.schema.objects[object];
        if described.writable || !actor.is_api() {
            return Ok(());
        }
        let message = format!("{} cannot be written over the API by this user", described.name);
        Err(Failure::new("INSUFFICIENT_ACCESS_OR_READONLY", message))
    }

    /// What comes last for new and changed records alike: what follows from the rest, rules, uniqueness, locks.
    fn finish(
        &mut self,
        object: usize,
        row: &mut Row,
        before: Option<&Arc<Row>>,
        touched: &[usize],
        actor: &Actor,
    ) -> Result<(), Failure> {
        if object == self.task.object {
            self.settle_task(row, before.map(Arc::as_ref), touched, actor.now())?;
        }
        if actor.is_api() {
            self.check_rules(object, row, actor.now_ms)?;
        }
        self.check_unique(object, row)?;
        self.lock(object, row, before, actor)
    }

    fn lock(&mut self, object: usize, row: &Row, before: Option<&Arc<Row>>, actor: &Actor) -> Result<(), Failure> {
        // What happens in the organisation itself waits for its turn and is not refused.
        let Some(request) = actor.request else { return Ok(()) };
        let ids = self.to_lock(object, row, before);
        self.locks.take(&ids, self.holds_locks.then_some(request), actor.now_ms).map_err(Failure::locked)
    }
}
