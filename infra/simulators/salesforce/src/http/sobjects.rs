//! One record at a time: create, read, update, upsert, delete.
//! Must not know what makes a record valid.

use axum::http::header;
use serde_json::{Map, Value, json};

use super::call::{Call, Outcome, Reply, reply};
use super::render;
use crate::clock::{http_date, parse_http_date};
use crate::soql::Path;
use crate::world::datum::Datum;
use crate::world::failure::Failure;
use crate::world::id::Id;
use crate::world::row::Row;
use crate::world::state::State;
use crate::world::values;
use crate::world::write::Actor;

pub(crate) fn create(call: &Call) -> Outcome {
    let fields = call.fields()?;
    call.refuses(0)?;
    call.service.with_state(|state, now_ms| {
        let object = call.object(state)?;
        let actor = call.actor(state, now_ms);
        let id = state.create(object, fields, &actor)?;
        call.service.count(|stats| stats.written += 1);
        reply(201, json!({ "id": id.to_string(), "success": true, "errors": [] }))
    })
}

/// The id in a path, of whatever form.
fn id_of(call: &Call, state: &State) -> Result<(usize, Id), Failure> {
    let object = call.object(state)?;
    let id = Id::parse(call.part(1)).filter(|id| id.prefix() == state.schema.objects[object].prefix);
    Ok((object, id.ok_or_else(Failure::not_found)?))
}

pub(crate) fn read(call: &Call) -> Outcome {
    call.service.with_state(|state, now_ms| {
        let (object, id) = id_of(call, state)?;
        shown(call, state, object, id, now_ms)
    })
}

fn shown(call: &Call, state: &State, object: usize, id: Id, now_ms: i64) -> Outcome {
    let row = state.tables[object].seen(id, now_ms).ok_or_else(Failure::not_found)?;
    if row.deleted {
        return Err(Failure::deleted());
    }
    let known = call.header("if-modified-since").and_then(parse_http_date);
    if known.is_some_and(|known| known >= row.modified) {
        return reply(304, "");
    }
    let columns = columns(state, object, &call.list("fields"))?;
    let body = render::record(state, object, row, &columns, &call.version, now_ms);
    Ok(Reply { status: 200, body, header: Some((header::LAST_MODIFIED, http_date(row.modified))) })
}

/// These fields, or all that the integration user sees.
pub(crate) fn columns(state: &State, object: usize, names: &[&str]) -> Result<Vec<Path>, Failure> {
    let described = &state.schema.objects[object];
    let own = |place: usize| Path { via: None, place, name: described.fields[place].name.clone() };
    if names.is_empty() {
        return Ok(described.visible_fields().map(|(place, _)| own(place)).collect());
    }
    let place = |name: &&str| described.visible(name).map(own).ok_or_else(|| Failure::no_column(name, described.name));
    names.iter().map(place).collect()
}

pub(crate) fn update(call: &Call) -> Outcome {
    let fields = call.fields()?;
    call.refuses(0)?;
    call.service.with_state(|state, now_ms| {
        let (object, id) = id_of(call, state)?;
        unmodified(call, state, object, id)?;
        let actor = call.actor(state, now_ms);
        state.update(object, id, fields, &actor)?;
        call.service.count(|stats| stats.written += 1);
        reply(204, "")
    })
}

/// Refuses when the record was changed since the moment that the caller names.
fn unmodified(call: &Call, state: &State, object: usize, id: Id) -> Result<(), Failure> {
    let Some(text) = call.header("if-unmodified-since") else { return Ok(()) };
    let wrong = || Failure::new("INVALID_FIELD", format!("If-Unmodified-Since is no HTTP date: {text}"));
    let since = parse_http_date(text).ok_or_else(wrong)?;
    if state.alive(object, id).is_ok_and(|row| row.modified > since) {
        let message = "The record was modified since the date in If-Unmodified-Since: read it again";
        return Err(Failure::new("ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE_CHECK", message));
    }
    Ok(())
}

pub(crate) fn delete(call: &Call) -> Outcome {
    call.refuses(0)?;
    call.service.with_state(|state, now_ms| {
        let (object, id) = id_of(call, state)?;
        let actor = call.actor(state, now_ms);
        state.delete(object, id, &actor)?;
        call.service.count(|stats| stats.written += 1);
        reply(204, "")
    })
}

/// The field by which records are identified: the id, or an external one.
pub(crate) fn key_field(state: &State, object: usize, name: &str) -> Result<usize, Failure> {
    let described = &state.schema.objects[object];
    let place = described.visible(name).filter(|&place| described.fields[place].external || place == ID);
    place.ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {name}");
        Failure::new("NOT_FOUND", message)
    })
}

/// The id is the first field of every object.
pub(crate) const ID: usize = 0;

/// The living record with this value of its key field.
pub(crate) fn by_key(state: &State, object: usize, place: usize, value: &Value) -> Result<Option<Id>, Failure> {
    let field = &state.schema.objects[object].fields[place];
    let value = values::read(field, value)?;
    if place == ID {
        return value.as_id().map_or(Ok(None), |id| state.alive(object, id).map(|row| Some(row.id)));
    }
    let Some(key) = value.key(field.case_sensitive) else {
        return Err(Failure::new("MISSING_ARGUMENT", format!("{} not specified", field.name)));
    };
    let table = &state.tables[object];
    let found = table.with_value(place, &key).iter().copied();
    Ok(found.into_iter().find(|&id| table.latest(id).is_some_and(|row: &std::sync::Arc<Row>| !row.deleted)))
}

fn keyed(call: &Call, state: &State) -> Result<(usize, usize, Value), Failure> {
    let object = call.object(state)?;
    Ok((object, key_field(state, object, call.part(1))?, call.part(2).into()))
}

pub(crate) fn read_by_key(call: &Call) -> Outcome {
    call.service.with_state(|state, now_ms| {
        let (object, place, value) = keyed(call, state)?;
        let id = by_key(state, object, place, &value)?.ok_or_else(Failure::not_found)?;
        shown(call, state, object, id, now_ms)
    })
}

pub(crate) fn delete_by_key(call: &Call) -> Outcome {
    call.refuses(0)?;
    call.service.with_state(|state, now_ms| {
        let (object, place, value) = keyed(call, state)?;
        let id = by_key(state, object, place, &value)?.ok_or_else(Failure::not_found)?;
        let actor = call.actor(state, now_ms);
        state.delete(object, id, &actor)?;
        call.service.count(|stats| stats.written += 1);
        reply(204, "")
    })
}

pub(crate) fn upsert(call: &Call) -> Outcome {
    let fields = call.fields()?;
    call.refuses(0)?;
    call.service.with_state(|state, now_ms| {
        let (object, place, value) = keyed(call, state)?;
        let name = state.schema.objects[object].fields[place].name.clone();
        if fields.keys().any(|given| given.eq_ignore_ascii_case(&name)) {
            let message = format!("The {name} field should not be specified in the sobject data.");
            return Err(Failure::of_field("INVALID_FIELD", &name, message));
        }
        let actor = call.actor(state, now_ms);
        if call.flag("updateOnly") && by_key(state, object, place, &value)?.is_none() {
            return Err(Failure::not_found());
        }
        let (id, created) = put(state, object, place, &value, fields, &actor)?;
        call.service.count(|stats| stats.written += 1);
        let body = json!({ "id": id.to_string(), "success": true, "errors": [], "created": created });
        reply(if created { 201 } else { 200 }, body)
    })
}

/// Updates the record with this key, or creates it; says whether it is new.
pub(crate) fn put(
    state: &mut State,
    object: usize,
    place: usize,
    value: &Value,
    fields: &Map<String, Value>,
    actor: &Actor,
) -> Result<(Id, bool), Failure> {
    if let Some(id) = by_key(state, object, place, value)? {
        state.update(object, id, fields, actor)?;
        return Ok((id, false));
    }
    let mut fields = fields.clone();
    if place != ID {
        fields.insert(state.schema.objects[object].fields[place].name.clone(), value.clone());
    }
    Ok((state.create(object, &fields, actor)?, true))
}

/// Text of a key as collections compare it, to find the same one twice.
pub(crate) fn key_text(state: &State, object: usize, place: usize, value: &Value) -> Option<Datum> {
    let field = &state.schema.objects[object].fields[place];
    match values::read(field, value).ok()? {
        Datum::Text(text) if !field.case_sensitive => Some(Datum::text(&text.to_lowercase())),
        Datum::Null => None,
        other => Some(other),
    }
}
