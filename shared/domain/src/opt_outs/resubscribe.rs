//! An admin has documented new consent of an address: it is cleared on both sides in one act, under the reconciler's lease, so that nothing
//! ticks meanwhile what is being cleared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::entry::{Event, Source};
use super::message::cut;
use super::pass::{Extent, Kept, Pass, Stop};
use super::{Address, register, state};
use crate::ports::{OptOutPorts, OptOutRecord, PersonObject, RowAdvice, RowOutcome};
use crate::settings;
use crate::{Failure, FailureKind};

/// Tries for the lease, and the pause between them: two minutes, in which a pass that is under way ends or is given up.
const TRIES: u32 = 24;
const BETWEEN_TRIES: Duration = Duration::from_secs(5);
/// Tries of a box that Salesforce refuses to clear in a way that may pass.
const CLEARING_TRIES: u32 = 4;
const BETWEEN_CLEARINGS: Duration = Duration::from_secs(2);

/// What a resubscribe did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resubscribed {
    /// Whether the address said no here, or Marketo did when it was last asked.
    pub here: bool,
    /// Boxes cleared in Salesforce.
    pub in_salesforce: u64,
    /// Boxes that stay ticked because their record is gone or converted; they say nothing any more.
    pub settled: u64,
}

/// Clears an address, in Salesforce first: what is cut off in between is found opted out here, and put back.
///
/// # Errors
/// `BadRequest` without a reason; `Conflict` while the reconciler does not end, or when the address says no again meanwhile; what Salesforce
/// says. Nothing is cleared here then, and boxes that were cleared are ticked again at the next pass.
pub async fn resubscribe(
    ports: &OptOutPorts,
    address: &Address,
    reason: &str,
    by: Option<String>,
) -> Result<Resubscribed, Failure> {
    let reason = cut(reason.to_owned());
    if reason.is_empty() {
        let text = "a resubscribe needs a reason: how the person gave new consent, and where that is documented";
        return Err(Failure::new(FailureKind::BadRequest, text));
    }
    let settings = settings::load(&*ports.state).await?.unsubscribes()?;
    let mut lease = None;
    for tried in 0..TRIES {
        if tried > 0 {
            ports.clock.sleep(BETWEEN_TRIES).await;
        }
        lease = state::take(ports, None).await?;
        if lease.is_some() {
            break;
        }
    }
    let Some(lease) = lease else {
        return Err(Failure::new(
            FailureKind::Conflict,
            "the reconciler of opt-outs is at work; try again in a minute",
        ));
    };
    let mut pass = Pass::new(ports, &settings, None, Extent::Both, Kept::Held(lease));
    let outcome = clear(&mut pass, address, (reason, by), settings.sync || settings.push).await;
    let released = match pass.kept {
        Kept::Held(lease) => lease.release().await,
        Kept::Seen(_) => Ok(()),
    };
    let done = match outcome {
        Ok(done) => done,
        Err(Stop::Salesforce(failure) | Stop::Ours(failure)) => return Err(failure),
    };
    released.map(|()| done)
}

async fn clear(
    pass: &mut Pass<'_>,
    address: &Address,
    (reason, by): (String, Option<String>),
    in_salesforce: bool,
) -> Result<Resubscribed, Stop> {
    let before = register::read(&*pass.ports.register, [address.clone()]).await?.remove(address);
    // Dated after the look: what the address says from then on is not in it, and is not cleared.
    let at = pass.ports.clock.now();
    let event = Event { at, opted_out: false, source: Source::Admin, reason: Some(reason), by };
    let mut done = Resubscribed {
        here: before.as_ref().is_some_and(|entry| entry.opted_out || entry.marketo.is_some()),
        ..Resubscribed::default()
    };
    let mut settled = Vec::new();
    if in_salesforce {
        let seen = pass.look(&BTreeSet::from([address.clone()])).await?;
        settled = seen.fixed_and_ticked(address);
        // The record that took another's place keeps its box while its own address says no.
        let says_no = |other: &Address| seen.entries.get(other).is_some_and(|entry| entry.opted_out);
        let kept = |record: &&OptOutRecord| {
            record.ticked > 0 && record.address.as_ref().is_none_or(|own| own == address || !says_no(own))
        };
        let records = seen.changeable(address).into_iter().filter(kept);
        done.in_salesforce = clear_boxes(pass, records.map(|r| (r.object, r.id.clone())).collect()).await?;
        done.settled = settled.len() as u64;
    }
    if !done.here && done.in_salesforce == 0 && settled.is_empty() {
        return Ok(done);
    }
    let mut refused = None;
    register::alter(&*pass.ports.register, vec![address.clone()], |entry| {
        refused = if entry.said_more_than(before.as_ref()) {
            Some(Failure::new(FailureKind::Conflict, "the address said no again meanwhile, so it stays opted out"))
        } else {
            entry.resubscribe(event.clone(), settled.clone()).err()
        };
        refused.is_none()
    })
    .await?;
    refused.map_or(Ok(done), |failure| Err(Stop::Ours(failure)))
}

async fn clear_boxes(pass: &Pass<'_>, records: Vec<(PersonObject, String)>) -> Result<u64, Stop> {
    let (ports, count) = (pass.ports, records.len() as u64);
    let mut left = records;
    let mut why: BTreeMap<String, String> = BTreeMap::new();
    for tried in 0..CLEARING_TRIES {
        if left.is_empty() {
            return Ok(count);
        }
        if tried > 0 {
            ports.clock.sleep(BETWEEN_CLEARINGS).await;
        }
        let outcomes =
            ports.salesforce.set_boxes(&left, &pass.settings.fields, false, pass.kept.may_write_until()).await;
        let outcomes = outcomes.map_err(Stop::Salesforce)?;
        (left, why) = left.into_iter().zip(outcomes).fold(
            Default::default(),
            |(mut left, mut why): (Vec<_>, BTreeMap<_, _>), (record, outcome)| {
                if let RowOutcome::Refused { code, message, advice } = outcome
                    && advice != RowAdvice::Gone
                {
                    why.insert(record.1.clone(), format!("{message} ({code})"));
                    left.push(record);
                }
                (left, why)
            },
        );
    }
    let Some((record, why)) = why.into_iter().next() else { return Ok(count) };
    let text = format!(
        "Salesforce does not clear the box of {record}: {why}. The address stays opted out, and boxes that were cleared are ticked again; \
         put that right and try again"
    );
    Err(Stop::Salesforce(Failure::new(FailureKind::Unavailable, text)))
}
