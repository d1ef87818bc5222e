//! One pass over some addresses or over all changed records: look at both sides, plan, and apply or only tell. Decides nothing about when.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::entry::{Event, Known, Source};
use super::plan::{ForAddress, MAX_HOPS, Plan, Seen, Tick};
use super::reconcile::{Reconciled, Step};
use super::state::Reconciler;
use super::{Address, register};
use crate::lease::Lease;
use crate::ports::{MAX_CHANGED, OptOutPorts, OptOutRecord, PersonObject, RowAdvice, RowOutcome, Shelf};
use crate::settings::UnsubscribeSettings;
use crate::{Failure, FailureKind, Trouble};

/// Addresses looked at together: as many as one query takes.
const ADDRESSES: usize = 300;
/// Readings of a pass at most, of 2,000 records each: more than an organisation holds. What is left is the next pass's.
const MAX_READINGS: usize = 5_000;
/// Time wanted for another step.
const STEP_TIME: jiff::SignedDuration = jiff::SignedDuration::from_secs(15);

/// What ends a pass early.
pub(super) enum Stop {
    /// Salesforce takes or tells nothing: the gate is closed for a while.
    Salesforce(Failure),
    /// Our own store failed.
    Ours(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Ours(failure)
    }
}

/// How much a pass may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Tell what would be done.
    Dry,
    /// Take opt-outs in; what has to be written to Salesforce stays due.
    Inward,
    /// Everything.
    Both,
}

/// What is kept between passes, in hand or only looked at.
pub(super) enum Kept<'a> {
    Seen(Reconciler),
    Held(Lease<'a, Reconciler>),
}

impl Kept<'_> {
    pub fn state(&mut self) -> &mut Reconciler {
        match self {
            Self::Seen(state) => state,
            Self::Held(lease) => &mut lease.state,
        }
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        match self {
            Self::Seen(_) => Ok(()),
            Self::Held(lease) => lease.commit().await,
        }
    }

    /// Until when nobody else can be at work.
    pub fn may_write_until(&self) -> Timestamp {
        match self {
            Self::Seen(_) => Timestamp::MIN,
            Self::Held(lease) => lease.held_until(),
        }
    }
}

/// A pass.
pub(super) struct Pass<'a> {
    pub ports: &'a OptOutPorts,
    pub settings: &'a UnsubscribeSettings,
    pub deadline: Option<Timestamp>,
    pub extent: Extent,
    pub kept: Kept<'a>,
    pub done: Reconciled,
    /// Whether nobody has looked before.
    pub first: bool,
    /// Addresses that were looked at, in a pass that leaves them as they are: what has to be done about them is known.
    looked_at: BTreeSet<Address>,
}

impl<'a> Pass<'a> {
    pub fn new(
        ports: &'a OptOutPorts,
        settings: &'a UnsubscribeSettings,
        deadline: Option<Timestamp>,
        extent: Extent,
        kept: Kept<'a>,
    ) -> Self {
        let (done, looked_at) = (Reconciled::default(), BTreeSet::new());
        Self { ports, settings, deadline, extent, kept, done, first: false, looked_at }
    }

    fn has_time(&self) -> bool {
        let now = self.ports.clock.now();
        self.deadline.is_none_or(|deadline| now.checked_add(STEP_TIME).is_ok_and(|then| then < deadline))
    }

    /// Makes sure, before anything is written, that the boxes can be read and written.
    pub async fn ensure_usable(&mut self) -> Result<(), Stop> {
        if self.kept.state().usable {
            return Ok(());
        }
        let unusable = self.ports.salesforce.unusable_fields(&self.settings.fields).await.map_err(Stop::Salesforce)?;
        if let Some(failure) = failure_of(&unusable) {
            return Err(Stop::Salesforce(failure));
        }
        self.kept.state().usable = true;
        Ok(())
    }

    /// Names the field where Salesforce said that it knows none.
    async fn named(&mut self, failure: Failure) -> Stop {
        if failure.kind != FailureKind::BadSetting {
            return Stop::Salesforce(failure);
        }
        self.kept.state().usable = false;
        let unusable = self.ports.salesforce.unusable_fields(&self.settings.fields).await.unwrap_or_default();
        Stop::Salesforce(failure_of(&unusable).unwrap_or(failure))
    }

    /// Looks into what is due, and into `hints`, which listings may not show yet. Gives whether nothing is left.
    pub async fn due(&mut self, hints: &[Address], others: bool) -> Result<bool, Stop> {
        let mut looked_at: BTreeSet<Address> = BTreeSet::new();
        let mut next: BTreeSet<Address> = hints.iter().cloned().collect();
        loop {
            if others {
                let now = self.ports.clock.now();
                let due = self.ports.register.shelf(Shelf::Due, now, None, looked_at.len() + ADDRESSES).await?;
                next.extend(due.into_iter().map(|shelved| shelved.address));
            }
            next.retain(|address| !looked_at.contains(address));
            if next.is_empty() {
                return Ok(true);
            }
            if !self.has_time() {
                return Ok(false);
            }
            looked_at.extend(next.iter().cloned());
            self.settle(std::mem::take(&mut next)).await?;
            self.kept.commit().await?;
        }
    }

    /// Reads the changed records of both objects, and settles their addresses. Gives whether all were read.
    pub async fn changes(&mut self) -> Result<bool, Stop> {
        let (settings, mut whole) = (self.settings, true);
        for object in [PersonObject::Contact, PersonObject::Lead] {
            let mut more = true;
            for _ in 0..MAX_READINGS {
                if !more || !self.has_time() {
                    break;
                }
                let since = self.kept.state().reading(object).since();
                let page = self.ports.salesforce.changed_records(object, &settings.fields, since.as_ref()).await;
                let page = match page {
                    Ok(page) => page,
                    Err(failure) => return Err(self.named(failure).await),
                };
                more = page.len() >= MAX_CHANGED;
                let wanted = self.out_of_step(&page).await?;
                self.settle(wanted).await?;
                let last = page.last().map(|record| (record.stamp, record.id.as_str()));
                self.kept.state().reading(object).moved(last, more, None);
                if more {
                    self.kept.commit().await?;
                }
            }
            whole &= !more;
        }
        Ok(whole)
    }

    async fn out_of_step(&self, page: &[OptOutRecord]) -> Result<BTreeSet<Address>, Failure> {
        let addresses = page.iter().filter_map(|record| record.address.clone());
        let entries = register::read(&*self.ports.register, addresses).await?;
        let records = page.iter().map(|record| (record.id.clone(), record.clone())).collect();
        let (field, boxes) = (self.settings.field, self.settings.fields.len());
        let mut wanted = Seen { records, entries }.out_of_step(field, boxes, self.ports.clock.now());
        wanted.retain(|address| !self.looked_at.contains(address));
        Ok(wanted)
    }

    /// Brings both sides in step for some addresses, and for those that turn out to belong to them.
    async fn settle(&mut self, addresses: BTreeSet<Address>) -> Result<(), Stop> {
        let mut todo: Vec<Address> = addresses.into_iter().collect();
        while !todo.is_empty() {
            let some: BTreeSet<Address> = todo.drain(..todo.len().min(ADDRESSES)).collect();
            let seen = self.look(&some).await?;
            let now = self.ports.clock.now();
            let plan = seen.plan(&some, self.settings.field, self.settings.fields.len(), now);
            // Addresses that belong to the same person.
            todo.extend(plan.keys().filter(|address| !some.contains(*address)).cloned());
            if self.extent == Extent::Dry {
                self.tell(&plan);
            } else {
                self.apply(&some, &seen, plan).await?;
            }
        }
        Ok(())
    }

    /// What both sides hold.
    pub async fn look(&mut self, addresses: &BTreeSet<Address>) -> Result<Seen, Stop> {
        let (salesforce, fields) = (&self.ports.salesforce, &self.settings.fields);
        let records = match salesforce.records_by_address(addresses, fields).await {
            Ok(records) => records,
            Err(failure) => return Err(self.named(failure).await),
        };
        let by_id = |records: Vec<OptOutRecord>| records.into_iter().map(|record| (record.id.clone(), record));
        let mut seen = Seen { records: by_id(records).collect(), entries: BTreeMap::new() };
        seen.entries = self.entries(addresses.iter().cloned()).await?;
        for _ in 0..MAX_HOPS {
            let wanted = seen.to_follow(addresses);
            if wanted.is_empty() {
                break;
            }
            let found = self.ports.salesforce.records_by_id(&wanted, &self.settings.fields).await;
            let found = found.map_err(Stop::Salesforce)?;
            if found.is_empty() {
                break;
            }
            seen.entries.extend(self.entries(found.iter().filter_map(|record| record.address.clone())).await?);
            seen.records.extend(by_id(found));
        }
        Ok(seen)
    }

    async fn entries(
        &self,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<BTreeMap<Address, super::OptOut>, Failure> {
        let addresses: Vec<Address> = addresses.into_iter().collect();
        let mut entries = register::read(&*self.ports.register, addresses.iter().cloned()).await?;
        // A dry run goes on as if it had taken them in.
        for address in addresses.iter().filter(|address| self.looked_at.contains(*address)) {
            entries.entry(address.clone()).or_insert_with(|| super::OptOut::unknown(address.clone())).opted_out = true;
        }
        Ok(entries)
    }

    /// Counts and keeps what would be done.
    fn tell(&mut self, plan: &Plan) {
        for (address, part) in plan {
            if let Some(record) = &part.take_in
                && self.looked_at.insert(address.clone())
            {
                self.done.in_actions += 1;
                self.done.steps.push(Step::OptOut { address: address.clone(), record: record.clone() });
            }
            if !part.ticks.is_empty() {
                self.looked_at.insert(address.clone());
            }
            for tick in &part.ticks {
                self.done.in_salesforce += 1;
                self.done.steps.push(Step::Tick { address: address.clone(), tick: tick.clone() });
            }
        }
        self.done.planned = self.done.in_actions + self.done.in_salesforce;
    }

    async fn apply(&mut self, asked: &BTreeSet<Address>, seen: &Seen, plan: Plan) -> Result<(), Stop> {
        let both = self.extent == Extent::Both;
        // What an earlier pass found and put off is not found again.
        let found = plan.values().filter(|part| both || self.first || !part.open);
        let boxes = found.map(|part| part.ticks.len() as u64).sum::<u64>();
        if both && boxes > 0 {
            self.ensure_usable().await?;
        }
        self.note_first(seen, &plan, both).await?;
        self.done.planned += boxes;
        if !both {
            self.done.held_back += boxes;
            self.looked_at.extend(plan.into_keys());
            return Ok(());
        }
        let outcomes = self.tick(&plan).await?;
        self.note_after(asked, seen, &plan, &outcomes).await
    }

    /// Before Salesforce is written to: who said no is not mailed from here on, and what was unticked is listed, whatever happens next.
    async fn note_first(&mut self, seen: &Seen, plan: &Plan, both: bool) -> Result<(), Failure> {
        let now = self.ports.clock.now();
        let wanted = |part: &ForAddress| {
            part.take_in.is_some() || part.ticks.iter().any(|tick| tick.unticked) || !both && !part.ticks.is_empty()
        };
        let addresses = plan.iter().filter(|(_, part)| wanted(part)).map(|(address, _)| address.clone()).collect();
        let (mut new, mut restored) = (BTreeSet::new(), BTreeMap::new());
        register::alter(&*self.ports.register, addresses, |entry| {
            let (before, Some(part)) = (entry.clone(), plan.get(&entry.address)) else { return false };
            new.remove(&entry.address);
            restored.remove(&entry.address);
            // Resubscribed since it was looked at: whoever did that holds the lease, and what was seen before says nothing any more.
            let events = seen.entries.get(&entry.address).map_or(0, |entry| entry.history.len());
            if !entry.opted_out && entry.history.len() != events {
                return false;
            }
            if let Some(record) = &part.take_in
                && entry.opt_out(taken_in(record, now), None)
            {
                new.insert(entry.address.clone());
            }
            let unticked: Vec<&Tick> = part.ticks.iter().filter(|tick| both && tick.unticked).collect();
            for tick in &unticked {
                entry.restored(&tick.record, now);
                entry.records.remove(&tick.record);
            }
            restored.insert(entry.address.clone(), unticked.len() as u64);
            if !part.ticks.is_empty() {
                entry.due(now);
            }
            *entry != before
        })
        .await?;
        let restored = restored.values().sum::<u64>();
        self.done.in_actions += new.len() as u64;
        self.done.planned += new.len() as u64;
        self.done.restored += restored;
        self.kept.state().restored += restored;
        Ok(())
    }

    /// Ticks the boxes; gives what became of each record.
    async fn tick(&mut self, plan: &Plan) -> Result<BTreeMap<String, RowOutcome>, Stop> {
        let records: BTreeSet<(PersonObject, String)> =
            plan.values().flat_map(|part| &part.ticks).map(|tick| (tick.object, tick.record.clone())).collect();
        if records.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (records, until) = (records.into_iter().collect::<Vec<_>>(), self.kept.may_write_until());
        let outcomes = self.ports.salesforce.set_boxes(&records, &self.settings.fields, true, until).await;
        let outcomes = outcomes.map_err(Stop::Salesforce)?;
        for outcome in &outcomes {
            match outcome {
                RowOutcome::Written { .. } => self.done.in_salesforce += 1,
                RowOutcome::Refused { advice, .. } => {
                    self.done.rejected += u64::from(*advice != RowAdvice::Gone);
                    // The fields are not as they were: they are looked at again before the next write.
                    self.kept.state().usable &= !matches!(advice, RowAdvice::Reshape(_));
                }
            }
        }
        Ok(records.into_iter().map(|(_, id)| id).zip(outcomes).collect())
    }

    /// What is known after Salesforce was written to.
    async fn note_after(
        &mut self,
        asked: &BTreeSet<Address>,
        seen: &Seen,
        plan: &Plan,
        outcomes: &BTreeMap<String, RowOutcome>,
    ) -> Result<(), Stop> {
        let (now, field) = (self.ports.clock.now(), self.settings.field);
        let open = |address: &&Address| {
            let open = seen.entries.get(*address).is_some_and(|entry| entry.shelved().is_some());
            open || plan.contains_key(*address)
        };
        let addresses = asked.iter().filter(open).cloned().collect();
        register::alter(&*self.ports.register, addresses, |entry| {
            if !entry.opted_out {
                return false;
            }
            let nothing = ForAddress::default();
            let (before, part) = (entry.clone(), plan.get(&entry.address).unwrap_or(&nothing));
            let (mut passing, mut for_good) = part.refused;
            for record in &part.learnt {
                entry.know(record, Known::Ticked { field });
            }
            for tick in &part.ticks {
                match outcomes.get(&tick.record) {
                    Some(RowOutcome::Written { .. }) => entry.know(&tick.record, Known::Ticked { field }),
                    Some(RowOutcome::Refused { advice: RowAdvice::Gone, .. }) | None => {
                        entry.records.remove(&tick.record);
                    }
                    Some(RowOutcome::Refused { code, message, advice }) => {
                        let may_pass = *advice != RowAdvice::Reject;
                        passing |= may_pass;
                        for_good |= !may_pass;
                        let trouble = Trouble::new(code, message);
                        entry.know(&tick.record, Known::Refused { stamp: tick.stamp, trouble, passing: may_pass });
                    }
                }
            }
            let tried = !part.ticks.is_empty() || entry.push.is_due(now);
            if tried || part.refused == (false, false) {
                // What was refused once and is no more there is forgotten with it.
                let still = |id: &String| seen.records.contains_key(id);
                entry.records.retain(|id, known| !matches!(known, Known::Refused { .. }) || still(id));
                if entry.shelved().is_some() || passing || for_good {
                    entry.pushed(now, passing, for_good);
                }
            }
            *entry != before
        })
        .await?;
        Ok(())
    }
}

fn taken_in(record: &str, now: Timestamp) -> Event {
    let reason = Some(format!("opted out in Salesforce ({record})"));
    Event { at: now, opted_out: true, source: Source::Salesforce, reason, by: None }
}

/// What an admin has to do about boxes that cannot be used.
fn failure_of(unusable: &[crate::ports::UnusableField]) -> Option<Failure> {
    let first = unusable.first()?;
    let names = |readable: bool| -> Vec<&str> {
        unusable.iter().filter(|field| field.readable == readable).map(|field| field.name.as_str()).collect()
    };
    let mut says = Vec::new();
    for (readable, what) in
        [(false, "hidden from the integration user, or does not exist"), (true, "read-only for the integration user")]
    {
        let names = names(readable);
        if !names.is_empty() {
            says.push(format!("{} is {what}", names.join(", ")));
        }
    }
    let text = format!(
        "{}: give its profile or permission set read and edit access to {} and put the field on the page layout, or choose another field with \
         the setting unsubscribes.field; nothing was written",
        says.join("; "),
        if unusable.len() == 1 { first.name.as_str() } else { "them" },
    );
    Some(Failure::new(FailureKind::AccessDenied, text))
}
