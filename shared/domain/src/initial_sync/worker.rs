//! Handles one message of the people queues, and leaves a receipt once its effect is durable. Handling a message twice, late or beside
//! newer data does no harm: observations carry their time, and receipts are sets.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::message::{BatchId, IdsBatch, PeopleMessage, RowsBatch};
use super::run::Receipts;
use crate::people::{
    MarketoId, Observation, Observed, Seen, SeenOpportunity, Status, WriteCounts, apply, apply_opportunities,
};
use crate::ports::{MAX_IDS_PER_CALL, PeoplePorts, Queue};
use crate::{Failure, lead_fields, opportunities, settings};

/// Stores what a message holds or asks for. `again` tells that it was delivered before, so that its rows may be there already; `reads`
/// is the queue `people-reads`, for what has to follow by a message of its own.
///
/// # Errors
/// The first failure; the message is to be delivered again.
pub async fn handle(
    ports: &PeoplePorts,
    reads: &dyn Queue,
    message: PeopleMessage,
    again: bool,
) -> Result<WriteCounts, Failure> {
    if !is_of_the_run(ports, message.batch()).await? {
        return Ok(WriteCounts::default());
    }
    match message {
        PeopleMessage::Rows(rows) => store_rows(ports, reads, rows, again).await,
        PeopleMessage::Reads(ids) => read_people(ports, ids).await,
        PeopleMessage::Roles(ids) => read_roles(ports, ids).await,
    }
}

/// Whether a batch belongs to the run under way. Of a completed run every batch is stored, and what a replaced run had is read again by
/// the next one; what comes later is a repetition, and its data might be older than what the table still remembers of those who are gone.
async fn is_of_the_run(ports: &PeoplePorts, batch: &BatchId) -> Result<bool, Failure> {
    let state = super::peek(ports).await?;
    let current = state.run.is_some_and(|run| run.id == batch.run);
    if !current {
        tracing::info!(run.id = batch.run, batch.number, "left out a batch of a run that is over");
    }
    Ok(current)
}

async fn store_rows(
    ports: &PeoplePorts,
    reads: &dyn Queue,
    rows: RowsBatch,
    again: bool,
) -> Result<WriteCounts, Failure> {
    let ids: Vec<MarketoId> = rows.people.iter().map(|p| p.id).chain(rows.read_again.iter().copied()).collect();
    let mut roles = roles_along(ports, &ids).await;
    let mut with_role = |mut seen: Seen| {
        seen.opportunity = roles.as_mut().and_then(|roles| roles.remove(&seen.person.id));
        seen
    };
    let people = rows.people.into_iter().map(|person| seen(person.id, Observation::Read(person), rows.as_of));
    let unqualified = rows.unqualified.into_iter().map(|id| seen(id, Observation::NotQualified, rows.as_of));
    let all = people.chain(unqualified).map(&mut with_role).collect();
    let mut counts = apply(&*ports.people, all, rows.fresh && !again).await?;
    // After the others, as reading may have to wait for a call.
    let read_again = read_in_full(ports, &rows.read_again).await?.into_iter().map(with_role).collect();
    counts += apply(&*ports.people, read_again, rows.fresh && !again).await?;
    if roles.is_some() {
        receipt(ports, &rows.batch, Receipts::Roles).await?;
    } else {
        let roles = PeopleMessage::Roles(IdsBatch { batch: rows.batch.clone(), ids });
        reads.send(vec![roles.to_body()?]).await?;
    }
    receipt(ports, &rows.batch, Receipts::Rows).await?;
    Ok(counts)
}

/// Reads the opportunity roles of a batch before its rows are written, where Marketo's call limit has room at this moment: then nobody is
/// written twice. Where it has none, or anything is wrong, they follow by a message of their own, so that they never hold up the people.
async fn roles_along(ports: &PeoplePorts, ids: &[MarketoId]) -> Option<BTreeMap<MarketoId, SeenOpportunity>> {
    if ids.len() > MAX_IDS_PER_CALL || !ports.budget.is_free().await.unwrap_or(false) {
        return None;
    }
    opportunities::read(ports, ids, &BTreeMap::new()).await.ok()
}

async fn read_people(ports: &PeoplePorts, batch: IdsBatch) -> Result<WriteCounts, Failure> {
    let mut seen = read_in_full(ports, &batch.ids).await?;
    let qualifies = |s: &&Seen| matches!(&s.person.what, Observation::Read(person) if person.qualifies);
    let qualifying: Vec<MarketoId> = seen.iter().filter(qualifies).map(|s| s.person.id).collect();
    let mut opportunities = opportunities::read(ports, &qualifying, &BTreeMap::new()).await?;
    for one in &mut seen {
        one.opportunity = opportunities.remove(&one.person.id);
    }
    let counts = apply(&*ports.people, seen, false).await?;
    receipt(ports, &batch.batch, Receipts::Reads).await?;
    Ok(counts)
}

/// Reads people over REST; who is not there is left out, as the log of deletions tells of them.
async fn read_in_full(ports: &PeoplePorts, ids: &[MarketoId]) -> Result<Vec<Seen>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let settings = settings::load(&*ports.state).await?.people()?;
    let plan = lead_fields::plan(ports, &settings).await?;
    ports.marketo.connect().await?;
    let as_of = ports.marketo.now();
    let records = ports.marketo.people_by_ids(ids, plan.names()).await?;
    let reader = plan.reader();
    Ok(records.iter().map(|record| seen(record.id, Observation::Read(reader.person(record)), as_of)).collect())
}

async fn read_roles(ports: &PeoplePorts, batch: IdsBatch) -> Result<WriteCounts, Failure> {
    let rows = ports.people.get(&batch.ids).await?;
    let active: Vec<MarketoId> = rows.iter().filter(|r| r.status == Status::Active).map(|r| r.id).collect();
    let mut counts = WriteCounts::default();
    for ids in active.chunks(MAX_IDS_PER_CALL) {
        let read = opportunities::read(ports, ids, &BTreeMap::new()).await?;
        counts += apply_opportunities(&*ports.people, read.into_iter().collect()).await?;
    }
    receipt(ports, &batch.batch, Receipts::Roles).await?;
    Ok(counts)
}

fn seen(id: MarketoId, what: Observation, as_of: Timestamp) -> Seen {
    Seen { person: Observed { id, as_of, changed_at: None, older_data_may_follow: false, what }, opportunity: None }
}

async fn receipt(ports: &PeoplePorts, batch: &BatchId, kind: Receipts) -> Result<(), Failure> {
    ports.state.add_receipt(&kind.group(&batch.run, &batch.part), batch.number).await
}
