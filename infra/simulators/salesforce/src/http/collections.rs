//! Up to two hundred records at a time, each with a result of its own.
//! Must not know what makes a record valid.

use serde_json::{Map, Value, json};

use super::call::{Call, Outcome, reply};
use super::render;
use super::sobjects::{columns, key_field, key_text, put};
use crate::world::failure::Failure;
use crate::world::id::Id;
use crate::world::state::State;
use crate::world::write::Actor;

const MOST_RECORDS: usize = 200;

/// What became of one record.
type Done = Result<(Id, Option<bool>), Failure>;

fn too_many(count: usize) -> Result<(), Failure> {
    if count <= MOST_RECORDS {
        return Ok(());
    }
    let message = format!("record limit reached. cannot submit more than {MOST_RECORDS} records into this call");
    Err(Failure::new("EXCEEDED_ID_LIMIT", message))
}

/// The records of the body, in their order.
fn records(call: &Call) -> Result<Vec<&Map<String, Value>>, Failure> {
    let wrong = |what: &str| Failure::new("JSON_PARSER_ERROR", what);
    let list = call.body["records"].as_array().ok_or_else(|| wrong("The body must have a list called records"))?;
    too_many(list.len())?;
    let object = |record: &'_ Value| record.is_object();
    if !list.iter().all(object) {
        return Err(wrong("Every record must be a JSON object"));
    }
    Ok(list.iter().filter_map(Value::as_object).collect())
}

/// The object that a record says it is of.
fn type_of(state: &State, record: &Map<String, Value>) -> Result<usize, Failure> {
    let name = record.get("attributes").and_then(|attributes| attributes["type"].as_str()).unwrap_or_default();
    state.schema.object(name).ok_or_else(|| {
        Failure::new("INVALID_TYPE", format!("sObject type '{name}' is not supported: attributes.type names it"))
    })
}

/// Carries out one act a record, all of them in one transaction, and tells what became of each.
fn each(
    call: &Call,
    count: usize,
    all_or_none: bool,
    mut act: impl FnMut(&mut State, &Actor, usize) -> Done,
) -> Outcome {
    call.service.with_state(|state, now_ms| {
        let actor = call.actor(state, now_ms);
        state.begin();
        let mut results: Vec<Done> = Vec::with_capacity(count);
        for nth in 0..count {
            let done = call.refuses(nth).and_then(|()| act(state, &actor, nth));
            // What cannot be read spoils the whole request.
            if let Err(failure) = &done
                && failure.unreadable
            {
                state.roll_back();
                return Err(failure.clone());
            }
            results.push(done);
        }
        if all_or_none && results.iter().any(Result::is_err) {
            state.roll_back();
            for done in results.iter_mut().filter(|done| done.is_ok()) {
                let message =
                    "Record rolled back because not all records were valid and the request was using AllOrNone";
                *done = Err(Failure::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message));
            }
        } else {
            state.commit();
        }
        call.service.count(|stats| {
            for done in &results {
                match done {
                    Ok(_) => stats.written += 1,
                    Err(failure) => *stats.rejected_records.entry(failure.code.to_string()).or_default() += 1,
                }
            }
        });
        let told: Vec<Value> = results.iter().map(tell).collect();
        reply(200, Value::from(told))
    })
}

fn tell(done: &Done) -> Value {
    match done {
        Ok((id, created)) => {
            let mut told = json!({ "id": id.to_string(), "success": true, "errors": [] });
            if let Some(created) = created {
                told["created"] = (*created).into();
            }
            told
        }
        Err(failure) => json!({
            "success": false,
            "errors": [{ "statusCode": failure.code, "message": failure.message, "fields": failure.fields }],
        }),
    }
}

fn all_or_none(call: &Call) -> bool {
    call.body["allOrNone"] == true
}

pub(crate) fn create(call: &Call) -> Outcome {
    let records = records(call)?;
    each(call, records.len(), all_or_none(call), |state, actor, nth| {
        let object = type_of(state, records[nth])?;
        state.create(object, records[nth], actor).map(|id| (id, None))
    })
}

/// A record without its id, and the id; its name may be written in any case.
fn split_id(record: &Map<String, Value>) -> (Map<String, Value>, Option<String>) {
    let is_id = |name: &str| name.eq_ignore_ascii_case("id");
    let id = record.iter().find(|(name, _)| is_id(name)).and_then(|(_, value)| value.as_str()).map(str::to_owned);
    let rest = record.iter().filter(|(name, _)| !is_id(name));
    (rest.map(|(name, value)| (name.clone(), value.clone())).collect(), id)
}

/// In collections a record that is not there is a wrong reference.
fn referred(state: &State, text: &str) -> Result<(usize, Id), Failure> {
    let id = Id::parse(text).ok_or_else(|| Failure::new("MALFORMED_ID", format!("malformed id {text}")))?;
    state.find(id).map(|(object, _)| (object, id)).ok_or_else(Failure::cross_reference)
}

pub(crate) fn update(call: &Call) -> Outcome {
    let records = records(call)?;
    let parts: Vec<_> = records.iter().map(|record| split_id(record)).collect();
    each(call, parts.len(), all_or_none(call), |state, actor, nth| {
        let (fields, id) = &parts[nth];
        let named = type_of(state, records[nth])?;
        let missing = || Failure::new("MISSING_ARGUMENT", "Id not specified in an update call");
        let text = id.as_deref().ok_or_else(missing)?;
        if parts[..nth].iter().any(|(_, other)| other.as_deref() == Some(text)) {
            return Err(Failure::new("DUPLICATE_VALUE", format!("Duplicate id specified: {text}")));
        }
        let (object, id) = referred(state, text)?;
        if object != named {
            return Err(Failure::cross_reference());
        }
        state.update(object, id, fields, actor).map(|()| (id, None))
    })
}

pub(crate) fn delete(call: &Call) -> Outcome {
    let ids = call.list("ids");
    too_many(ids.len())?;
    each(call, ids.len(), call.flag("allOrNone"), |state, actor, nth| {
        let (object, id) = referred(state, ids[nth])?;
        state.delete(object, id, actor).map(|()| (id, None))
    })
}

pub(crate) fn upsert(call: &Call) -> Outcome {
    let records = records(call)?;
    let (object, place, name) = call.service.with_state(|state, _| {
        let object = call.object(state)?;
        let place = key_field(state, object, call.part(1))?;
        Ok::<_, Failure>((object, place, state.schema.objects[object].fields[place].name.clone()))
    })?;
    let parts: Vec<_> = records.iter().map(|record| split_key(record, &name)).collect();
    let keys = call.service.with_state(|state, _| {
        parts.iter().map(|(_, value)| key_text(state, object, place, value)).collect::<Vec<_>>()
    });
    each(call, parts.len(), all_or_none(call), |state, actor, nth| {
        let (fields, value) = &parts[nth];
        if type_of(state, records[nth])? != object {
            return Err(Failure::new("INVALID_TYPE", "all records of an upsert must be of the object in the address"));
        }
        let again = keys[nth].is_some() && keys.iter().filter(|key| **key == keys[nth]).count() > 1;
        if again {
            return Err(Failure::new("DUPLICATE_VALUE", format!("Duplicate external id specified: {value}")));
        }
        put(state, object, place, value, fields, actor).map(|(id, created)| (id, Some(created)))
    })
}

/// A record without its key, and the key.
fn split_key(record: &Map<String, Value>, name: &str) -> (Map<String, Value>, Value) {
    let mut rest = record.clone();
    let written = record.keys().find(|given| given.eq_ignore_ascii_case(name)).cloned();
    let value = written.and_then(|written| rest.remove(&written)).unwrap_or(Value::Null);
    (rest, value)
}

/// Records by id; null for those that are not there.
pub(crate) fn read(call: &Call) -> Outcome {
    let of_body = |name: &str| {
        let list = call.body[name].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    let (ids, fields) = if call.body.is_object() {
        (of_body("ids"), of_body("fields"))
    } else {
        (call.list("ids"), call.list("fields"))
    };
    too_many(ids.len())?;
    if ids.is_empty() || fields.is_empty() {
        return Err(Failure::new("MISSING_ARGUMENT", "ids and fields must be given"));
    }
    call.service.with_state(|state, now_ms| {
        let object = call.object(state)?;
        let columns = columns(state, object, &fields)?;
        let told: Vec<String> = ids
            .iter()
            .map(|id| {
                let row = Id::parse(id).and_then(|id| state.tables[object].seen(id, now_ms)).filter(|row| !row.deleted);
                row.map_or("null".to_owned(), |row| render::record(state, object, row, &columns, &call.version, now_ms))
            })
            .collect();
        reply(200, format!("[{}]", told.join(",")))
    })
}
