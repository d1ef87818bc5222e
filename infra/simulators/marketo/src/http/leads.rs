//! Reading people: by filter, by id, by list; the field catalogue; partitions and lists.
//! Must not change anything.

use serde_json::{Map, Value, json};

use super::call::{Call, Failure, Outcome, Reply, result};
use crate::clock::iso;
use crate::export::content::PeopleFilter;
use crate::world::fields::{self, FIELDS, Field, Kind, SEARCHABLE, Text};
use crate::world::hash::{hash, within};
use crate::world::history::{Cursor, Spot};
use crate::world::person::Person;
use crate::world::state::{Fate, Found, View};

const DEFAULT_FIELDS: [&str; 6] = ["id", "email", "updatedAt", "createdAt", "firstName", "lastName"];
/// More matches than this are refused.
const MOST_MATCHES: usize = 1_000;
/// Static lists: everybody, everybody with an owner, and one with members of its own.
pub(crate) const LISTS: [(i64, &str); 3] =
    [(101, "All people"), (102, "People with an owner"), (STORED_LIST, "Hand-picked people")];
pub(crate) const STORED_LIST: i64 = 201;

/// The fields asked for by name, or the usual ones.
fn asked_fields(call: &Call) -> Result<Vec<&'static Field>, Failure> {
    let names = call.list("fields");
    let names = if names.is_empty() { DEFAULT_FIELDS.to_vec() } else { names };
    let find =
        |name: &str| fields::by_name(name).ok_or_else(|| Failure::new("1006", format!("Field '{name}' not found")));
    names.into_iter().map(find).collect()
}

fn person_json(call: &Call, person: &Person, asked: &[&'static Field]) -> Value {
    let config = &call.subscription().config;
    let mut row = Map::new();
    row.insert("id".to_owned(), person.id.into());
    for field in asked {
        let value = person.value(field).to_json();
        let hashed = hash(config.seed, person.id.cast_unsigned(), 400 + field.id.cast_unsigned());
        if value.is_null() && within(hashed, config.omitted_null_share) {
            continue;
        }
        row.insert(field.name.to_owned(), value);
    }
    row.into()
}

pub(crate) fn by_filter(call: &Call) -> Outcome {
    let filter_type = call.required("filterType")?;
    call.required("filterValues")?;
    let values = call.list("filterValues");
    let asked = asked_fields(call)?;
    if !SEARCHABLE.contains(&filter_type) {
        return Err(Failure::new("1011", format!("filterType '{filter_type}' not supported")));
    }
    if values.len() > 300 {
        return Err(Failure::new("1003", "Too many values in filterValues, at most 300 are allowed"));
    }
    let view = call.subscription().with_state(|state, _| state.view());
    let ids = matching_ids(&view, filter_type, call)?;
    if ids.len() > MOST_MATCHES {
        return Err(Failure::new("1003", "Too many results match the filter"));
    }
    let offset = match call.param("nextPageToken").and_then(Cursor::from_token) {
        Some(Cursor { spot: Spot::Creation(offset), .. }) => usize::try_from(offset).unwrap_or(usize::MAX),
        _ => 0,
    };
    let size = call.batch_size()?;
    let page = ids.iter().skip(offset).take(size).filter_map(|id| view.person(*id));
    let rows: Vec<Value> = page.map(|person| person_json(call, &person, &asked)).collect();
    let mut reply = json!({ "result": rows });
    if ids.len() > offset.saturating_add(size) {
        reply["nextPageToken"] = token_of((offset + size) as u64);
    }
    Ok(Reply::Envelope(reply))
}

fn token_of(number: u64) -> Value {
    Cursor { spot: Spot::Creation(number), calm: false }.to_token().into()
}

fn matching_ids(view: &View, filter_type: &str, call: &Call) -> Result<Vec<i64>, Failure> {
    let values = call.list("filterValues");
    let which = match filter_type {
        "id" => {
            let mut ids = call.numbers("filterValues", 300)?;
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|id| view.is_alive(*id));
            return Ok(ids);
        }
        "email" => Text::Email,
        "sfdcLeadId" => Text::SfdcLead,
        "sfdcContactId" => Text::SfdcContact,
        "sfdcAccountId" => Text::SfdcAccount,
        "sfdcLeadOwnerId" => Text::SfdcOwner,
        "externalSalesPersonId" => Text::ExternalOwner,
        "leadPartitionId" => {
            let partition = fields::by_name("leadPartitionId");
            let wanted = |person: &Person| {
                partition.is_some_and(|field| {
                    let value = person.value(field).to_json().to_string();
                    values.contains(&value.as_str())
                })
            };
            return Ok(scan(view, wanted, MOST_MATCHES + 1));
        }
        "sfdcOpptyId" => {
            let in_roles =
                |person: &Person| view.roles(person.id).iter().any(|role| values.contains(&role.opportunity.as_str()));
            return Ok(scan(view, in_roles, MOST_MATCHES + 1));
        }
        // Cookies and social networks: nobody has any.
        _ => return Ok(Vec::new()),
    };
    Ok(view.ids_by_text(which, &values))
}

/// Looks at everybody until enough are found.
fn scan(view: &View, wanted: impl Fn(&Person) -> bool, enough: usize) -> Vec<i64> {
    members_after(view, 0, wanted).take(enough).map(|person| person.id).collect()
}

fn members_after<'a>(
    view: &'a View,
    from: i64,
    wanted: impl Fn(&Person) -> bool + 'a,
) -> impl Iterator<Item = Person> + 'a {
    let mut next = from;
    std::iter::from_fn(move || {
        while let Some((id, found)) = view.next_from(next) {
            next = id + 1;
            let person = match found {
                Found::Untouched(index) => Some(view.base.person(index)),
                Found::Changed(record) => (record.fate == Fate::Alive).then(|| record.person.clone()),
            };
            if let Some(person) = person.filter(&wanted) {
                return Some(person);
            }
        }
        None
    })
}

pub(crate) fn by_id(call: &Call) -> Outcome {
    let asked = asked_fields(call)?;
    let view = call.subscription().with_state(|state, _| state.view());
    let person = view.person(call.id_part(0)).ok_or_else(|| Failure::new("1004", "Lead not found"))?;
    result(vec![person_json(call, &person, &asked)])
}

pub(crate) fn list_members(call: &Call) -> Outcome {
    let asked = asked_fields(call)?;
    let list = call.id_part(0);
    let filter = list_filter(call, list)?;
    let view = call.subscription().with_state(|state, _| state.view());
    let from = match call.param("nextPageToken").map(Cursor::from_token) {
        None => 0,
        Some(Some(Cursor { spot: Spot::Creation(from), .. })) => from.cast_signed(),
        Some(_) => return Err(Failure::new("1003", "Invalid nextPageToken")),
    };
    let size = call.batch_size()?;
    let members: Vec<Person> = members_after(&view, from, |person| filter.takes(person)).take(size + 1).collect();
    let rows: Vec<Value> = members.iter().take(size).map(|person| person_json(call, person, &asked)).collect();
    let mut reply = json!({ "result": rows });
    if let Some(next) = members.get(size) {
        reply["nextPageToken"] = token_of(next.id.cast_unsigned());
    }
    Ok(Reply::Envelope(reply))
}

/// Who belongs to a static list.
pub(crate) fn list_filter(call: &Call, list: i64) -> Result<PeopleFilter, Failure> {
    match list {
        101 => Ok(PeopleFilter::Everybody),
        102 => Ok(PeopleFilter::Owned),
        STORED_LIST => {
            let members = call.subscription().with_state(|state, _| state.list_members.get(&list).cloned());
            Ok(PeopleFilter::Members(members.unwrap_or_default()))
        }
        _ => Err(Failure::new("1013", format!("List {list} not found"))),
    }
}

fn list_json(call: &Call, id: i64, name: &str) -> Value {
    let made = iso(call.subscription().base.first_at - 7_200);
    json!({ "id": id, "name": name, "workspaceName": "Default", "createdAt": made, "updatedAt": made })
}

pub(crate) fn lists(call: &Call) -> Outcome {
    let ids = call.numbers("id", 300)?;
    let names = call.list("name");
    let wanted =
        |(id, name): &&(i64, &str)| (ids.is_empty() || ids.contains(id)) && (names.is_empty() || names.contains(name));
    result(LISTS.iter().filter(wanted).map(|(id, name)| list_json(call, *id, name)).collect::<Vec<_>>())
}

pub(crate) fn list(call: &Call) -> Outcome {
    let found = LISTS.iter().find(|(id, _)| *id == call.id_part(0));
    let (id, name) = found.ok_or_else(|| Failure::new("1013", "List not found"))?;
    result(vec![list_json(call, *id, name)])
}

pub(crate) fn partitions(_: &Call) -> Outcome {
    result(json!([
        { "id": 1, "name": "Default", "description": "Initial system lead partition" },
        { "id": 2, "name": "EMEA", "description": "Europe, Middle East, Africa" },
    ]))
}

fn read_only(field: &Field) -> bool {
    matches!(field.kind, Kind::Id | Kind::Created | Kind::Updated | Kind::Formula)
}

pub(crate) fn describe(_: &Call) -> Outcome {
    let rows = FIELDS.iter().map(|field| {
        let mut row = json!({ "id": field.id, "displayName": field.display, "dataType": field.data_type });
        if field.length > 0 {
            row["length"] = field.length.into();
        }
        if !field.name.is_empty() {
            row["rest"] = json!({ "name": field.name, "readOnly": read_only(field) });
        }
        row["soap"] = json!({ "name": field.display.replace(' ', ""), "readOnly": read_only(field) });
        row
    });
    result(rows.collect::<Vec<_>>())
}

pub(crate) fn describe2(_: &Call) -> Outcome {
    let fields = FIELDS.iter().filter(|field| !field.name.is_empty()).map(|field| {
        let mut row = json!({
            "name": field.name,
            "displayName": field.display,
            "dataType": field.data_type,
            "updateable": !read_only(field),
            "crmManaged": field.name.starts_with("sfdc"),
        });
        if field.length > 0 {
            row["length"] = field.length.into();
        }
        row
    });
    let searchable: Vec<Value> = SEARCHABLE.iter().map(|name| json!([name])).collect();
    result(json!([{ "name": "API Lead", "searchableFields": searchable, "fields": fields.collect::<Vec<_>>() }]))
}

pub(crate) fn schema_fields(_: &Call) -> Outcome {
    let rows = FIELDS.iter().filter(|field| !field.name.is_empty()).map(|field| {
        json!({
            "displayName": field.display,
            "name": field.name,
            "description": null,
            "dataType": field.data_type,
            "length": field.length,
            "isHidden": false,
            "isHtmlEncodingInEmail": true,
            "isSensitive": false,
            "isCustom": false,
            "isApiCreated": false,
        })
    });
    result(rows.collect::<Vec<_>>())
}
