//! How the logging of activities is doing, for an admin: each destination, and one person. Reads documents and the ledger; calls no vendor.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::desk::{self, Desk};
use super::entry::Destination;
use super::message::About;
use super::rejects;
use crate::people::{Field, PersonRow, Status, normalised_email};
use crate::ports::{ActivityLedger, Shelf, SyncState};
use crate::settings;
use crate::status::{FlowState, Problem, flow_state};
use crate::{Failure, lease};

/// Entries counted at a time, and pages at most: a shelf that holds more is told to hold a million.
const PAGE: usize = 1_000;
const MAX_PAGES: usize = 1_000;

/// How the logging is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoggingStatus {
    /// In Marketo.
    pub marketo: DeskStatus,
    /// In Salesforce.
    pub salesforce: DeskStatus,
}

/// How one destination is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeskStatus {
    /// State.
    pub state: FlowState,
    /// When a vendor's answer last came.
    pub last_success: Option<Timestamp>,
    /// What keeps everything from being logged.
    pub problem: Option<Problem>,
    /// Nothing is tried before this.
    pub closed_until: Option<Timestamp>,
    /// Activities that are still to be logged, those that were refused and are tried again included.
    pub waiting: usize,
    /// For how long the one that is due longest has been due, seconds.
    pub lag_seconds: i64,
    /// Activities that are given up until somebody asks.
    pub rejected: usize,
    /// Records whose answer never came and that are not looked into yet.
    pub in_flight: usize,
    /// Things to know, such as fields that cannot be written.
    pub notices: Vec<String>,
}

/// How the logging is doing.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn logging_status(
    ledger: &dyn ActivityLedger,
    state: &dyn SyncState,
    now: Timestamp,
) -> Result<LoggingStatus, Failure> {
    Ok(LoggingStatus {
        marketo: desk_status(ledger, state, Destination::Marketo, now).await?,
        salesforce: desk_status(ledger, state, Destination::Salesforce, now).await?,
    })
}

async fn desk_status(
    ledger: &dyn ActivityLedger,
    state: &dyn SyncState,
    destination: Destination,
    now: Timestamp,
) -> Result<DeskStatus, Failure> {
    let desk = lease::peek::<Desk>(state, desk::key(destination)).await?.unwrap_or_default();
    let oldest = ledger.shelf(destination, Shelf::Due, now, None, 1).await?;
    let waiting = count(ledger, destination, Shelf::Due).await?;
    let resting = match (waiting, desk.gate.last_success) {
        (0, None) => FlowState::NotStarted,
        (0, Some(_)) => FlowState::Done,
        _ => FlowState::Running,
    };
    Ok(DeskStatus {
        state: flow_state(desk.gate.problem.as_ref(), resting),
        last_success: desk.gate.last_success,
        problem: desk.gate.problem,
        closed_until: desk.gate.closed_until,
        waiting,
        lag_seconds: oldest.first().map_or(0, |oldest| now.duration_since(oldest.at).as_secs().max(0)),
        rejected: count(ledger, destination, Shelf::Rejected).await?,
        in_flight: desk.in_flight.map_or(0, |in_flight| in_flight.records.len()),
        notices: desk.notices,
    })
}

async fn count(ledger: &dyn ActivityLedger, destination: Destination, shelf: Shelf) -> Result<usize, Failure> {
    let (mut counted, mut from) = (0, None);
    for _ in 0..MAX_PAGES {
        let page = ledger.shelf(destination, shelf, Timestamp::MAX, from.as_ref(), PAGE).await?;
        counted += page.len();
        from = page.last().cloned();
        if page.len() < PAGE {
            break;
        }
    }
    Ok(counted)
}

/// Where a person's activities are logged, and which of them are not and why: sentences without personal data.
///
/// # Errors
/// Those of the ledger and of the settings.
pub async fn explain(
    ledger: &dyn ActivityLedger,
    state: &dyn SyncState,
    row: Option<&PersonRow>,
) -> Result<Vec<String>, Failure> {
    let settings = settings::load(state).await?.log()?;
    let Some(row) = row.filter(|row| !row.shadow && row.status != Status::Deleted) else {
        return Ok(vec!["activities: rejected at both destinations, as the person is not stored here".to_owned()]);
    };
    let marketo = if settings.marketo { "logged" } else { "not logged (setting log.marketo is off)" };
    let has = |field| row.fields.get(field).is_some();
    let salesforce = match (has(Field::SfdcContactId), has(Field::SfdcLeadId), has(Field::Email)) {
        (true, ..) => "logged with the contact",
        (_, true, _) => "logged with the lead, or with its contact once it is converted",
        (_, _, true) => "logged with whoever has the same address there",
        _ if settings.create_lead => "rejected: no Salesforce id and no address, so no lead can be made either",
        _ => "rejected: no Salesforce id and no address to be found by",
    };
    let only = match (settings.emails, settings.calls) {
        (true, true) => "",
        (true, false) => " (emails only: setting log.salesforce.call is off)",
        (false, true) => " (calls only: setting log.salesforce.email is off)",
        (false, false) => " (nothing: settings log.salesforce.email and log.salesforce.call are off)",
    };
    let mut sentences = vec![format!("activities: in Marketo {marketo}; in Salesforce {salesforce}{only}")];
    let own_address = row.fields.get(Field::Email).and_then(normalised_email);
    let mut codes: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (entry, reject) in rejects::with_entries(ledger).await? {
        let theirs = match &entry.activity.about {
            About::Id(id) => *id == row.id,
            About::Email(email) => own_address.is_some() && normalised_email(email) == own_address,
        };
        if theirs {
            *codes.entry((reject.target, reject.code)).or_default() += 1;
        }
    }
    for ((target, code), count) in codes {
        sentences.push(format!("activities: {count} not logged in {target} ({code}); see `rejects list`"));
    }
    Ok(sentences)
}
