//! Watches everything that is written, and says which invariant a write breaks. Knows at each moment what every person in Marketo was
//! like at which time; must not change anything.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use domain::Timestamp;
use domain::initial_sync::{self, InitialSync, PartState};
use domain::people::{MarketoId, PersonRow, Status};
use domain::pull::{self, PullState};
use serde::Deserialize;
use serde_json::Value;
use simulator_marketo::{ExpectedPerson, World};

use super::executor::{Handle, TaskId};
use crate::{compare, lock};

/// Largest item that DynamoDB takes, bytes.
const LARGEST_ITEM: usize = 400 * 1024;

/// What a person was like from some time on.
struct Version {
    from: i64,
    /// From when on the streams of changes tell of it, at the latest.
    visible: i64,
    /// Whether it may stand in the streams behind a cursor that has gone on, to be found when the overlap is read.
    late: bool,
    person: Option<ExpectedPerson>,
}

/// A document under a lease, as far as it is watched.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leased<T> {
    holder: Option<String>,
    held_until: Timestamp,
    state: T,
}

/// The witness.
pub struct Witness {
    world: World,
    handle: Handle,
    /// Milliseconds by which an observation's time may be off, where machines' clocks are wrong and Marketo's is learned to the second.
    slack: i64,
    /// Whether Marketo loses lists of activities, so that only the overlap makes sure that a cursor is behind its data.
    lists_get_lost: bool,
    versions: Mutex<BTreeMap<i64, Vec<Version>>>,
    /// Until when changes become known that Marketo dates back.
    late_until: AtomicI64,
    holders: Mutex<HashMap<String, TaskId>>,
    first_read_to: Mutex<Option<i64>>,
    broken: Mutex<Option<String>>,
    writes: AtomicU64,
}

impl Witness {
    /// A witness of this world.
    pub fn new(world: World, handle: Handle, slack: i64, lists_get_lost: bool) -> Self {
        let witness = Self {
            world,
            handle,
            slack,
            lists_get_lost,
            versions: Mutex::default(),
            late_until: AtomicI64::new(0),
            holders: Mutex::default(),
            first_read_to: Mutex::default(),
            broken: Mutex::default(),
            writes: AtomicU64::new(0),
        };
        witness.look_at_all(0);
        witness
    }

    /// The first invariant broken.
    pub fn broken(&self) -> Option<String> {
        lock(&self.broken).clone()
    }

    /// Rows written so far.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Ends the run: an invariant does not hold.
    pub fn says(&self, what: String) {
        lock(&self.broken).get_or_insert(format!("at {}: {what}", self.handle.now()));
        self.handle.stop();
    }

    fn requires(&self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.says(what());
        }
    }

    /// Notes what everybody is like now. What changed is told of by the streams within so many milliseconds.
    pub fn look_at_all(&self, late_by: i64) {
        let now = self.world.now_milliseconds();
        if late_by > 0 {
            self.late_until.fetch_max(now + late_by + 1000, Ordering::Relaxed);
        }
        let mut gone: Vec<i64> = lock(&self.versions).keys().copied().collect();
        for person in self.world.truth() {
            gone.retain(|id| *id != person.marketo_id);
            self.note(person.marketo_id, Some(person), now, late_by);
        }
        for id in gone {
            self.note(id, None, now, late_by);
        }
    }

    fn look_at(&self, id: i64) {
        self.note(id, self.world.expected(id), self.world.now_milliseconds(), 0);
    }

    fn note(&self, id: i64, person: Option<ExpectedPerson>, now: i64, late_by: i64) {
        let mut versions = lock(&self.versions);
        // Who was in no truth before was not to be stored before.
        let nobody = || vec![Version { from: i64::MIN, visible: i64::MIN, late: false, person: None }];
        let of_person = versions.entry(id).or_insert_with(nobody);
        if of_person.last().is_some_and(|last| last.person != person) {
            let late = now <= self.late_until.load(Ordering::Relaxed);
            of_person.push(Version { from: now, visible: now + late_by, late, person });
        }
    }

    /// Invariant 2: the newest observation wins, and what is written was true at some time since it was asked for.
    pub fn row_written(&self, before: Option<&PersonRow>, row: &PersonRow) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.look_at(row.id.0);
        let older = before.is_some_and(|before| row.as_of < before.as_of);
        self.requires(!older, || format!("{}: a newer observation was replaced by an older one", row.id));
        let versions = lock(&self.versions);
        let of_person = versions.get(&row.id.0).map(Vec::as_slice).unwrap_or_default();
        let told = since(of_person, row.as_of.as_millisecond() - self.slack).any(|person| is_true(person, row));
        let chosen = row.opportunity_as_of.filter(|as_of| before.and_then(|b| b.opportunity_as_of) != Some(*as_of));
        let opportunity = chosen.is_none_or(|as_of| {
            since(of_person, as_of.as_millisecond() - self.slack).any(|person| has_opportunity(person, row))
        });
        drop(versions);
        self.requires(told, || {
            let (id, status, as_of) = (row.id, row.status, row.as_of);
            format!("{id} was written as {status:?} as of {as_of}, which was not true then or since; it was {before:?}")
        });
        self.requires(opportunity, || format!("{} was written with an opportunity that was not theirs", row.id));
    }

    /// A document was saved over another.
    pub fn document_saved(
        &self,
        key: &str,
        before: Option<&Value>,
        after: &Value,
        rows: &dyn Fn(i64) -> Option<PersonRow>,
    ) {
        let text = after.to_string();
        self.requires(!text.contains('@'), || format!("document `{key}` holds an address"));
        self.requires(text.len() < LARGEST_ITEM, || format!("document `{key}` has {} bytes", text.len()));
        match key {
            pull::KEY => {
                self.under_lease(key, before, after);
                self.cursor_saved(before, after, rows);
            }
            initial_sync::KEY => {
                self.under_lease(key, before, after);
                self.run_saved(before, after, rows);
            }
            _ => {}
        }
    }

    /// A holder whose lease was lost changes nothing any more.
    fn under_lease(&self, key: &str, before: Option<&Value>, after: &Value) {
        let task = self.handle.current();
        let before = before.and_then(read::<Value>);
        let after = read::<Value>(after);
        let mut holders = lock(&self.holders);
        if let Some(before) = before
            && let Some(holder) = before.holder
        {
            let own = holders.get(&holder) == Some(&task);
            let held = before.held_until > self.handle.now();
            let late = !own && held && self.slack == 0;
            if late {
                self.says(format!("document `{key}` was saved by task {task} while {holder} held it"));
            }
        }
        if let Some(holder) = after.and_then(|after| after.holder) {
            holders.entry(holder).or_insert(task);
        }
    }

    /// Invariant 1 for the cursor: whatever changed before it is in the table.
    fn cursor_saved(&self, before: Option<&Value>, after: &Value, rows: &dyn Fn(i64) -> Option<PersonRow>) {
        let read_to = |value: &Value| read::<PullState>(value)?.state.cursor.map(|c| c.read_to.as_millisecond());
        let (was, is) = (before.and_then(read_to), read_to(after));
        let Some(is) = is else {
            self.requires(was.is_none(), || "the cursor was lost".to_owned());
            return;
        };
        let first = *lock(&self.first_read_to).get_or_insert(is);
        self.requires(was.is_none_or(|was| was <= is + self.slack), || "the cursor went back".to_owned());
        if was.is_none_or(|was| was == is) || self.lists_get_lost {
            return;
        }
        let overlap = |value: &Value| read::<PullState>(value)?.state.overlap_read_at.map(|at| at.as_millisecond());
        let overlap = overlap(after).unwrap_or(i64::MIN);
        let due = |v: &Version| v.visible < if v.late { overlap } else { is };
        // An opportunity that changed late may follow a value that changed since.
        let changed =
            |versions: &Vec<Version>| versions.last().is_some_and(|last| last.from > first && versions.iter().all(due));
        let to_check: Vec<i64> =
            lock(&self.versions).iter().filter(|(_, versions)| changed(versions)).map(|(id, _)| *id).collect();
        for id in to_check {
            self.look_at(id);
            self.must_be_in(id, is - self.slack - 1000, first, rows, "the cursor is ahead of");
        }
    }

    /// Invariant 1 for a run: when it is complete, everybody is stored who qualified when it began and has not changed since.
    fn run_saved(&self, before: Option<&Value>, after: &Value, rows: &dyn Fn(i64) -> Option<PersonRow>) {
        let state = |value: &Value| read::<InitialSync>(value).map(|leased| leased.state);
        let (Some(after), before) = (state(after), before.and_then(state).unwrap_or_default()) else {
            self.says("the document of the initial sync cannot be read".to_owned());
            return;
        };
        if let (Some(was), Some(is)) = (&before.run, &after.run)
            && was.id == is.id
        {
            let stored = |state: &PartState| matches!(state, PartState::Stored { .. });
            let lost = was.parts.iter().zip(&is.parts).any(|(was, is)| stored(&was.state) && !stored(&is.state));
            self.requires(!lost || was.parts.len() != is.parts.len(), || "a stored part is not stored any more".into());
        }
        let (was, is) = (before.completed.as_ref(), after.completed.as_ref());
        let again = was.is_some_and(|was| after.run.as_ref().is_some_and(|run| run.id == was.id));
        self.requires(!again, || "a completed run goes on".to_owned());
        let Some(is) = is.filter(|is| was.is_none_or(|was| was.id != is.id)) else {
            self.requires(was.is_none() || is.is_some(), || "a completed run was forgotten".to_owned());
            return;
        };
        self.requires(was.is_none_or(|was| was.started_at <= is.started_at), || "an older run completed later".into());
        let ids: Vec<i64> = lock(&self.versions).keys().copied().collect();
        let until = is.started_at.as_millisecond() - self.slack;
        for id in ids {
            self.look_at(id);
            let active = |v: &Version| v.person.as_ref().is_some_and(|person| person.status == "active");
            let qualified = lock(&self.versions).get(&id).and_then(|v| v.last()).is_some_and(active);
            if qualified {
                self.must_be_in(id, until, i64::MIN, rows, "the initial sync is complete without");
            }
        }
    }

    /// Somebody whose last change is between these times has to be stored as they are.
    fn must_be_in(&self, id: i64, until: i64, from: i64, rows: &dyn Fn(i64) -> Option<PersonRow>, what: &str) {
        let versions = lock(&self.versions);
        let Some(last) = versions.get(&id).and_then(|v| v.last()) else { return };
        if last.visible > until || last.from <= from {
            return;
        }
        let row = rows(id).filter(|row| !row.shadow);
        let wrong = match (&last.person, &row) {
            // While an initial sync runs, the roles of a batch follow behind its people.
            (Some(person), Some(row)) if from > i64::MIN && row.opportunity_as_of.is_none() => {
                let person = ExpectedPerson { sfdc_opportunity_id: None, ..person.clone() };
                compare::difference(&person, row)
            }
            (Some(person), Some(row)) => compare::difference(person, row),
            (Some(person), None) => (!person.optional).then(|| format!("{id} is missing")),
            (None, Some(row)) => Some(format!("{id} is {:?}, should not be stored", row.status)),
            (None, None) => None,
        };
        drop(versions);
        if let Some(wrong) = wrong {
            self.says(format!("{what} its data: {wrong}"));
        }
    }
}

fn read<T: for<'de> Deserialize<'de>>(value: &Value) -> Option<Leased<T>> {
    Leased::deserialize(value).ok()
}

/// What a person was like at any time since then.
fn since(versions: &[Version], from: i64) -> impl Iterator<Item = Option<&ExpectedPerson>> {
    let until = |at: usize| versions.get(at + 1).map_or(i64::MAX, |next| next.from);
    versions.iter().enumerate().filter(move |(at, _)| until(*at) >= from).map(|(_, version)| version.person.as_ref())
}

fn is_true(person: Option<&ExpectedPerson>, row: &PersonRow) -> bool {
    let status = person.map_or("none", |person| person.status);
    match row.status {
        Status::Active => person.is_some_and(|person| status == "active" && compare::same_fields(person, row)),
        // Somebody who left our sight by a change of partition may also be gone.
        Status::Unqualified => status != "active",
        // Marketo may tell of the loser of a merge as deleted.
        Status::Deleted => matches!(status, "none" | "deleted" | "merged"),
        Status::Merged => {
            matches!(status, "none" | "deleted")
                || person.is_some_and(|person| person.merged_into.map(MarketoId) == row.merged_into)
        }
    }
}

fn has_opportunity(person: Option<&ExpectedPerson>, row: &PersonRow) -> bool {
    // Of people who do not qualify the world does not say which opportunity they have.
    person.is_none_or(|person| person.status != "active" || person.sfdc_opportunity_id == row.opportunity)
}
