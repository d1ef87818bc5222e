//! What every write over the API is held to: visible and writable fields, required ones, references that exist, unique values.
//! Must not know what kind of call the write came in.

use serde_json::{Map, Value};

use super::datum::Datum;
use super::failure::Failure;
use super::id::Id;
use super::row::Row;
use super::state::State;
use super::values;
use super::write::Actor;
use crate::config::Access;
use crate::schema::field::{Field, Kind, Source};

impl State {
    /// Sets the fields of a write; gives their places.
    pub(crate) fn fill(
        &self,
        object: usize,
        row: &mut Row,
        body: &Map<String, Value>,
        new: bool,
        actor: &Actor,
    ) -> Result<Vec<usize>, Failure> {
        let described = &self.schema.objects[object];
        let mut touched = Vec::with_capacity(body.len());
        for (name, value) in body.iter().filter(|(name, _)| *name != "attributes") {
            let place = if actor.is_api() { described.visible(name) } else { described.place(name) };
            let place = place.ok_or_else(|| Failure::no_column(name, described.name))?;
            let field = &described.fields[place];
            may_write(field, described.name, new, actor)?;
            row.set(place, values::read(field, value)?);
            touched.push(place);
        }
        Ok(touched)
    }

    /// Gives a new record the defaults of what it does not name.
    pub(crate) fn fill_defaults(&self, object: usize, row: &mut Row, touched: &[usize], actor: &Actor) {
        let described = &self.schema.objects[object];
        for (place, field) in described.fields.iter().enumerate() {
            if touched.contains(&place) || field.source != Source::Stored || field.access == Access::Absent {
                continue;
            }
            if let Some(default) = &field.default {
                row.set(place, default.clone());
            } else if field.name == "OwnerId" {
                row.set(place, Datum::Id(actor.user));
            }
        }
    }

    pub(crate) fn check_required(&self, object: usize, row: &Row) -> Result<(), Failure> {
        let described = &self.schema.objects[object];
        let needed = |field: &&Field| field.required || (object == self.task.object && is_needed_by_task(&field.name));
        let missing: Vec<String> = described
            .fields
            .iter()
            .filter(needed)
            .filter(|field| described.place(&field.name).is_none_or(|place| row.get(place).is_none()))
            .map(|field| field.name.clone())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        Err(Failure { fields: missing, ..Failure::new("REQUIRED_FIELD_MISSING", message) })
    }

    /// Every reference that the write sets must lead to a record that can be referred to.
    pub(crate) fn check_references(&self, object: usize, row: &Row, touched: &[usize]) -> Result<(), Failure> {
        let described = &self.schema.objects[object];
        for &place in touched {
            let field = &described.fields[place];
            if field.kind != Kind::Reference {
                continue;
            }
            if let Some(id) = row.get(place).and_then(Datum::as_id) {
                self.check_reference(object, field, id)?;
            }
        }
        Ok(())
    }

    fn check_reference(&self, object: usize, field: &Field, id: Id) -> Result<(), Failure> {
        let about = |failure: Failure| Failure { fields: vec![field.name.clone()], ..failure };
        let target = self.schema.by_prefix(id.prefix()).map(|at| &self.schema.objects[at]);
        if !target.is_some_and(|target| field.references.contains(&target.name)) {
            let message = format!("{}: id value of incorrect type: {id}", field.name);
            return Err(about(Failure::new("FIELD_INTEGRITY_EXCEPTION", message)));
        }
        let Some((at, found)) = self.find(id) else { return Err(about(Failure::cross_reference())) };
        let target = &self.schema.objects[at];
        let flag = |name| target.place(name).and_then(|place| found.get(place));
        if found.deleted {
            // Who was merged away is refused like somebody who never was; who was deleted is named as such.
            let merged = flag("MasterRecordId").is_some();
            return Err(about(if merged { Failure::cross_reference() } else { Failure::deleted() }));
        }
        if object == self.task.object && flag("IsConverted").is_some_and(Datum::is_true) {
            return Err(about(Failure::converted()));
        }
        if field.name == "OwnerId" && flag("IsActive") == Some(&Datum::Bool(false)) {
            let message = format!("operation performed with inactive user [{id}] as owner");
            return Err(about(Failure::new("INACTIVE_OWNER_OR_USER", message)));
        }
        Ok(())
    }

    pub(crate) fn check_unique(&self, object: usize, row: &Row) -> Result<(), Failure> {
        let described = &self.schema.objects[object];
        for (place, field) in described.fields.iter().enumerate().filter(|(_, field)| field.unique) {
            let Some(key) = row.get(place).and_then(|value| value.key(field.case_sensitive)) else { continue };
            let table = &self.tables[object];
            let other = table
                .with_value(place, &key)
                .iter()
                .find(|&&other| other != row.id && table.latest(other).is_some_and(|other| !other.deleted));
            if let Some(other) = other {
                let name = &field.name;
                let message = format!("duplicate value found: {name} duplicates value on record with id: {other}");
                return Err(Failure::of_field("DUPLICATE_VALUE", name, message));
            }
        }
        Ok(())
    }
}

/// Tasks always have a status and a priority, though there are defaults.
fn is_needed_by_task(name: &str) -> bool {
    matches!(name, "Status" | "Priority")
}

fn may_write(field: &Field, object: &str, new: bool, actor: &Actor) -> Result<(), Failure> {
    let allowed = match (actor.is_api(), new) {
        (true, true) => field.can_create(),
        (true, false) => field.can_update(),
        // People in the organisation are not held to the integration user's rights, but nobody writes what is worked out.
        (false, _) => matches!(field.source, Source::Stored | Source::ReminderSet),
    };
    if allowed {
        return Ok(());
    }
    let name = field.name.as_str();
    if name == "Id" {
        return Err(Failure::of_field(
            "INVALID_FIELD",
            name,
            "The Id field should not be specified in the sobject data.",
        ));
    }
    let verb = if new { "create" } else { "update" };
    let message = format!(
        "Unable to {verb} fields: {name} of {object}. Check the security settings of this field: it must be read/write for the user."
    );
    Err(Failure::of_field("INVALID_FIELD_FOR_INSERT_UPDATE", name, message))
}
