//! What the reconciler keeps from pass to pass, in one document under a lease: one reconciler at a time writes boxes. Knows no plan.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::gate::Gate;
use crate::lease::{self, Lease, Life};
use crate::ports::{OptOutPorts, PersonObject, SyncState};
use crate::reading::Reading;

/// Name of the document.
pub const KEY: &str = "unsubscribe-reconciler";
/// Longest that a reconciler holds it without a sign of life.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// How long after it was switched on the reconciler only counts what it would tick in Salesforce.
pub(super) const FIRST_LOOK: SignedDuration = SignedDuration::from_hours(1);

/// What the first pass after the switch saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirstLook {
    /// Until when nothing that was found is written to Salesforce.
    pub until: Timestamp,
    /// Boxes that would be ticked.
    pub in_salesforce: u64,
    /// Addresses taken into the register, which is done at once.
    pub in_actions: u64,
}

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reconciler {
    #[serde(flatten)]
    pub gate: Gate,
    /// The boxes that the rest is about.
    pub fields: Vec<String>,
    pub contacts: Reading,
    pub leads: Reading,
    /// Whether the boxes were found to be readable and writable, and not refused since.
    pub usable: bool,
    pub first_look: Option<FirstLook>,
    /// When the last whole pass began.
    pub in_step_at: Option<Timestamp>,
    /// Boxes that were restored so far.
    pub restored: u64,
}

impl Reconciler {
    /// What holds for these boxes: with others, everything is looked at anew.
    pub fn with_fields(&mut self, fields: &[String]) {
        if self.fields != fields {
            let gate = std::mem::take(&mut self.gate);
            *self = Self { gate, fields: fields.to_vec(), restored: self.restored, ..Self::default() };
        }
    }

    pub fn reading(&mut self, object: PersonObject) -> &mut Reading {
        match object {
            PersonObject::Contact => &mut self.contacts,
            PersonObject::Lead => &mut self.leads,
        }
    }

    /// Everything is read again from the first record.
    pub fn read_anew(&mut self) {
        (self.contacts, self.leads) = (Reading::default(), Reading::default());
    }
}

/// Takes the document; `None` when somebody else holds it.
pub(super) async fn take(
    ports: &OptOutPorts,
    deadline: Option<Timestamp>,
) -> Result<Option<Lease<'_, Reconciler>>, Failure> {
    let holder = format!("{:016x}", ports.chance.next_u64());
    lease::take(&*ports.state, &*ports.clock, KEY, &holder, Life::within(LEASE, deadline)).await
}

/// What is kept, without taking it.
pub(super) async fn peek(state: &dyn SyncState) -> Result<Reconciler, Failure> {
    Ok(lease::peek(state, KEY).await?.unwrap_or_default())
}

/// Lets the next pass try at once, whoever held the document or closed the gate. Only for a caller who knows that nobody else is alive, such as
/// the program that alone owns the store.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn reopen(ports: &OptOutPorts) -> Result<(), Failure> {
    lease::break_lease(&*ports.state, KEY).await?;
    if lease::peek::<Reconciler>(&*ports.state, KEY).await?.is_none_or(|kept| kept.gate.closed_until.is_none()) {
        return Ok(());
    }
    let Some(mut lease) = take(ports, None).await? else { return Ok(()) };
    lease.state.gate.reopen();
    lease.release().await
}

/// When the last pass began that read Salesforce to its end.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn in_step_at(state: &dyn SyncState) -> Result<Option<Timestamp>, Failure> {
    Ok(peek(state).await?.in_step_at)
}
