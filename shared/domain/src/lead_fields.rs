//! Remembers which fields Marketo confirmed, so that not every pull has to ask, and plans with them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::people::FieldPlan;
use crate::ports::PeoplePorts;
use crate::settings::PeopleSettings;
use crate::{Failure, FailureKind};

const KEY: &str = "lead-fields";
/// Fields come and go rarely; one that went shows itself at once by code 1006.
const ASK_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Confirmed {
    names: Vec<String>,
    asked_at: Timestamp,
}

/// The fields to ask for under these settings.
///
/// # Errors
/// `BadSetting` when the settings and Marketo do not fit; those of describe.
pub async fn plan(ports: &PeoplePorts, settings: &PeopleSettings) -> Result<FieldPlan, Failure> {
    let stored = ports.state.load(KEY).await?;
    let version = stored.as_ref().map(|d| d.version);
    let known: Option<Confirmed> = stored.and_then(|d| serde_json::from_value(d.value).ok());
    let now = ports.clock.now();
    if let Some(known) = known.filter(|k| now.duration_since(k.asked_at) < ASK_AGAIN_AFTER)
        && let Ok(plan) = FieldPlan::new(settings, &known.names)
    {
        return Ok(plan);
    }
    let names = ports.marketo.lead_fields().await?;
    let plan = FieldPlan::new(settings, &names)?;
    save(ports, &Confirmed { names, asked_at: now }, version).await?;
    Ok(plan)
}

/// Forgets what Marketo confirmed, after it refused a field.
///
/// # Errors
/// `Unavailable`.
pub async fn forget(ports: &PeoplePorts) -> Result<(), Failure> {
    let version = ports.state.load(KEY).await?.map(|d| d.version);
    save(ports, &Confirmed { names: Vec::new(), asked_at: Timestamp::UNIX_EPOCH }, version).await
}

async fn save(ports: &PeoplePorts, confirmed: &Confirmed, seen: Option<u64>) -> Result<(), Failure> {
    let value = serde_json::to_value(confirmed).map_err(|e| Failure::new(FailureKind::CorruptState, e.to_string()))?;
    match ports.state.save(KEY, &value, seen).await {
        // Another function asked at the same moment and got the same answer.
        Err(failure) if failure.kind == FailureKind::Conflict => Ok(()),
        other => other.map(drop),
    }
}
