//! Custom activities: their types from draft to approval, and adding records of them.
//! Must not know how they are read back.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, result};
use crate::clock::{iso, parse};
use crate::world::activity::{Activity, Detail};
use crate::world::custom::{CustomAttribute, CustomType, Definition};
use crate::world::hash::{hash, within};
use crate::world::state::State;

const MOST_TYPES: usize = 10;
const MOST_ATTRIBUTES: usize = 20;
const MOST_ATTRIBUTE_BYTES: usize = 65_536;
const DATA_TYPES: [&str; 11] =
    ["string", "boolean", "integer", "float", "link", "email", "currency", "date", "datetime", "phone", "text"];

pub(crate) fn types(call: &Call) -> Outcome {
    result(call.subscription().with_state(|state, _| {
        state.custom_types.by_name.values().map(|kind| type_json(kind, false, false)).collect::<Vec<_>>()
    }))
}

fn type_json(kind: &CustomType, draft: bool, with_attributes: bool) -> Value {
    let definition = kind.definition(draft).cloned().unwrap_or_default();
    let mut row = json!({
        "id": kind.id,
        "apiName": kind.api_name,
        "name": definition.name,
        "triggerName": definition.trigger_name,
        "filterName": definition.filter_name,
        "status": kind.status(),
        "createdAt": iso(kind.created_at),
        "updatedAt": iso(kind.updated_at),
    });
    if let Some(description) = definition.description {
        row["description"] = description.into();
    }
    if with_attributes {
        let primary = definition.attributes.iter().find(|attribute| attribute.primary);
        row["primaryAttribute"] = primary.map_or(Value::Null, attribute_json);
        row["attributes"] = definition.attributes.iter().filter(|other| !other.primary).map(attribute_json).collect();
    }
    row
}

fn attribute_json(attribute: &CustomAttribute) -> Value {
    let mut row = json!({ "apiName": attribute.api_name, "name": attribute.name, "dataType": attribute.data_type });
    if let Some(description) = &attribute.description {
        row["description"] = description.as_str().into();
    }
    row
}

fn text(body: &Value, name: &str) -> Result<String, Failure> {
    let found = body[name].as_str().filter(|value| !value.is_empty());
    found
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("1002", format!("Missing value for required parameter '{name}'")))
}

fn read_attribute(body: &Value, primary: bool) -> Result<CustomAttribute, Failure> {
    let api_name = api_name(body)?;
    let data_type = body["dataType"].as_str().unwrap_or("string").to_lowercase();
    if !DATA_TYPES.contains(&data_type.as_str()) {
        return Err(Failure::new("1003", format!("Invalid dataType '{data_type}'")));
    }
    let description = body["description"].as_str().map(str::to_owned);
    let primary = primary || body["isPrimary"] == true;
    Ok(CustomAttribute { api_name, name: text(body, "name")?, description, data_type, primary })
}

fn api_name(body: &Value) -> Result<String, Failure> {
    let name = text(body, "apiName")?;
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain { Ok(name) } else { Err(Failure::new("1003", format!("Invalid apiName '{name}'"))) }
}

pub(crate) fn create_type(call: &Call) -> Outcome {
    let body = &call.body;
    let name = api_name(body)?;
    let primary = read_attribute(&body["primaryAttribute"], true)?;
    let definition = Definition {
        name: text(body, "name")?,
        description: body["description"].as_str().map(str::to_owned),
        trigger_name: text(body, "triggerName")?,
        filter_name: text(body, "filterName")?,
        attributes: vec![primary],
    };
    call.subscription().with_state(|state, now_ms| {
        let types = &mut state.custom_types;
        if types.by_name.len() >= MOST_TYPES {
            return Err(Failure::new("1027", format!("Maximum of {MOST_TYPES} custom activity types reached")));
        }
        if types.by_name.contains_key(&name) {
            return Err(Failure::new("1005", format!("Custom activity type '{name}' already exists")));
        }
        result(vec![type_json(types.add(&name, definition, now_ms / 1000), true, true)])
    })
}

/// Alters the type named in the path and sends it back.
fn with_type(call: &Call, act: impl FnOnce(&mut CustomType) -> Result<(), Failure>) -> Outcome {
    call.subscription().with_state(|state, now_ms| {
        let kind = state.custom_types.by_name.get_mut(call.part(0)).ok_or_else(|| unknown_type(call))?;
        act(kind)?;
        kind.updated_at = now_ms / 1000;
        result(vec![type_json(kind, kind.draft.is_some(), true)])
    })
}

fn unknown_type(call: &Call) -> Failure {
    Failure::new("1013", format!("Custom activity type '{}' not found", call.part(0)))
}

pub(crate) fn update_type(call: &Call) -> Outcome {
    let read = |name: &str| call.body[name].as_str().map(str::to_owned);
    with_type(call, |kind| {
        let frozen = kind.used && ["name", "triggerName", "filterName"].iter().any(|name| read(name).is_some());
        if frozen {
            return Err(Failure::new("1003", "Names of a type in use cannot be changed"));
        }
        let draft = kind.edited();
        draft.name = read("name").unwrap_or_else(|| draft.name.clone());
        draft.trigger_name = read("triggerName").unwrap_or_else(|| draft.trigger_name.clone());
        draft.filter_name = read("filterName").unwrap_or_else(|| draft.filter_name.clone());
        draft.description = read("description").or_else(|| draft.description.clone());
        Ok(())
    })
}

pub(crate) fn describe_type(call: &Call) -> Outcome {
    let draft = call.param("draft") == Some("true");
    call.subscription().with_state(|state, _| {
        let kind = state.custom_types.by_name.get(call.part(0)).ok_or_else(|| unknown_type(call))?;
        if draft && kind.draft.is_none() {
            return Err(Failure::new("1013", format!("Custom activity type '{}' has no draft", call.part(0))));
        }
        result(vec![type_json(kind, draft, true)])
    })
}

pub(crate) fn approve(call: &Call) -> Outcome {
    with_type(call, |kind| {
        let draft = kind.draft.take().ok_or_else(|| Failure::new("709", "There is no draft to approve"))?;
        kind.approved = Some(draft);
        Ok(())
    })
}

pub(crate) fn discard_draft(call: &Call) -> Outcome {
    with_type(call, |kind| {
        if kind.approved.is_none() || kind.draft.is_none() {
            return Err(Failure::new("709", "There is no draft of an approved type to discard"));
        }
        kind.draft = None;
        Ok(())
    })
}

pub(crate) fn delete_type(call: &Call) -> Outcome {
    call.subscription().with_state(|state, _| {
        let kind = state.custom_types.by_name.get(call.part(0)).ok_or_else(|| unknown_type(call))?;
        if kind.used {
            return Err(Failure::new("709", "The type is in use"));
        }
        let row = type_json(kind, false, false);
        state.custom_types.by_name.remove(call.part(0));
        result(vec![row])
    })
}

fn attributes(call: &Call) -> Result<&Vec<Value>, Failure> {
    let list = call.body["attributes"].as_array();
    list.ok_or_else(|| Failure::new("1002", "Missing value for required parameter 'attributes'"))
}

pub(crate) fn create_attributes(call: &Call) -> Outcome {
    let fresh: Result<Vec<_>, _> = attributes(call)?.iter().map(|body| read_attribute(body, false)).collect();
    let fresh = fresh?;
    with_type(call, |kind| {
        let draft = kind.edited();
        if let Some(known) = fresh.iter().find(|new| draft.attributes.iter().any(|old| old.api_name == new.api_name)) {
            return Err(Failure::new("1005", format!("Attribute '{}' already exists", known.api_name)));
        }
        if draft.attributes.len() + fresh.len() > MOST_ATTRIBUTES + 1 {
            return Err(Failure::new("1028", format!("Maximum of {MOST_ATTRIBUTES} attributes reached")));
        }
        draft.attributes.extend(fresh);
        Ok(())
    })
}

pub(crate) fn update_attributes(call: &Call) -> Outcome {
    let changes = attributes(call)?;
    with_type(call, |kind| {
        let draft = kind.edited();
        for body in changes {
            let name = api_name(body)?;
            let found = draft.attributes.iter_mut().find(|attribute| attribute.api_name == name);
            let attribute = found.ok_or_else(|| Failure::new("1013", format!("Attribute '{name}' not found")))?;
            let read = |name: &str| body[name].as_str().map(str::to_owned);
            attribute.name = read("name").unwrap_or_else(|| attribute.name.clone());
            attribute.data_type = read("dataType").unwrap_or_else(|| attribute.data_type.clone());
            attribute.description = read("description").or_else(|| attribute.description.clone());
        }
        Ok(())
    })
}

pub(crate) fn delete_attributes(call: &Call) -> Outcome {
    let names: Result<Vec<String>, _> = attributes(call)?.iter().map(api_name).collect();
    let names = names?;
    with_type(call, |kind| {
        kind.edited().attributes.retain(|attribute| attribute.primary || !names.contains(&attribute.api_name));
        Ok(())
    })
}

pub(crate) fn add(call: &Call) -> Outcome {
    let input = call.input()?;
    let config = &call.subscription().config;
    let rows: Vec<Value> = call.subscription().with_state(|state, now_ms| {
        let mut one = |record: &Value| match add_one(state, record, now_ms) {
            Ok(activity) => {
                let mut row = json!({ "marketoGUID": activity.guid(), "status": "added" });
                if let Some(id) = activity.legacy_id(config.seed, config.streams.missing_id_share) {
                    row["id"] = id.into();
                }
                row
            }
            Err(Failure { code, message }) => {
                json!({ "status": "skipped", "errors": [{ "code": code, "message": message }] })
            }
        };
        input.iter().map(&mut one).collect()
    });
    result(rows)
}

fn add_one(state: &mut State, record: &Value, now_ms: i64) -> Result<Activity, Failure> {
    let number = |name: &str| {
        let found = record[name].as_i64().or_else(|| record[name].as_str()?.parse().ok());
        found.ok_or_else(|| Failure::new("1002", format!("Missing value for required parameter '{name}'")))
    };
    let (lead, kind_id) = (number("leadId")?, number("activityTypeId")?);
    let date = parse(&text(record, "activityDate")?).ok_or_else(|| Failure::new("1003", "Invalid activityDate"))?;
    let primary = match &record["primaryAttributeValue"] {
        Value::Null => {
            return Err(Failure::new("1002", "Missing value for required parameter 'primaryAttributeValue'"));
        }
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let unknown = || Failure::new("1003", format!("Invalid activityTypeId {kind_id}"));
    let kind = state.custom_types.by_id(kind_id).ok_or_else(unknown)?;
    let definition = kind.approved.as_ref().ok_or_else(|| Failure::new("1003", "The activity type is not approved"))?;
    let given = &record["attributes"];
    if given.to_string().len() > MOST_ATTRIBUTE_BYTES {
        return Err(Failure::new("1049", "Attributes array is too long"));
    }
    let mut detail = Vec::new();
    for attribute in given.as_array().into_iter().flatten() {
        let (api_name, name) = (attribute["apiName"].as_str(), attribute["name"].as_str());
        let found = definition.attributes.iter().find(|known| {
            !known.primary && (Some(known.api_name.as_str()) == api_name || Some(known.name.as_str()) == name)
        });
        let asked = api_name.or(name).unwrap_or_default();
        let found = found.ok_or_else(|| Failure::new("1006", format!("Field '{asked}' not found")))?;
        detail.push((found.api_name.clone(), found.name.clone(), typed(&found.data_type, &attribute["value"])));
    }
    if !state.view().is_alive(lead) {
        return Err(Failure::new("1004", "Lead not found"));
    }
    if let Some(kind) = state.custom_types.by_name.values_mut().find(|kind| kind.id == kind_id) {
        kind.used = true;
    }
    let activity = Activity {
        number: state.log.next,
        lead,
        kind: kind_id,
        date,
        visible_ms: visible_from(state, now_ms),
        primary_id: None,
        primary: Some(primary),
        detail: Detail::Custom(detail),
    };
    state.log.next += 1;
    // An activity dated in the past stands in the log at its date, where only a fresh paging token finds it.
    let place = (date * 1000).clamp(state.base.start_at * 1000, now_ms);
    state.log.append(place, activity.clone());
    Ok(activity)
}

/// When the streams begin to show the next activity: at once, or late.
fn visible_from(state: &State, now_ms: i64) -> i64 {
    let streams = &state.streams;
    let late = within(hash(state.base.seed, state.log.next, 79), streams.late_custom_share);
    let late_ms = i64::try_from(streams.late_custom_seconds).unwrap_or(i64::MAX / 2000) * 1000;
    if late { now_ms + late_ms } else { now_ms }
}

/// Values come back in the type of their attribute.
fn typed(data_type: &str, value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    match data_type {
        "integer" => text.parse::<i64>().map_or_else(|_| value.clone(), Value::from),
        "float" | "currency" => text.parse::<f64>().map_or_else(|_| value.clone(), Value::from),
        "boolean" => text.parse::<bool>().map_or_else(|_| value.clone(), Value::from),
        _ => value.clone(),
    }
}
