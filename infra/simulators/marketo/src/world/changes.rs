//! What can happen to people, one operation at a time, and in batches of random choice.
//! Every operation alters the record and writes the log entries that Marketo would; it must not know who reads them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::operations::Pick;
use super::state::{State, When};

/// How many of each operation to carry out on randomly chosen people. All members default to nothing.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ChangeSet {
    /// People who get one to three synced fields altered.
    pub changed: u64,
    /// People who come into being.
    pub created: u64,
    /// People who are deleted.
    pub deleted: u64,
    /// Pairs that are merged.
    pub merged: u64,
    /// People who lose their owner (or, for a share, their Salesforce ids).
    pub owners_lost: u64,
    /// Linked people without an owner who get one.
    pub owners_gained: u64,
    /// People whose opportunity roles change.
    pub opportunities: u64,
    /// People who move to another partition.
    pub partitions: u64,
    /// Share of operations that the streams show only after `late_seconds`.
    pub late_share: f64,
    /// How long late operations stay out of the streams.
    pub late_seconds: u64,
    /// Whether the records of late operations change only when they become visible, too.
    pub late_records: bool,
    /// Share of merge losers that are also reported as deleted; the configured one when absent.
    pub losers_reported_share: Option<f64>,
}

/// Ids of the people that a call of `change` touched. Operations that are still pending are only counted.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the members are those of the change set")]
pub struct Changed {
    pub changed: Vec<i64>,
    pub created: Vec<i64>,
    pub deleted: Vec<i64>,
    /// Survivor and loser.
    pub merged: Vec<(i64, i64)>,
    pub owners_lost: Vec<i64>,
    pub owners_gained: Vec<i64>,
    pub opportunities: Vec<i64>,
    pub partitions: Vec<i64>,
    pub pending: u64,
}

/// One kind of operation.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Change,
    Create,
    Delete,
    Merge { reported_share: f64 },
    LoseOwner,
    GainOwner,
    Opportunity,
    Partition,
}

/// An operation that waits until it may be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pending {
    pub(crate) due_ms: i64,
    at_ms: i64,
    operation: Operation,
}

impl State {
    pub(crate) fn change(&mut self, set: &ChangeSet, now_ms: i64) -> Changed {
        let reported_share = set.losers_reported_share.unwrap_or(self.streams.losers_reported_share);
        let plan = [
            (Operation::Create, set.created),
            (Operation::Change, set.changed),
            (Operation::Merge { reported_share }, set.merged),
            (Operation::Delete, set.deleted),
            (Operation::LoseOwner, set.owners_lost),
            (Operation::GainOwner, set.owners_gained),
            (Operation::Opportunity, set.opportunities),
            (Operation::Partition, set.partitions),
        ];
        let late_ms = i64::try_from(set.late_seconds).unwrap_or(i64::MAX / 2000) * 1000;
        let mut done = Changed::default();
        let mut touched = HashSet::new();
        for (operation, count) in plan {
            for _ in 0..count {
                let late = if self.dice.chance(set.late_share) { late_ms } else { 0 };
                if late > 0 && set.late_records {
                    self.pending.push(Pending { due_ms: now_ms + late, at_ms: now_ms, operation });
                    done.pending += 1;
                    continue;
                }
                let when = When { at_ms: now_ms, now_ms, visible_ms: now_ms + late };
                if !self.carry_out(operation, when, &mut touched, &mut done) {
                    break;
                }
            }
        }
        done
    }

    /// Carries out what has become due.
    pub(crate) fn catch_up(&mut self, now_ms: i64) {
        if self.pending.iter().all(|pending| pending.due_ms > now_ms) {
            return;
        }
        let (due, later) = std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.due_ms <= now_ms);
        self.pending = later;
        let due: Vec<Pending> = due;
        let mut touched = HashSet::new();
        for Pending { due_ms, at_ms, operation } in due {
            let when = When { at_ms, now_ms, visible_ms: due_ms };
            self.carry_out(operation, when, &mut touched, &mut Changed::default());
        }
    }

    /// False when nobody is left to whom this could happen.
    fn carry_out(&mut self, operation: Operation, when: When, touched: &mut HashSet<i64>, done: &mut Changed) -> bool {
        if let Operation::Create = operation {
            done.created.push(self.create(when, touched));
            return true;
        }
        let pick = match operation {
            Operation::Delete | Operation::Merge { .. } if self.dice.chance(0.9) => Pick::Qualifying,
            Operation::LoseOwner | Operation::Opportunity => Pick::Qualifying,
            Operation::GainOwner => Pick::Ownerless,
            _ => Pick::Anyone,
        };
        let Some(id) = self.pick(pick, touched) else { return false };
        match operation {
            Operation::Change => {
                self.change_fields(id, when);
                done.changed.push(id);
            }
            Operation::Delete => {
                self.delete(id, when);
                done.deleted.push(id);
            }
            Operation::Merge { reported_share } => {
                let Some(loser) = self.pick(pick, touched) else { return false };
                let reported = self.dice.chance(reported_share);
                self.merge(id, loser, reported, when);
                done.merged.push((id, loser));
            }
            Operation::LoseOwner => {
                self.lose_owner(id, when);
                done.owners_lost.push(id);
            }
            Operation::GainOwner => {
                self.gain_owner(id, when);
                done.owners_gained.push(id);
            }
            Operation::Opportunity => {
                self.change_opportunity(id, when);
                done.opportunities.push(id);
            }
            Operation::Partition => {
                self.change_partition(id, when);
                done.partitions.push(id);
            }
            Operation::Create => {}
        }
        true
    }
}
