//! The wire shape of activities. Must not know what is done about them.

use domain::Failure;
use domain::people::MarketoId;
use domain::ports::{Activity, ActivityKind, ActivitySearch, FoundActivity};
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
    /// What activities had before there was `marketoGUID`; not unique.
    id: Option<WireId>,
}

#[derive(Deserialize)]
struct WireAttribute {
    #[serde(rename = "apiName")]
    api_name: Option<String>,
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

/// All activities of a page with the value of the attribute that is looked for; one that cannot be understood spoils the page, because
/// passing over it would make somebody add it again.
pub(crate) fn found(
    spot: Spot<'_>,
    result: Vec<Value>,
    search: &ActivitySearch,
) -> Result<Vec<FoundActivity>, Failure> {
    let read = |wire: WireActivity| {
        let type_id = wire.activity_type_id.as_ref().and_then(WireId::get);
        let type_id = type_id.ok_or_else(|| spot.nonsense("an activity came without an activityTypeId"))?;
        let person = wire.lead_id.as_ref().and_then(WireId::get);
        let person = person.ok_or_else(|| spot.nonsense("an activity came without a leadId"))?;
        if !search.types.contains(&type_id) {
            return Err(spot.nonsense("an activity came of a type that was not asked for"));
        }
        let guid = wire.marketo_guid.filter(|guid| !guid.is_empty());
        let guid = guid.or_else(|| wire.id.as_ref().and_then(WireId::get).map(|id| id.to_string()));
        let guid = guid.ok_or_else(|| spot.nonsense("an activity came without a marketoGUID"))?;
        let attributes = wire.attributes.unwrap_or_default();
        let value = attributes.into_iter().find(|attribute| attribute.is_sought(search)).map(|found| found.value);
        Ok(FoundActivity { guid, person: MarketoId(person), type_id, value: values::text(value) })
    };
    values::items::<WireActivity>(spot, result)?.into_iter().map(read).collect()
}

impl WireAttribute {
    /// Some answers name attributes by API name and name, others by name alone.
    fn is_sought(&self, search: &ActivitySearch) -> bool {
        let is = |name: &str, wanted: &str| name.eq_ignore_ascii_case(wanted);
        match (self.api_name.as_deref().filter(|name| !name.is_empty()), self.name.as_deref()) {
            (Some(api_name), _) => is(api_name, search.attribute),
            (None, Some(name)) => is(name, search.attribute_name) || is(name, search.attribute),
            (None, None) => false,
        }
    }
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
