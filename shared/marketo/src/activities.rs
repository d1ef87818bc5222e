//! The wire shape of activities. Must not know what is done about them.

use domain::Failure;
use domain::people::MarketoId;
use domain::ports::{Activity, ActivityKind};
use serde::Deserialize;
use serde_json::Value;

use crate::classify::Spot;
use crate::values::WireId;
use crate::{times, values};

#[derive(Deserialize)]
struct WireActivity {
    #[serde(rename = "marketoGUID")]
    marketo_guid: Option<String>,
    #[serde(rename = "leadId")]
    lead_id: Option<WireId>,
    #[serde(rename = "activityDate")]
    activity_date: Option<String>,
    #[serde(rename = "activityTypeId")]
    activity_type_id: Option<WireId>,
    attributes: Option<Vec<WireAttribute>>,
}

#[derive(Deserialize)]
struct WireAttribute {
    name: Option<String>,
    #[serde(default)]
    value: Value,
}

/// All activities of a page; one that cannot be understood spoils the page, because passing over it would lose a change.
pub(crate) fn read(spot: Spot<'_>, result: Vec<Value>) -> Result<Vec<Activity>, Failure> {
    values::items::<WireActivity>(spot, result)?.into_iter().map(|wire| activity(spot, wire)).collect()
}

fn activity(spot: Spot<'_>, wire: WireActivity) -> Result<Activity, Failure> {
    let type_id = wire.activity_type_id.as_ref().and_then(WireId::get);
    let type_id = type_id.ok_or_else(|| spot.nonsense("an activity came without an activityTypeId"))?;
    let lacking = |what: &str| spot.nonsense(&format!("an activity of type {type_id} came {what}"));
    let person = wire.lead_id.as_ref().and_then(WireId::get).ok_or_else(|| lacking("without a leadId"))?;
    let at = wire
        .activity_date
        .as_deref()
        .and_then(times::parse)
        .ok_or_else(|| lacking("without a readable activityDate"))?;
    let kind = match type_id {
        12 => ActivityKind::NewPerson,
        13 => ActivityKind::FieldChange,
        23 => ActivityKind::OwnerChange,
        32 => {
            let losers = merged_ids(wire.attributes.as_deref().unwrap_or_default());
            ActivityKind::Merge(losers.ok_or_else(|| lacking("without readable Merge IDs"))?)
        }
        34..=36 => ActivityKind::OpportunityChange,
        37 => ActivityKind::Deletion,
        100 => ActivityKind::PartitionChange,
        other => ActivityKind::Other(other),
    };
    Ok(Activity { guid: wire.marketo_guid.unwrap_or_default(), person: MarketoId(person), at, kind })
}

/// The losers of a merge: a list of numbers by the records seen, but text and single numbers are documented as possible for attributes.
fn merged_ids(attributes: &[WireAttribute]) -> Option<Vec<MarketoId>> {
    let is_it = |attribute: &&WireAttribute| {
        attribute.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("Merge IDs"))
    };
    let ids: Option<Vec<i64>> = match &attributes.iter().find(is_it)?.value {
        Value::Array(items) => items.iter().map(values::integer).collect(),
        Value::String(text) => {
            let bare = text.trim().trim_start_matches('[').trim_end_matches(']');
            bare.split([',', ';']).map(|part| part.trim().trim_matches('"').parse().ok()).collect()
        }
        single => values::integer(single).map(|id| vec![id]),
    };
    ids.filter(|ids| !ids.is_empty()).map(|ids| ids.into_iter().map(MarketoId).collect())
}
