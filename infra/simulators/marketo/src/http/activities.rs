//! The activity streams: paging token, all activities, lead changes, deleted leads.
//! Must not know how the log is kept.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply};
use crate::clock::{iso, parse};
use crate::export::content::PeopleFilter;
use crate::world::activity::{Activity, Attribute, CHANGE_VALUE, DELETE, Detail, NEW_LEAD, printed};
use crate::world::fields;
use crate::world::history::{Cursor, Page, Wanted};

pub(crate) fn paging_token(call: &Call) -> Outcome {
    let text = call.required("sinceDatetime")?;
    let since =
        parse(text).ok_or_else(|| Failure::new("1001", format!("Invalid value for sinceDatetime: '{text}'")))?;
    let token = call.subscription().with_state(|state, now_ms| state.history(now_ms).cursor_at(since).to_token());
    Ok(Reply::Envelope(json!({ "nextPageToken": token })))
}

fn page(call: &Call, wanted: &Wanted) -> Result<Page, Failure> {
    let token = call.required("nextPageToken")?;
    let cursor =
        Cursor::from_token(token).ok_or_else(|| Failure::new("1003", format!("Invalid nextPageToken '{token}'")))?;
    let size = call.batch_size()?;
    let history = call.subscription().with_state(|state, now_ms| state.history(now_ms));
    Ok(history.page(cursor, wanted, size, &call.subscription().config.streams))
}

fn send(call: &Call, page: &Page, row: impl Fn(&Call, &Activity) -> Value) -> Outcome {
    let rows: Vec<Value> = page.rows.iter().map(|activity| row(call, activity)).collect();
    let mut reply = json!({ "nextPageToken": page.next.to_token(), "moreResult": page.more });
    // Marketo leaves the member out when there is nothing to put into it.
    if !rows.is_empty() {
        reply["result"] = rows.into();
    }
    Ok(Reply::Envelope(reply))
}

/// The people named by `leadIds` or belonging to `listId`.
fn named_leads(call: &Call) -> Result<Option<BTreeSet<i64>>, Failure> {
    let ids = call.numbers("leadIds", 30)?;
    let Some(list) = call.param("listId") else {
        return Ok((!ids.is_empty()).then(|| ids.into_iter().collect()));
    };
    if !ids.is_empty() {
        return Err(Failure::new("1003", "leadIds and listId exclude each other"));
    }
    let list = list.parse().map_err(|_| Failure::new("1001", "Invalid value for parameter 'listId'"))?;
    match super::leads::list_filter(call, list)? {
        PeopleFilter::Members(members) => Ok(Some(members)),
        _ if call.subscription().base.people < 10_000 => Ok(None),
        _ => Err(Failure::new("1003", "The static list has too many members")),
    }
}

pub(crate) fn all(call: &Call) -> Outcome {
    call.required("activityTypeIds")?;
    let kinds = call.numbers("activityTypeIds", 10)?;
    let wanted = Wanted { kinds, leads: named_leads(call)?, fields: Vec::new() };
    send(call, &page(call, &wanted)?, activity_json)
}

pub(crate) fn deleted_leads(call: &Call) -> Outcome {
    let wanted = Wanted { kinds: vec![DELETE], ..Wanted::default() };
    send(call, &page(call, &wanted)?, activity_json)
}

pub(crate) fn lead_changes(call: &Call) -> Outcome {
    call.required("fields")?;
    let find = |name: &str| {
        let field = fields::by_name(name).ok_or_else(|| Failure::new("1006", format!("Field '{name}' not found")))?;
        Ok(field.id)
    };
    let fields: Result<Vec<i64>, Failure> = call.list("fields").into_iter().map(find).collect();
    let wanted = Wanted { kinds: vec![NEW_LEAD, CHANGE_VALUE], leads: named_leads(call)?, fields: fields? };
    send(call, &page(call, &wanted)?, change_json)
}

fn attribute_json(attribute: Attribute) -> Value {
    let mut row = json!({ "name": attribute.name, "value": attribute.value });
    if let Some(api_name) = attribute.api_name {
        row["apiName"] = api_name.into();
    }
    row
}

fn head_json(call: &Call, activity: &Activity) -> Value {
    let config = &call.subscription().config;
    let mut row = json!({
        "marketoGUID": activity.guid(),
        "leadId": activity.lead,
        "activityDate": iso(activity.date),
        "activityTypeId": activity.kind,
    });
    if let Some(id) = activity.legacy_id(config.seed, config.streams.missing_id_share) {
        row["id"] = id.into();
    }
    row
}

fn activity_json(call: &Call, activity: &Activity) -> Value {
    let mut row = head_json(call, activity);
    if let Some(id) = activity.primary_id {
        row["primaryAttributeValueId"] = id.into();
    }
    if let Some(value) = &activity.primary {
        row["primaryAttributeValue"] = value.as_str().into();
    }
    row["attributes"] = activity.attributes().into_iter().map(attribute_json).collect();
    row
}

fn change_json(call: &Call, activity: &Activity) -> Value {
    let mut row = head_json(call, activity);
    let mut attributes: Vec<Value> = activity
        .attributes()
        .into_iter()
        .filter(|attribute| !["New Value", "Old Value"].contains(&attribute.name.as_str()))
        .map(attribute_json)
        .collect();
    if let Detail::Change { field, old, new, .. } = &activity.detail {
        row["fields"] =
            json!([{ "id": field.id, "name": field.name, "newValue": printed(new), "oldValue": printed(old) }]);
        attributes.push(json!({ "name": "Lead ID", "value": activity.lead }));
    }
    row["attributes"] = attributes.into();
    row
}
