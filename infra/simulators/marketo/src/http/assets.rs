//! The few assets that clients look at before they read people: folders, programs, lists, campaigns.
//! Must not know people.

use serde_json::{Value, json};

use super::call::{Call, Failure, Outcome, Reply, result};
use super::export::SMART_LIST;
use super::leads::LISTS;
use crate::clock::{iso, parse};

/// The asset API writes dates with two zones at once.
fn asset_date(seconds: i64) -> String {
    iso(seconds) + "+0000"
}

fn paged(call: &Call, rows: Vec<Value>) -> Outcome {
    let number = |name: &str, usual: usize| match call.param(name) {
        None => Ok(usual),
        Some(text) => text.parse::<usize>().map_err(|_| Failure::new("1001", format!("Invalid value for '{name}'"))),
    };
    let (offset, most) = (number("offset", 0)?, number("maxReturn", 20)?.min(200));
    let page: Vec<Value> = rows.into_iter().skip(offset).take(most).collect();
    if page.is_empty() {
        return none_found(call);
    }
    Ok(Reply::Envelope(json!({ "result": page, "errors": [], "warnings": [] })))
}

pub(crate) fn none_found(_: &Call) -> Outcome {
    let warning = "No assets found for the given search criteria.";
    Ok(Reply::Envelope(json!({ "errors": [], "warnings": [warning] })))
}

pub(crate) fn folders(call: &Call) -> Outcome {
    let oldest = call.subscription().base.first_at - 7_200;
    let names =
        [("Marketing Activities", 3_600), ("Design Studio", 0), ("Lead Database", 1_800), ("Analytics", 90_000)];
    let folder = |(at, (name, later)): (usize, &(&str, i64))| {
        let made = asset_date(oldest + later);
        json!({
            "id": at + 1,
            "name": name,
            "description": "",
            "createdAt": made,
            "updatedAt": made,
            "url": null,
            "folderId": { "id": at + 1, "type": "Folder" },
            "folderType": "Zone",
            "path": format!("/{name}"),
            "isArchive": false,
            "isSystem": true,
            "accessZoneId": 1,
            "workspace": "Default",
        })
    };
    paged(call, names.iter().enumerate().map(folder).collect())
}

fn time(call: &Call, name: &str) -> Result<Option<i64>, Failure> {
    let Some(text) = call.param(name) else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| Failure::new("1001", format!("Invalid value for '{name}'")))
}

/// All programs, or those last updated between two times, both included.
pub(crate) fn programs(call: &Call) -> Outcome {
    let updated = call.subscription().base.first_at;
    let (earliest, latest) = (time(call, "earliestUpdatedAt")?, time(call, "latestUpdatedAt")?);
    if earliest.is_some_and(|earliest| updated < earliest) || latest.is_some_and(|latest| updated > latest) {
        return none_found(call);
    }
    let made = asset_date(updated);
    let program = json!({
        "id": 1001,
        "name": "Simulated program",
        "description": "",
        "createdAt": made,
        "updatedAt": made,
        "url": "",
        "type": "Default",
        "channel": "Operational",
        "folder": { "type": "Folder", "value": 1, "folderName": "Marketing Activities" },
        "status": "",
        "workspace": "Default",
    });
    paged(call, vec![program])
}

pub(crate) fn smart_lists(call: &Call) -> Outcome {
    if !call.subscription().config.export.smart_lists {
        return none_found(call);
    }
    let (id, name) = SMART_LIST;
    let asked_other =
        call.param("name").is_some_and(|asked| asked != name) || (!call.path.is_empty() && call.id_part(0) != id);
    if asked_other {
        return none_found(call);
    }
    let made = asset_date(call.subscription().base.first_at);
    paged(call, vec![json!({ "id": id, "name": name, "createdAt": made, "updatedAt": made, "workspace": "Default" })])
}

pub(crate) fn static_lists(call: &Call) -> Outcome {
    let made = asset_date(call.subscription().base.first_at - 7_200);
    let row = |(id, name): &(i64, &str)| json!({ "id": id, "name": name, "createdAt": made, "updatedAt": made });
    paged(call, LISTS.iter().map(row).collect())
}

pub(crate) fn campaigns(call: &Call) -> Outcome {
    let made = iso(call.subscription().base.first_at);
    result(json!([{
        "id": 1100,
        "name": "Simulated campaign",
        "description": "",
        "type": "trigger",
        "programName": "Simulated program",
        "programId": 1001,
        "workspaceName": "Default",
        "createdAt": made,
        "updatedAt": made,
        "active": true,
    }]))
}

/// For the objects of which this subscription has none.
pub(crate) fn nothing(_: &Call) -> Outcome {
    result(Vec::<Value>::new())
}
