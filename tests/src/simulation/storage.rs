//! Storage that takes its time, is throttled, loses answers and does things by halves, in memory. Every write is shown to the witness.

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::people::{MarketoId, PersonRow};
use domain::ports::{Document, PeopleTable, PutOutcome, Queue, RowWrite, Spool, Spools, SyncState};
use domain::{Failure, FailureKind};
use futures_util::FutureExt;
use serde_json::Value;
use store::{MemoryPeople, MemoryQueue, MemoryState};

use super::dice::Dice;
use super::executor::Handle;
use super::faults::{StorageFaults, Switch};
use super::trace::Trace;
use super::witness::Witness;

/// What storage is made of.
#[derive(Clone)]
pub struct Ground {
    /// Time.
    pub handle: Handle,
    /// Chance.
    pub dice: Dice,
    /// What goes wrong.
    pub faults: Arc<Switch<StorageFaults>>,
    /// Who watches, where somebody does.
    pub witness: Option<Arc<Witness>>,
    /// Where it is written down.
    pub trace: Arc<Trace>,
}

/// How one call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Well,
    Throttled,
    AnswerLost,
    Repeated,
    Partial,
}

impl Ground {
    pub(super) async fn pass(&self) {
        let faults = self.faults.now();
        let milliseconds = if self.dice.chance(faults.slow) { self.dice.roll(20_000) } else { 1 + self.dice.roll(20) };
        self.handle.sleep(Duration::from_millis(milliseconds)).await;
    }

    pub(super) fn fate(&self) -> Fate {
        let faults = self.faults.now();
        let roll = self.dice.roll(1000);
        let mut below = 0;
        let fates = [
            (faults.throttled, Fate::Throttled),
            (faults.lost_answers, Fate::AnswerLost),
            (faults.repeated, Fate::Repeated),
            (faults.partial, Fate::Partial),
        ];
        for (permille, fate) in fates {
            below += permille;
            if roll < below {
                return fate;
            }
        }
        Fate::Well
    }

    /// Conditional writes: all or some of them are stored, and the answer may be lost, or be that of a repetition.
    pub(super) async fn put<W>(
        &self,
        what: String,
        mut writes: Vec<W>,
        store: impl Fn(Vec<W>) -> Result<Vec<PutOutcome>, Failure>,
    ) -> Result<Vec<PutOutcome>, Failure> {
        self.pass().await;
        let fate = self.fate();
        self.tell(fate, || what);
        match fate {
            Fate::Throttled => return Err(unavailable()),
            Fate::Partial => {
                writes.truncate(writes.len() / 2);
                if !writes.is_empty() {
                    store(writes)?;
                }
                return Err(unavailable());
            }
            Fate::Well | Fate::AnswerLost | Fate::Repeated => {}
        }
        let mut outcomes = store(writes)?;
        self.pass().await;
        match fate {
            Fate::AnswerLost => return Err(unavailable()),
            Fate::Repeated if !outcomes.is_empty() => {
                let at = self.dice.below(outcomes.len());
                outcomes[at] = PutOutcome::Conflict;
            }
            _ => {}
        }
        Ok(outcomes)
    }

    pub(super) fn tell(&self, fate: Fate, what: impl FnOnce() -> String) {
        let how = |what: String| if fate == Fate::Well { what } else { format!("{what}: {fate:?}") };
        self.trace.event(self.handle.now(), self.handle.current(), || how(what()));
    }
}

pub(super) fn unavailable() -> Failure {
    Failure::new(FailureKind::Unavailable, "the simulated store did not answer")
}

/// A call of storage in memory is done at once.
pub(super) fn at_once<T>(call: impl Future<Output = T>) -> T {
    match call.now_or_never() {
        Some(done) => done,
        None => unreachable!("storage in memory waits for nothing"),
    }
}

/// The people table.
pub struct Table {
    ground: Ground,
    inner: Arc<MemoryPeople>,
}

impl Table {
    /// A table over rows that others look at, too.
    pub fn over(inner: Arc<MemoryPeople>, ground: Ground) -> Self {
        Self { ground, inner }
    }

    fn store(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let Some(witness) = &self.ground.witness else { return at_once(self.inner.put(writes)) };
        let ids: Vec<MarketoId> = writes.iter().map(|write| write.row.id).collect();
        let before = at_once(self.inner.get(&ids))?;
        let rows: Vec<PersonRow> = writes.iter().map(|write| write.row.clone()).collect();
        let outcomes = at_once(self.inner.put(writes))?;
        for (row, _) in rows.iter().zip(&outcomes).filter(|(_, outcome)| **outcome == PutOutcome::Stored) {
            witness.row_written(before.iter().find(|b| b.id == row.id), row);
        }
        Ok(outcomes)
    }
}

#[async_trait]
impl PeopleTable for Table {
    async fn get(&self, ids: &[MarketoId]) -> Result<Vec<PersonRow>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("get {} rows", ids.len()));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let rows = at_once(self.inner.get(ids));
        self.ground.pass().await;
        rows
    }

    async fn put(&self, writes: Vec<RowWrite>) -> Result<Vec<PutOutcome>, Failure> {
        let what = format!("put {} rows from {}", writes.len(), writes[0].row.id);
        self.ground.put(what, writes, |writes| self.store(writes)).await
    }

    async fn scan(&self, from: Option<MarketoId>) -> Result<(Vec<PersonRow>, Option<MarketoId>), Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || "scan".to_owned());
        if fate == Fate::Well { at_once(self.inner.scan(from)) } else { Err(unavailable()) }
    }

    async fn by_email(&self, email: &str) -> Result<Vec<PersonRow>, Failure> {
        self.ground.pass().await;
        at_once(self.inner.by_email(email))
    }

    async fn by_salesforce_id(&self, id: &str) -> Result<Vec<PersonRow>, Failure> {
        self.ground.pass().await;
        at_once(self.inner.by_salesforce_id(id))
    }
}

/// Documents and receipts.
pub struct State {
    ground: Ground,
    inner: Arc<MemoryState>,
    people: Arc<MemoryPeople>,
}

impl State {
    /// State over documents that others look at, too.
    pub fn over(inner: Arc<MemoryState>, people: Arc<MemoryPeople>, ground: Ground) -> Self {
        Self { ground, inner, people }
    }
}

#[async_trait]
impl SyncState for State {
    async fn load(&self, key: &str) -> Result<Option<Document>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("load {key}"));
        if fate != Fate::Well {
            return Err(unavailable());
        }
        let document = at_once(self.inner.load(key));
        self.ground.pass().await;
        document
    }

    async fn save(&self, key: &str, value: &Value, seen: Option<u64>) -> Result<u64, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("save {key} over {seen:?}"));
        if matches!(fate, Fate::Throttled | Fate::Partial) {
            return Err(unavailable());
        }
        let before = at_once(self.inner.load(key))?;
        let version = at_once(self.inner.save(key, value, seen))?;
        let row = |id| at_once(self.people.get(&[MarketoId(id)])).ok().and_then(|mut rows| rows.pop());
        if let Some(witness) = &self.ground.witness {
            witness.document_saved(key, before.as_ref().map(|b| &b.value), value, &row);
        }
        self.ground.pass().await;
        match fate {
            Fate::AnswerLost => Err(unavailable()),
            Fate::Repeated => Err(Failure::new(FailureKind::Conflict, "repeated by the SDK after it was done")),
            _ => Ok(version),
        }
    }

    async fn add_receipt(&self, group: &str, receipt: u32) -> Result<(), Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("receipt {receipt} of {group}"));
        if matches!(fate, Fate::Throttled | Fate::Partial) {
            return Err(unavailable());
        }
        at_once(self.inner.add_receipt(group, receipt))?;
        self.ground.pass().await;
        if fate == Fate::AnswerLost { Err(unavailable()) } else { Ok(()) }
    }

    async fn receipts(&self, group: &str, end: u32) -> Result<BTreeSet<u32>, Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("receipts of {group}"));
        if fate == Fate::Well { at_once(self.inner.receipts(group, end)) } else { Err(unavailable()) }
    }
}

/// The sending side of a queue.
pub struct Sender {
    ground: Ground,
    inner: Arc<MemoryQueue>,
}

impl Sender {
    /// Sends to this queue.
    pub fn to(inner: Arc<MemoryQueue>, ground: Ground) -> Self {
        Self { ground, inner }
    }
}

#[async_trait]
impl Queue for Sender {
    async fn send(&self, mut bodies: Vec<String>) -> Result<(), Failure> {
        self.ground.pass().await;
        let fate = self.ground.fate();
        self.ground.tell(fate, || format!("send {} to {}", bodies.len(), self.inner.name()));
        match fate {
            Fate::Throttled => return Err(unavailable()),
            Fate::Partial => bodies.truncate(bodies.len() / 2),
            Fate::Well | Fate::AnswerLost | Fate::Repeated => {}
        }
        at_once(self.inner.send(bodies))?;
        self.ground.pass().await;
        if matches!(fate, Fate::AnswerLost | Fate::Partial) { Err(unavailable()) } else { Ok(()) }
    }
}

/// Scratch space in memory: simulated exports are small.
pub struct MemorySpools;

#[derive(Default)]
struct MemorySpool(Vec<u8>);

impl Spools for MemorySpools {
    fn create(&self) -> io::Result<Box<dyn Spool>> {
        Ok(Box::<MemorySpool>::default())
    }
}

impl Spool for MemorySpool {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn clear(&mut self) -> io::Result<()> {
        self.0.clear();
        Ok(())
    }

    fn reader(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}
