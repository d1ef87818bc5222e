//! What an admin sees of opt-outs: how the flow is doing, what Salesforce refuses, one address. Reads the register and the reconciler's
//! document; calls no vendor.

use jiff::Timestamp;
use serde::Serialize;

use super::entry::{Known, OptOut};
use super::state::{self, FirstLook, Reconciler};
use super::{Address, register};
use crate::Push;
use crate::gate::Gate;
use crate::ports::{Clock, OptOutRegister, Shelf, SyncState};
use crate::status::{FlowState, Problem, flow_state, resting};
use crate::{Failure, settings};

/// Name of the flow.
pub const FLOW: &str = "opt-outs";

/// How opt-outs are doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptOutStatus {
    /// State.
    pub state: FlowState,
    /// When both sides were last found in step, or brought there.
    pub last_success: Option<Timestamp>,
    /// What keeps Salesforce from being read or written.
    pub problem: Option<Problem>,
    /// Nothing is tried before this.
    pub closed_until: Option<Timestamp>,
    /// Addresses that have to be looked into in Salesforce.
    pub waiting: usize,
    /// For how long the one that is due longest has been due, seconds.
    pub lag_seconds: i64,
    /// For how long Salesforce has not been read to the end, seconds.
    pub read_lag_seconds: Option<i64>,
    /// Addresses of which Salesforce refuses a record until somebody changes something.
    pub rejected: usize,
    /// Boxes that were unticked in Salesforce alone, and restored, since the beginning.
    pub restored: u64,
    /// What the first pass after the switch found, while it holds back what it would write.
    pub first_look: Option<FirstLook>,
    /// Things to know.
    pub notices: Vec<String>,
}

/// How opt-outs are doing.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn status(
    register: &dyn OptOutRegister,
    state: &dyn SyncState,
    now: Timestamp,
) -> Result<OptOutStatus, Failure> {
    let Reconciler { gate, first_look, in_step_at, restored, .. } = state::peek(state).await?;
    let Gate { closed_until, problem, last_success, .. } = gate;
    let due = register::places(register, Shelf::Due).await?;
    let settings = settings::load(state).await?;
    let mut notices = Vec::new();
    match settings.unsubscribes() {
        Err(failure) => notices.push(failure.message),
        Ok(settings) if !settings.sync => {
            notices.push("the setting unsubscribes.sync is off: Salesforce is not read".to_owned())
        }
        Ok(_) => {}
    }
    if restored > 0 {
        notices.push(format!(
            "{restored} boxes were unticked in Salesforce alone and ticked again; `actions-sync optout list` names them, and `optout remove` \
             clears an address on both sides"
        ));
    }
    let first_look = first_look.filter(|look| now < look.until);
    if let Some(look) = &first_look {
        notices.push(format!(
            "first look: {} boxes would be ticked in Salesforce, and are from {:.0} on, or at once by `actions-sync reconcile unsubscribes`; {} \
             addresses were taken in",
            look.in_salesforce, look.until, look.in_actions
        ));
    }
    let since = |at: Timestamp| now.duration_since(at).as_secs().max(0);
    Ok(OptOutStatus {
        state: flow_state(problem.as_ref(), resting(in_step_at.or(last_success), due.len())),
        last_success: in_step_at,
        problem,
        closed_until,
        waiting: due.len(),
        lag_seconds: due.first().map_or(0, |oldest| since(oldest.at)),
        read_lag_seconds: in_step_at.map(since),
        rejected: register::places(register, Shelf::Rejected).await?.len(),
        restored,
        first_look,
        notices,
    })
}

/// A record that Salesforce refuses to tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OptOutReject {
    /// Which flow.
    pub flow: &'static str,
    /// Which address.
    pub key: Address,
    /// Where.
    pub target: &'static str,
    /// Which record.
    pub record: String,
    /// Salesforce's code.
    pub code: String,
    /// What happened and what to do.
    pub message: String,
    /// Tries so far.
    pub attempts: u32,
    /// When it was last tried, or given up.
    pub at: Timestamp,
    /// When it is tried next; `None` = when somebody asks or changes the record.
    pub next_try: Option<Timestamp>,
}

/// Everything that Salesforce refuses.
///
/// # Errors
/// Those of the register.
pub async fn rejects(register: &dyn OptOutRegister) -> Result<Vec<OptOutReject>, Failure> {
    let mut found = Vec::new();
    for shelf in [Shelf::Rejected, Shelf::Due] {
        let addresses = register::places(register, shelf).await?.into_iter().map(|place| place.address);
        for entry in register::read(register, addresses).await?.into_values() {
            if entry.shelved().is_some_and(|(on, _)| on == shelf) {
                found.extend(of_entry(&entry));
            }
        }
    }
    Ok(found)
}

fn of_entry(entry: &OptOut) -> Vec<OptOutReject> {
    let (at, next_try) = match entry.push {
        Push::Done => return Vec::new(),
        Push::Due { at, .. } => (at, Some(at)),
        Push::Rejected { at, .. } => (at, None),
    };
    let of_record = |(record, known): (&String, &Known)| match known {
        Known::Refused { trouble, .. } => Some(OptOutReject {
            flow: FLOW,
            key: entry.address.clone(),
            target: "salesforce",
            record: record.clone(),
            code: trouble.code.clone(),
            message: trouble.message.clone(),
            attempts: entry.push.attempts(),
            at,
            next_try,
        }),
        Known::Ticked { .. } | Known::Settled => None,
    };
    entry.records.iter().filter_map(of_record).collect()
}

/// Makes everything due at once that Salesforce refused; gives how many addresses.
///
/// # Errors
/// Those of the register; asking again does no harm.
pub async fn retry(register: &dyn OptOutRegister, clock: &dyn Clock) -> Result<u64, Failure> {
    let now = clock.now();
    let addresses = rejects(register).await?.into_iter().map(|reject| reject.key);
    let mut addresses: Vec<Address> = addresses.collect();
    addresses.sort();
    addresses.dedup();
    register::alter(register, addresses, |entry| {
        entry.records.retain(|_, known| !matches!(known, Known::Refused { .. }));
        if entry.opted_out {
            entry.due(now);
        }
        true
    })
    .await
}

/// Whether an address may be mailed, as far as is known here: sentences without the address.
///
/// # Errors
/// Those of the register and of the settings.
pub async fn explain(
    register: &dyn OptOutRegister,
    state: &dyn SyncState,
    address: &Address,
) -> Result<Vec<String>, Failure> {
    let settings = settings::load(state).await?.unsubscribes()?;
    let mut sentences = Vec::new();
    if settings.is_blocked(address.domain()) {
        sentences.push("mail: never, its domain is in the setting unsubscribes.blockedDomains".to_owned());
    }
    let entry = register::read(register, [address.clone()]).await?.remove(address);
    let Some(entry) = entry else {
        sentences.push("mail: the address has not opted out; `can-send` asks Marketo, too".to_owned());
        return Ok(sentences);
    };
    sentences.push(match entry.decisive() {
        Some(event) if event.opted_out => {
            let why = event.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("mail: opted out since {:.0}, source {}{why}", event.at, event.source.as_str())
        }
        Some(event) => format!("mail: resubscribed by an admin at {:.0}", event.at),
        None => "mail: the address has not opted out".to_owned(),
    });
    if let Some(mark) = &entry.marketo {
        let what = if mark.blocklisted { "blocklisted" } else { "unsubscribed" };
        sentences.push(format!("mail: {what} in Marketo since {:.0} or before", mark.at));
    }
    match entry.push {
        Push::Done => {}
        Push::Due { .. } => sentences.push("opt-out: still to be written to Salesforce".to_owned()),
        Push::Rejected { .. } => sentences.push("opt-out: refused by Salesforce; see `rejects list`".to_owned()),
    }
    if let Some(last) = entry.restored.last() {
        let times = entry.restored.len();
        sentences.push(format!(
            "opt-out: its box was unticked in Salesforce alone and restored {times} times, last {} at {:.0}",
            last.record, last.at
        ));
    }
    if let Some(last) = entry.refusals.last() {
        sentences.push(format!("mail: last not allowed at {:.0} ({})", last.at, last.reason));
    }
    Ok(sentences)
}
