//! Writing people: sync, delete, merge, list membership. Simple forms of each.
//! Must not know how changes are logged.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply, result};
use super::leads::STORED_LIST;
use crate::world::fields::{self, Field, Kind, Text};
use crate::world::state::{State, When};

fn now(now_ms: i64) -> When {
    When { at_ms: now_ms, now_ms, visible_ms: now_ms }
}

fn skipped(id: Option<i64>, code: &str, message: &str) -> Value {
    let mut row = json!({ "status": "skipped", "reasons": [{ "code": code, "message": message }] });
    if let Some(id) = id {
        row["id"] = id.into();
    }
    row
}

pub(crate) fn sync(call: &Call) -> Outcome {
    let input = call.input()?;
    let action = call.body["action"].as_str().unwrap_or("createOrUpdate");
    let lookup = call.body["lookupField"].as_str().unwrap_or("email");
    if !["createOrUpdate", "createOnly", "updateOnly", "createDuplicate"].contains(&action) {
        return Err(Failure::new("1003", format!("Invalid value for action: {action}")));
    }
    if !fields::SEARCHABLE.contains(&lookup) {
        return Err(Failure::new("1011", format!("lookupField '{lookup}' not supported")));
    }
    let with_id = input.iter().any(|row| row.get("id").is_some());
    if with_id && action != "updateOnly" {
        return Err(Failure::new("1003", "Invalid data: id may be given with updateOnly only"));
    }
    let lookup = if with_id { "id" } else { lookup };
    let rows: Vec<Value> = call.subscription().with_state(|state, now_ms| {
        input.iter().map(|row| sync_one(state, row, action, lookup, now(now_ms))).collect()
    });
    result(rows)
}

fn sync_one(state: &mut State, row: &Value, action: &str, lookup: &str, when: When) -> Value {
    let Some(members) = row.as_object() else { return skipped(None, "1003", "Invalid data") };
    let mut writes: Vec<(&'static Field, Value)> = Vec::new();
    for (name, value) in members.iter().filter(|(name, _)| *name != "id") {
        match fields::by_name(name) {
            None => return skipped(None, "1006", &format!("Field '{name}' not found")),
            Some(field) if matches!(field.kind, Kind::Created | Kind::Updated | Kind::Formula) => {}
            Some(field) if field.name == "email" && value.as_str().is_some_and(|text| !text.is_ascii()) => {
                return skipped(None, "1003", "Invalid email address");
            }
            Some(field) => {
                let empty = value.as_str() == Some("");
                writes.push((field, if empty { Value::Null } else { value.clone() }));
            }
        }
    }
    let matches = if action == "createDuplicate" { Vec::new() } else { find(state, row, lookup) };
    let (id, status) = match (matches.as_slice(), action) {
        ([id], "createOrUpdate" | "updateOnly") => (*id, "updated"),
        ([], "updateOnly") => return skipped(None, "1004", "Lead not found"),
        ([], _) => (state.create_blank(when), "created"),
        ([id], _) => return skipped(Some(*id), "1005", "Lead already exists"),
        _ => return skipped(None, "1007", "Multiple leads match lookup criteria"),
    };
    for (field, value) in writes {
        state.write_field(id, field, value, when);
    }
    json!({ "id": id, "status": status })
}

fn find(state: &State, row: &Value, lookup: &str) -> Vec<i64> {
    let view = state.view();
    let text = row[lookup].as_str();
    let which = match lookup {
        "id" => {
            let id = row["id"].as_i64().or_else(|| row["id"].as_str()?.parse().ok());
            return id.filter(|id| view.is_alive(*id)).into_iter().collect();
        }
        "email" => Text::Email,
        "sfdcLeadId" => Text::SfdcLead,
        "sfdcContactId" => Text::SfdcContact,
        _ => return Vec::new(),
    };
    text.map(|text| view.ids_by_text(which, &[text])).unwrap_or_default()
}

pub(crate) fn delete(call: &Call) -> Outcome {
    let mut ids: Vec<i64> = call.numbers("id", 300)?;
    if ids.is_empty() {
        ids = call.input()?.iter().map(|row| row["id"].as_i64().unwrap_or(0)).collect();
    }
    let rows: Vec<Value> = call.subscription().with_state(|state, now_ms| {
        let one = |id: i64| {
            if state.living(id).is_none() {
                return skipped(Some(id), "1004", "Lead not found");
            }
            state.delete(id, now(now_ms));
            json!({ "id": id, "status": "deleted" })
        };
        ids.into_iter().map(one).collect()
    });
    result(rows)
}

pub(crate) fn merge(call: &Call) -> Outcome {
    let winner = call.id_part(0);
    let mut losers = call.numbers("leadIds", 25)?;
    losers.extend(call.numbers("leadId", 1)?);
    if losers.is_empty() {
        return Err(Failure::new("1002", "Missing value for required parameter 'leadIds'"));
    }
    call.subscription().with_state(|state, now_ms| {
        let missing = [winner].iter().chain(&losers).find(|id| state.living(**id).is_none()).copied();
        if let Some(id) = missing {
            return Err(Failure::new("1004", format!("Lead {id} not found")));
        }
        if losers.contains(&winner) {
            return Err(Failure::new("712", "A lead cannot be merged with itself"));
        }
        for loser in losers {
            state.merge(winner, loser, false, now(now_ms));
        }
        Ok(Reply::Envelope(json!({})))
    })
}

pub(crate) fn add_to_list(call: &Call) -> Outcome {
    change_list(call, true)
}

pub(crate) fn remove_from_list(call: &Call) -> Outcome {
    change_list(call, false)
}

fn change_list(call: &Call, add: bool) -> Outcome {
    let list = call.id_part(0);
    if list != STORED_LIST {
        return Err(Failure::new("1013", format!("List {list} not found, or its members are fixed")));
    }
    let mut ids: Vec<i64> = call.numbers("id", 300)?;
    if ids.is_empty() {
        ids = call.input()?.iter().map(|row| row["id"].as_i64().unwrap_or(0)).collect();
    }
    let rows: Vec<Value> = call.subscription().with_state(|state, _| {
        let one = |id: i64| {
            if state.living(id).is_none() {
                return skipped(Some(id), "1004", "Lead not found");
            }
            let members = state.list_members.entry(list).or_default();
            match (add, if add { members.insert(id) } else { members.remove(&id) }) {
                (true, _) => json!({ "id": id, "status": "added" }),
                (false, true) => json!({ "id": id, "status": "removed" }),
                (false, false) => skipped(Some(id), "1015", "Lead not in list"),
            }
        };
        ids.into_iter().map(one).collect()
    });
    result(rows)
}
