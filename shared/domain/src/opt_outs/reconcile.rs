//! Keeping opt-outs in step with Salesforce, both ways: on a schedule, on request, and at once for an address that just said no — the same way
//! each time. Takes no hint of what changed but addresses to begin with, and does not retry inside: the next pass does.

use jiff::Timestamp;

use super::Address;
use super::pass::{Extent, Kept, Pass, Stop};
use super::plan::Tick;
use super::state::{self, FIRST_LOOK, FirstLook};
use crate::ports::OptOutPorts;
use crate::settings::{self, UnsubscribeSettings};
use crate::status::Problem;
use crate::{Failure, FailureKind};

/// Why a pass is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The schedule. The first one after the switch only counts what it would write to Salesforce, for an hour.
    Scheduled,
    /// Somebody asks for it, which ends that hour; `full` looks at every record again.
    Asked {
        /// From the first record on.
        full: bool,
    },
}

/// Something that a dry run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take an opt-out into the register.
    OptOut {
        /// Which address.
        address: Address,
        /// Whose box says so.
        record: String,
    },
    /// Tick a box in Salesforce.
    Tick {
        /// For which address.
        address: Address,
        /// The box.
        tick: Tick,
    },
}

/// What a pass did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Changes that were found to be needed on either side.
    pub planned: u64,
    /// Boxes ticked.
    pub in_salesforce: u64,
    /// Addresses taken into the register.
    pub in_actions: u64,
    /// Of the boxes, those that somebody had unticked.
    pub restored: u64,
    /// Boxes that Salesforce refused to tick.
    pub rejected: u64,
    /// Boxes that were found and left for later.
    pub held_back: u64,
    /// Somebody else is at it.
    pub busy: bool,
    /// Whether everything was looked at.
    pub complete: bool,
    /// Why it ended early, where Salesforce took or told nothing.
    pub closed: Option<Problem>,
    /// Until when nothing is tried.
    pub closed_until: Option<Timestamp>,
    /// What a dry run would do.
    pub steps: Vec<Step>,
}

/// One pass: what is due, then what changed in Salesforce since the last.
///
/// # Errors
/// `BadSetting`, and those of our own store. What Salesforce refuses is in the [`Reconciled`].
pub async fn reconcile(
    ports: &OptOutPorts,
    occasion: Occasion,
    deadline: Option<Timestamp>,
) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.unsubscribes()?;
    let asked = matches!(occasion, Occasion::Asked { .. });
    if !settings.sync && !settings.push {
        return Ok(Reconciled { complete: true, ..Reconciled::default() });
    }
    if !asked && let Some(closed) = closed(ports).await? {
        return Ok(closed);
    }
    let Some(mut lease) = state::take(ports, deadline).await? else {
        return Ok(Reconciled { busy: true, ..Reconciled::default() });
    };
    lease.state.with_fields(&settings.fields);
    let now = ports.clock.now();
    if let Occasion::Asked { full } = occasion {
        lease.state.first_look.get_or_insert(FirstLook { until: now, in_salesforce: 0, in_actions: 0 }).until = now;
        if full {
            lease.state.read_anew();
        }
    }
    let holds_back = lease.state.first_look.as_ref().is_none_or(|look| now < look.until);
    let extent = if holds_back && settings.sync { Extent::Inward } else { Extent::Both };
    let first = lease.state.first_look.is_none();
    let mut pass = Pass::new(ports, &settings, deadline, extent, Kept::Held(lease));
    pass.first = first;
    let worked = work(&mut pass, &settings, asked).await;
    if extent == Extent::Inward {
        let (in_salesforce, in_actions) = (pass.done.held_back, pass.done.in_actions);
        let until = now.checked_add(FIRST_LOOK).unwrap_or(now);
        let begun = FirstLook { until, in_salesforce: 0, in_actions: 0 };
        let look = pass.kept.state().first_look.get_or_insert(begun);
        look.in_salesforce += in_salesforce;
        look.in_actions += in_actions;
    }
    end(pass, worked.map(|whole| (whole, Some(now)))).await
}

/// What [`reconcile`] would do when asked now; writes nothing, and takes no lease.
///
/// # Errors
/// As for [`reconcile`].
pub async fn dry_run(ports: &OptOutPorts, full: bool) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.unsubscribes()?;
    let mut state = state::peek(&*ports.state).await?;
    state.with_fields(&settings.fields);
    if full {
        state.read_anew();
    }
    let mut pass = Pass::new(ports, &settings, None, Extent::Dry, Kept::Seen(state));
    let worked = work(&mut pass, &settings, true).await;
    end(pass, worked.map(|whole| (whole, None))).await
}

/// Looks into addresses that just said no, and whatever else is due. Salesforce has them one hop after they are known here.
///
/// # Errors
/// As for [`reconcile`].
pub async fn push(
    ports: &OptOutPorts,
    addresses: &[Address],
    deadline: Option<Timestamp>,
) -> Result<Reconciled, Failure> {
    let settings = settings::load(&*ports.state).await?.unsubscribes()?;
    if !settings.push {
        return Ok(Reconciled { complete: true, ..Reconciled::default() });
    }
    if let Some(closed) = closed(ports).await? {
        return Ok(closed);
    }
    // Whoever has the lease looks at what is due before each page.
    let Some(mut lease) = state::take(ports, deadline).await? else {
        return Ok(Reconciled { busy: true, ..Reconciled::default() });
    };
    lease.state.with_fields(&settings.fields);
    let now = ports.clock.now();
    let others = lease.state.first_look.as_ref().is_some_and(|look| now >= look.until) || !settings.sync;
    let mut pass = Pass::new(ports, &settings, deadline, Extent::Both, Kept::Held(lease));
    let worked = pass.due(addresses, others).await;
    end(pass, worked.map(|whole| (whole, None))).await
}

/// The pass that a caller would make, while the gate is closed.
async fn closed(ports: &OptOutPorts) -> Result<Option<Reconciled>, Failure> {
    let gate = state::peek(&*ports.state).await?.gate;
    let until = gate.closed(ports.clock.now());
    Ok(until.map(|_| Reconciled { closed: gate.problem, closed_until: until, ..Reconciled::default() }))
}

async fn work(pass: &mut Pass<'_>, settings: &UnsubscribeSettings, asked: bool) -> Result<bool, Stop> {
    // Whoever asks is told before anything is written. The schedule takes in what it can read all the same.
    if asked {
        pass.ensure_usable().await?;
    } else if pass.extent == Extent::Both {
        match pass.ensure_usable().await {
            Err(Stop::Salesforce(failure)) if failure.kind == FailureKind::AccessDenied => {
                pass.extent = Extent::Inward;
                let whole = !settings.sync || pass.changes().await?;
                return if whole { Err(Stop::Salesforce(failure)) } else { Ok(false) };
            }
            other => other?,
        }
    }
    let drained = pass.extent == Extent::Inward || pass.due(&[], true).await?;
    if !settings.sync {
        return Ok(drained);
    }
    let read = pass.changes().await?;
    // What was taken in meanwhile was settled with it; what was put off stays due.
    Ok(drained && read)
}

/// Keeps the place, opens or closes the gate, gives the lease back.
async fn end(mut pass: Pass<'_>, worked: Result<(bool, Option<Timestamp>), Stop>) -> Result<Reconciled, Failure> {
    let now = pass.ports.clock.now();
    let mut failed = None;
    match worked {
        Ok((whole, began)) => {
            pass.done.complete = whole;
            let state = pass.kept.state();
            state.gate.answered(now);
            if whole && began.is_some() {
                state.in_step_at = began;
            }
        }
        Err(Stop::Salesforce(failure)) => {
            let gate = &mut pass.kept.state().gate;
            pass.done.closed_until = Some(gate.close(&failure, now));
            pass.done.closed = gate.problem.clone();
        }
        Err(Stop::Ours(failure)) => failed = Some(failure),
    }
    if let Kept::Held(lease) = pass.kept {
        let released = lease.release().await;
        if failed.is_none() {
            released?;
        }
    }
    failed.map_or(Ok(pass.done), Err)
}
