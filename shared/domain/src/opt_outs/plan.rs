//! What has to be done so that both sides agree on some addresses: a pure function from what both hold to a plan. Reads and writes nothing.
//!
//! The rule: where either side says no, every record of the address is ticked and the register says no. Only an admin's resubscribe clears
//! anything, so that an unticked box is ticked again. A lead that was converted and a record that was merged away cannot be changed any more:
//! the record that took its place is ticked for it, and with it that record's own address.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Address;
use super::entry::{Known, OptOut};
use crate::Push;
use crate::ports::{OptOutRecord, PersonObject};
use crate::settings::OptOutField;

/// Longest chain of conversions and merges that is followed.
pub(super) const MAX_HOPS: usize = 4;

/// What both sides hold of some addresses.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Records of the addresses asked about, and those that took the place of one.
    pub records: BTreeMap<String, OptOutRecord>,
    /// The register.
    pub entries: BTreeMap<Address, OptOut>,
}

/// A box to be ticked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Contact or lead.
    pub object: PersonObject,
    /// Id.
    pub record: String,
    /// When it was last changed.
    pub stamp: Timestamp,
    /// Whether it was ticked before, so that somebody unticked it.
    pub unticked: bool,
}

/// What has to be done about one address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ForAddress {
    /// The register has to learn that it said no, from this record's box.
    pub take_in: Option<String>,
    /// Boxes to be ticked.
    pub ticks: Vec<Tick>,
    /// Records whose box is ticked, and of which that was not known.
    pub(super) learnt: Vec<String>,
    /// Records known to be refused: in a way that may pass, and for good.
    pub(super) refused: (bool, bool),
    /// Whether the entry says that it has to be looked into, now or later.
    pub(super) open: bool,
}

impl ForAddress {
    /// Whether either side has to be changed, or something is worth remembering.
    pub(super) fn is_needed(&self) -> bool {
        self.take_in.is_some() || !self.ticks.is_empty() || !self.learnt.is_empty()
    }
}

/// What has to be done, by address; addresses that are as they should be are absent.
pub(super) type Plan = BTreeMap<Address, ForAddress>;

impl Seen {
    fn entry(&self, address: &Address) -> Option<&OptOut> {
        self.entries.get(address)
    }

    fn says_no_here(&self, address: &Address) -> bool {
        self.entry(address).is_some_and(|entry| entry.opted_out)
    }

    fn of<'a, 'b>(&'a self, address: &'b Address) -> impl Iterator<Item = &'a OptOutRecord> + use<'a, 'b> {
        self.records.values().filter(move |record| record.address.as_ref() == Some(address))
    }

    /// The record whose box says no for an address. What was left ticked by a resubscribe, because nobody can change it, says nothing.
    fn evidence(&self, address: &Address) -> Option<&OptOutRecord> {
        let settled = |record: &OptOutRecord| {
            is_fixed(record)
                && self.entry(address).is_some_and(|entry| entry.records.get(&record.id) == Some(&Known::Settled))
        };
        self.of(address).find(|record| record.ticked > 0 && !settled(record))
    }

    /// Ids of records that took the place of others, where the addresses say no, and that were not read yet.
    pub(super) fn to_follow(&self, addresses: &BTreeSet<Address>) -> BTreeSet<String> {
        let no = addresses.iter().filter(|address| self.says_no_here(address) || self.evidence(address).is_some());
        no.flat_map(|address| self.of(address))
            .filter_map(|record| self.last_known(record).successor.clone())
            .filter(|id| !self.records.contains_key(id))
            .collect()
    }

    /// The end of a record's chain, as far as it was read.
    fn last_known<'a>(&'a self, record: &'a OptOutRecord) -> &'a OptOutRecord {
        let mut last = record;
        for _ in 0..MAX_HOPS {
            match last.successor.as_ref().filter(|_| is_fixed(last)).and_then(|id| self.records.get(id)) {
                Some(next) => last = next,
                None => break,
            }
        }
        last
    }

    /// The records that stand for an address and can be changed: its own, and what took the place of those that cannot.
    pub(super) fn changeable(&self, address: &Address) -> Vec<&OptOutRecord> {
        let ends: BTreeMap<&str, &OptOutRecord> =
            self.of(address).map(|record| self.last_known(record)).map(|record| (record.id.as_str(), record)).collect();
        ends.into_values().filter(|record| !is_fixed(record)).collect()
    }

    /// Records of an address that are ticked and cannot be changed.
    pub(super) fn fixed_and_ticked(&self, address: &Address) -> Vec<String> {
        let fixed = self.of(address).filter(|record| record.ticked > 0 && is_fixed(record));
        fixed.map(|record| record.id.clone()).collect()
    }

    /// Addresses of these records for which something has to be done, or looked up, as far as these records tell.
    pub(super) fn out_of_step(&self, field: OptOutField, boxes: usize, now: Timestamp) -> BTreeSet<Address> {
        let addresses: BTreeSet<Address> = self.records.values().filter_map(|record| record.address.clone()).collect();
        let mut wanted: BTreeSet<Address> = self
            .plan(&addresses, field, boxes, now)
            .into_iter()
            .filter(|(_, part)| part.is_needed())
            .map(|(address, _)| address)
            .collect();
        let to_follow = self.to_follow(&addresses);
        let replaced = |record: &&OptOutRecord| record.successor.as_ref().is_some_and(|id| to_follow.contains(id));
        wanted.extend(self.records.values().filter(replaced).filter_map(|record| record.address.clone()));
        wanted
    }

    /// The plan for some addresses.
    pub(super) fn plan(&self, addresses: &BTreeSet<Address>, field: OptOutField, boxes: usize, now: Timestamp) -> Plan {
        let mut plan = Plan::new();
        for address in addresses {
            let evidence = self.evidence(address);
            if !self.says_no_here(address) && evidence.is_none() {
                continue;
            }
            let changeable = self.changeable(address);
            let mut part = self.for_address(address, &changeable, field, boxes, now);
            part.take_in = evidence.filter(|_| !self.says_no_here(address)).map(|record| record.id.clone());
            // Whoever took the place of somebody who said no has said no.
            for record in changeable {
                let theirs = record.address.as_ref().filter(|other| *other != address && !self.says_no_here(other));
                if let Some(other) = theirs {
                    plan.entry(other.clone()).or_default().take_in.get_or_insert_with(|| record.id.clone());
                }
            }
            if part != ForAddress::default() {
                let slot = plan.entry(address.clone()).or_default();
                let take_in = slot.take_in.take().or(part.take_in);
                *slot = ForAddress { take_in, ..part };
            }
        }
        plan
    }

    fn for_address(
        &self,
        address: &Address,
        changeable: &[&OptOutRecord],
        field: OptOutField,
        boxes: usize,
        now: Timestamp,
    ) -> ForAddress {
        let mut part = ForAddress::default();
        let entry = self.entry(address);
        let known = |id: &str| entry.and_then(|entry| entry.records.get(id));
        let later = entry.is_some_and(|entry| matches!(entry.push, Push::Due { at, .. } if at > now));
        part.open = entry.is_some_and(|entry| entry.push != Push::Done);
        for record in changeable {
            if record.ticked >= boxes {
                if known(&record.id) != Some(&Known::Ticked { field }) {
                    part.learnt.push(record.id.clone());
                }
                continue;
            }
            match known(&record.id) {
                // As it was when it was refused, and not yet to be tried again.
                Some(Known::Refused { stamp, passing: true, .. }) if *stamp == record.stamp && later => {
                    part.refused.0 = true
                }
                Some(Known::Refused { stamp, passing: false, .. }) if *stamp == record.stamp => part.refused.1 = true,
                known => part.ticks.push(Tick {
                    object: record.object,
                    record: record.id.clone(),
                    stamp: record.stamp,
                    unticked: known == Some(&Known::Ticked { field }),
                }),
            }
        }
        part
    }
}

/// Whether a record can be changed no more.
fn is_fixed(record: &OptOutRecord) -> bool {
    record.deleted || record.converted
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
