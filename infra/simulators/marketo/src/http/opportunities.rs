//! Opportunities and the roles that people have in them.
//! Must not know which role a reader prefers.

use serde_json::{Map, Value, json};

use super::call::{Call, Failure, Outcome, Reply, result};
use crate::clock::iso;
use crate::world::history::{Cursor, Spot};
use crate::world::person::Role;
use crate::world::salesforce_id;

const ROLE_FIELDS: [&str; 8] = [
    "marketoGUID",
    "externalOpportunityId",
    "leadId",
    "role",
    "isPrimary",
    "externalCreatedDate",
    "createdAt",
    "updatedAt",
];
const DEFAULT_ROLE_FIELDS: usize = 6;

fn allowed(call: &Call) -> Result<(), Failure> {
    if call.subscription().config.roles { Ok(()) } else { Err(Failure::new("603", "Access denied")) }
}

fn role_json(lead: i64, role: &Role, fields: &[&str]) -> Value {
    let mut row = Map::new();
    for field in fields {
        let value: Value = match *field {
            "marketoGUID" => role.guid.as_str().into(),
            "externalOpportunityId" => role.opportunity.as_str().into(),
            "leadId" => lead.into(),
            "role" => role.role.into(),
            "isPrimary" => role.primary.into(),
            _ => iso(role.created_at).into(),
        };
        row.insert((*field).to_owned(), value);
    }
    row.into()
}

pub(crate) fn roles(call: &Call) -> Outcome {
    allowed(call)?;
    let mut fields = call.list("fields");
    if fields.is_empty() {
        fields = ROLE_FIELDS[..DEFAULT_ROLE_FIELDS].to_vec();
    }
    if let Some(unknown) = fields.iter().find(|name| !ROLE_FIELDS.contains(name)) {
        return Err(Failure::new("1006", format!("Field '{unknown}' not found")));
    }
    let found = wanted_roles(call)?;
    let offset = match call.param("nextPageToken").map(Cursor::from_token) {
        None => 0,
        Some(Some(Cursor { spot: Spot::Creation(offset), .. })) => usize::try_from(offset).unwrap_or(usize::MAX),
        Some(_) => return Err(Failure::new("1003", "Invalid nextPageToken")),
    };
    let size = call.batch_size()?;
    let page = found.iter().skip(offset).take(size).enumerate();
    let rows: Vec<Value> = page
        .map(|(seq, (lead, role))| {
            let mut row = role_json(*lead, role, &fields);
            row["seq"] = seq.into();
            row
        })
        .collect();
    let mut reply = json!({ "result": rows });
    if found.len() > offset.saturating_add(size) {
        let next = Cursor { spot: Spot::Creation((offset + size) as u64), calm: false };
        reply["nextPageToken"] = next.to_token().into();
    }
    Ok(Reply::Envelope(reply))
}

fn wanted_roles(call: &Call) -> Result<Vec<(i64, Role)>, Failure> {
    let view = call.subscription().with_state(|state, _| state.view());
    let of_lead = |lead: i64| view.roles(lead).into_iter().map(move |role| (lead, role));
    let filter_type = call.param("filterType").or(call.body["filterType"].as_str());
    let filter_type =
        filter_type.ok_or_else(|| Failure::new("1002", "Missing value for required parameter 'filterType'"))?;
    match filter_type {
        "leadId" => {
            call.required("filterValues")?;
            let leads = call.numbers("filterValues", 300)?;
            Ok(leads.into_iter().flat_map(of_lead).collect())
        }
        "dedupeFields" => {
            let same = |asked: &Value, lead: i64, role: &Role| {
                asked["leadId"].as_i64() == Some(lead)
                    && asked["role"].as_str().is_none_or(|name| name == role.role)
                    && asked["externalOpportunityId"].as_str().is_none_or(|id| id == role.opportunity)
            };
            let asked = call.input()?.iter();
            let found = asked.flat_map(|asked| {
                of_lead(asked["leadId"].as_i64().unwrap_or(0)).filter(move |(lead, role)| same(asked, *lead, role))
            });
            Ok(found.collect())
        }
        "externalOpportunityId" | "marketoGUID" => {
            call.required("filterValues")?;
            let values: Vec<String> = call.list("filterValues").into_iter().map(salesforce_id::extend).collect();
            let mut found = Vec::new();
            let mut next = 0;
            while let Some((lead, _)) = view.next_from(next) {
                next = lead + 1;
                found.extend(of_lead(lead).filter(|(_, role)| {
                    values.contains(&role.guid) || values.contains(&salesforce_id::extend(&role.opportunity))
                }));
            }
            Ok(found)
        }
        other => Err(Failure::new("1003", format!("Invalid filterType '{other}'"))),
    }
}

pub(crate) fn by_filter(call: &Call) -> Outcome {
    allowed(call)?;
    let filter_type = call.required("filterType")?;
    if !["externalOpportunityId", "idField", "dedupeFields", "marketoGUID"].contains(&filter_type) {
        return Err(Failure::new("1003", format!("Invalid filterType '{filter_type}'")));
    }
    call.required("filterValues")?;
    let values = call.list("filterValues");
    if values.len() > 300 {
        return Err(Failure::new("1003", "Too many values in filterValues"));
    }
    let known = values.into_iter().filter(|id| id.starts_with("006")).enumerate();
    let rows = known.map(|(seq, id)| {
        json!({ "seq": seq, "marketoGUID": format!("opp-{id}"), "externalOpportunityId": id, "name": format!("Deal {id}"), "stage": "Prospecting" })
    });
    result(rows.collect::<Vec<_>>())
}

fn describe_json(name: &str, searchable: Value, fields: &[&str]) -> Outcome {
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| json!({ "name": field, "displayName": field, "dataType": "string", "updateable": false }))
        .collect();
    result(json!([{ "name": name, "idField": "marketoGUID", "searchableFields": searchable, "fields": fields }]))
}

pub(crate) fn describe(call: &Call) -> Outcome {
    allowed(call)?;
    let fields = ["marketoGUID", "externalOpportunityId", "name", "stage", "createdAt", "updatedAt"];
    describe_json("Opportunity", json!([["externalOpportunityId"], ["marketoGUID"]]), &fields)
}

pub(crate) fn describe_roles(call: &Call) -> Outcome {
    allowed(call)?;
    let searchable =
        json!([["externalOpportunityId", "leadId", "role"], ["marketoGUID"], ["leadId"], ["externalOpportunityId"]]);
    describe_json("Opportunity Role", searchable, &ROLE_FIELDS)
}
