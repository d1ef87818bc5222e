//! Opportunity roles: pages and wire shape. Must not know which role wins.

use std::collections::HashSet;

use domain::Failure;
use domain::people::MarketoId;
use domain::ports::OpportunityRole;
use serde::Deserialize;
use serde_json::Value;

use crate::classify::Spot;
use crate::client::Inner;
use crate::envelope::Expect;
use crate::request::Request;
use crate::values::WireId;
use crate::{routes, times, values};

/// Roles per page, the database API's largest.
const PAGE: &str = "300";
/// Most pages of the roles of one batch of people: 30,000 roles of 300 people.
const MAX_PAGES: usize = 100;
const FIELDS: &str = "externalOpportunityId,leadId,role,isPrimary,externalCreatedDate";

#[derive(Deserialize)]
struct WireRole {
    #[serde(rename = "leadId")]
    lead_id: Option<WireId>,
    #[serde(rename = "externalOpportunityId")]
    external_opportunity_id: Option<String>,
    #[serde(default, rename = "isPrimary")]
    is_primary: Value,
    #[serde(rename = "externalCreatedDate")]
    external_created_date: Option<String>,
}

/// All roles of these people, every page.
pub(crate) async fn read(
    inner: &Inner,
    ids: &[MarketoId],
    filter_values: &str,
) -> Result<Vec<OpportunityRole>, Failure> {
    let asked: HashSet<MarketoId> = ids.iter().copied().collect();
    let mut roles = Vec::new();
    let mut token: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut query =
            vec![("filterType", "leadId"), ("filterValues", filter_values), ("fields", FIELDS), ("batchSize", PAGE)];
        query.extend(token.as_deref().map(|token| ("nextPageToken", token)));
        let request = Request::get_or_post(routes::ROLES, routes::ROLES_BY_POST, Expect::Result, &query);
        let envelope = inner.call(&request).await?;
        let spot = inner.spot(request.route);
        for wire in values::items::<WireRole>(spot, envelope.result.unwrap_or_default())? {
            roles.push(role(spot, wire, &asked)?);
        }
        if envelope.next_page_token.is_none() {
            return Ok(roles);
        }
        token = envelope.next_page_token;
    }
    Err(inner.spot(routes::ROLES).nonsense("there are more pages of roles than 300 people can have"))
}

fn role(spot: Spot<'_>, wire: WireRole, asked: &HashSet<MarketoId>) -> Result<OpportunityRole, Failure> {
    let person = wire.lead_id.and_then(|id| id.get()).map(MarketoId);
    let person = person.ok_or_else(|| spot.nonsense("a role came without a leadId"))?;
    if !asked.contains(&person) {
        return Err(spot.nonsense("a role came for a person who was not asked for"));
    }
    let opportunity = wire.external_opportunity_id.filter(|id| !id.is_empty());
    let opportunity = opportunity.ok_or_else(|| spot.nonsense("a role came without an externalOpportunityId"))?;
    let primary = match &wire.is_primary {
        Value::Bool(primary) => *primary,
        Value::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    let created = match wire.external_created_date.filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            Some(times::parse(&text).ok_or_else(|| spot.nonsense("a role's externalCreatedDate is no date"))?)
        }
    };
    Ok(OpportunityRole { person, opportunity, primary, created })
}
