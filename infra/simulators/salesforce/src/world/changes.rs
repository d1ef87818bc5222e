//! What people in the organisation do to records, outside of the API: editing, creating, deleting, restoring.
//! Must not know control routes.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::id::Id;
use super::row::Row;
use super::state::State;
use super::write::Actor;

/// An edit by somebody in the organisation.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Edit {
    /// The record.
    pub id: String,
    /// New values by API name; fields that are hidden from the integration user may be named, too.
    pub fields: Map<String, Value>,
    /// Who did it; the integration user when absent.
    pub by: Option<String>,
    /// Whether it was a machine's doing, so that only `SystemModstamp` moves.
    pub automated: bool,
    /// How many seconds after its stamp the change becomes visible to reads.
    pub late_seconds: u64,
}

impl State {
    pub(crate) fn edit(&mut self, edit: &Edit, now_ms: i64) -> Result<(), String> {
        let (object, id) = self.known(&edit.id)?;
        let by = edit.by.as_deref().map(|by| self.known(by).map(|(_, id)| id)).transpose()?;
        let late_ms = i64::try_from(edit.late_seconds).unwrap_or(i64::MAX / 2000) * 1000;
        let actor = Actor { automated: edit.automated, late_ms, ..self.insider(by, now_ms) };
        self.update(object, id, &edit.fields, &actor).map_err(|failure| failure.message)
    }

    /// Object and id of a record that exists, deleted ones included.
    pub(crate) fn known(&self, id: &str) -> Result<(usize, Id), String> {
        let parsed = Id::parse(id).ok_or_else(|| format!("'{id}' is no record id of 15 or 18 characters"))?;
        let (object, _) = self.find(parsed).ok_or_else(|| format!("there is no record {id}"))?;
        Ok((object, parsed))
    }

    pub(crate) fn remove(&mut self, id: &str, by: Option<&str>, now_ms: i64) -> Result<(), String> {
        let (object, id) = self.known(id)?;
        let by = by.map(|by| self.known(by).map(|(_, id)| id)).transpose()?;
        let actor = self.insider(by, now_ms);
        self.delete(object, id, &actor).map_err(|failure| failure.message)
    }

    /// Takes a record back out of the recycle bin.
    pub(crate) fn restore(&mut self, id: &str, now_ms: i64) -> Result<(), String> {
        let (object, id) = self.known(id)?;
        let Some(found) = self.tables[object].latest(id).filter(|row| row.deleted) else {
            return Err(format!("{id} is not deleted"));
        };
        let mut row = Row::clone(found);
        row.deleted = false;
        self.check_unique(object, &row).map_err(|failure| failure.message)?;
        let actor = self.insider(None, now_ms);
        self.stamp(&mut row, &actor);
        self.store(object, row, 0, now_ms);
        Ok(())
    }
}
