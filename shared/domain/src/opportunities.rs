//! Reads opportunity roles, and remembers where a subscription refuses them: that is said once, and not asked again for a day. Once they
//! are given after a refusal, everybody is read again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::people::{MarketoId, SeenOpportunity, chosen_opportunity};
use crate::ports::{OpportunityRole, PeoplePorts, SyncState};
use crate::{Failure, FailureKind, initial_sync};

/// Key of the document that remembers a refusal.
pub const KEY: &str = "opportunity-roles";
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A refusal of the opportunity roles API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was said.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// The opportunities of these people (at most 300); empty where the subscription refuses the API. `changed` tells of the latest change
/// that the log knows, by person.
///
/// # Errors
/// Any failure but a refusal.
pub async fn read(
    ports: &PeoplePorts,
    ids: &[MarketoId],
    changed: &BTreeMap<MarketoId, Timestamp>,
) -> Result<BTreeMap<MarketoId, SeenOpportunity>, Failure> {
    let refusal = refusal(&*ports.state).await?;
    let refused = refusal.as_ref().is_some_and(|r| ports.clock.now().duration_since(r.at) < ASK_AGAIN_AFTER);
    if ids.is_empty() || refused {
        return Ok(BTreeMap::new());
    }
    ports.marketo.connect().await?;
    let as_of = ports.marketo.now();
    let roles = match ports.marketo.opportunity_roles(ids).await {
        Ok(roles) => roles,
        Err(failure)
            if matches!(failure.kind, FailureKind::AccessDenied | FailureKind::Unsupported | FailureKind::NotFound) =>
        {
            tracing::warn!(
                sync.code = failure.code.as_deref(),
                "opportunity roles are refused; people are synced without an opportunity"
            );
            remember(ports, Some(Refusal { message: failure.to_string(), at: ports.clock.now() })).await?;
            return Ok(BTreeMap::new());
        }
        Err(failure) => return Err(failure),
    };
    if refusal.is_some() {
        // In this order: a run asked for twice is one, a refusal forgotten without it would leave everybody without an opportunity.
        initial_sync::request(ports, false).await?;
        remember(ports, None).await?;
    }
    let mut by_person: BTreeMap<MarketoId, Vec<&OpportunityRole>> = BTreeMap::new();
    for role in &roles {
        by_person.entry(role.person).or_default().push(role);
    }
    let seen = ids.iter().map(|id| {
        let opportunity = by_person.get(id).and_then(|roles| chosen_opportunity(roles.iter().copied()));
        (*id, SeenOpportunity { opportunity, as_of, changed_at: changed.get(id).copied() })
    });
    Ok(seen.collect())
}

/// The refusal remembered, if there is one.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn refusal(state: &dyn SyncState) -> Result<Option<Refusal>, Failure> {
    let Some(document) = state.load(KEY).await? else { return Ok(None) };
    serde_json::from_value(document.value).map_err(|_| {
        Failure::new(
            FailureKind::CorruptState,
            format!("the stored document `{KEY}` is not in a form this program writes"),
        )
    })
}

async fn remember(ports: &PeoplePorts, refusal: Option<Refusal>) -> Result<(), Failure> {
    let seen = ports.state.load(KEY).await?.map(|d| d.version);
    let value = serde_json::to_value(&refusal).map_err(|e| Failure::new(FailureKind::CorruptState, e.to_string()))?;
    match ports.state.save(KEY, &value, seen).await {
        Err(conflict) if conflict.kind == FailureKind::Conflict => Ok(()),
        other => other.map(drop),
    }
}
