//! What became of people since the start: the records that differ from it, and the log of how they came to differ.
//! Must not know HTTP, limits or export jobs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use super::activity::{Activity, Detail};
use super::changes::Pending;
use super::custom::CustomTypes;
use super::fields::Text;
use super::hash::{Dice, mix, within};
use super::history::{HistoryView, Log};
use super::people::Base;
use super::person::{Person, Role};
use super::salesforce_id;
use super::unsubscribed::Unsubscribed;
use crate::config::StreamConfig;

/// Whether a person still exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    Deleted,
    MergedInto(i64),
}

/// Somebody who is no longer as they were at the start.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) person: Person,
    pub(crate) roles: Vec<Role>,
    pub(crate) fate: Fate,
    /// Qualified at some time.
    pub(crate) ever_qualified: bool,
    /// Qualified at a settled point.
    pub(crate) settled: bool,
}

impl Record {
    pub(crate) fn qualifies(&self) -> bool {
        self.fate == Fate::Alive && self.person.qualifies()
    }
}

/// Everyone at one moment. Cloning is cheap and the clone never changes: export jobs keep one.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) base: Arc<Base>,
    pub(crate) records: Arc<BTreeMap<i64, Arc<Record>>>,
    index: Arc<TextIndex>,
}

/// Somebody found by id.
pub(crate) enum Found {
    /// As at the start.
    Untouched(u64),
    Changed(Arc<Record>),
}

impl View {
    /// The first person, dead or alive, with this id or a higher one.
    pub(crate) fn next_from(&self, id: i64) -> Option<(i64, Found)> {
        let id = id.max(super::people::FIRST_ID);
        if let Some(index) = self.base.index_of(id) {
            let found =
                self.records.get(&id).map_or(Found::Untouched(index), |record| Found::Changed(Arc::clone(record)));
            return Some((id, found));
        }
        self.records.range(id..).next().map(|(id, record)| (*id, Found::Changed(Arc::clone(record))))
    }

    /// A living person.
    pub(crate) fn person(&self, id: i64) -> Option<Person> {
        if let Some(record) = self.records.get(&id) {
            return (record.fate == Fate::Alive).then(|| record.person.clone());
        }
        self.base.index_of(id).map(|index| self.base.person(index))
    }

    pub(crate) fn is_alive(&self, id: i64) -> bool {
        self.records.get(&id).map_or_else(|| self.base.index_of(id).is_some(), |record| record.fate == Fate::Alive)
    }

    /// Opportunity roles of a living person.
    pub(crate) fn roles(&self, id: i64) -> Vec<Role> {
        if let Some(record) = self.records.get(&id) {
            return if record.fate == Fate::Alive { record.roles.clone() } else { Vec::new() };
        }
        self.base.index_of(id).map(|index| self.base.roles(index)).unwrap_or_default()
    }

    /// Ids of living people whose text field has one of the values, compared as the lookups of leads.json do.
    pub(crate) fn ids_by_text(&self, which: Text, values: &[&str]) -> Vec<i64> {
        let wanted: Vec<String> = values.iter().map(|value| lookup_form(which, value)).collect();
        let is_wanted =
            |person: &Person| person.text(which).is_some_and(|value| wanted.contains(&lookup_form(which, value)));
        let mut ids: Vec<i64> = wanted
            .iter()
            .flat_map(|value| self.index.candidates(&self.base, which, value))
            .map(Base::id_of)
            .filter(|id| !self.records.contains_key(id))
            .filter(|id| self.person(*id).is_some_and(|person| is_wanted(&person)))
            .collect();
        let changed = self.records.iter().filter(|(_, record)| record.fate == Fate::Alive && is_wanted(&record.person));
        ids.extend(changed.map(|(id, _)| *id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Addresses ignore case; Salesforce ids are equal in their long form.
fn lookup_form(which: Text, value: &str) -> String {
    match which {
        Text::Email => value.trim().to_lowercase(),
        _ => salesforce_id::extend(value.trim()),
    }
}

/// For each looked-up field, everybody's hashed value, sorted; made on first use.
#[derive(Default)]
struct TextIndex(OnceLockMap);

type OnceLockMap = [OnceLock<Vec<(u64, u32)>>; super::fields::TEXTS];

impl TextIndex {
    fn candidates(&self, base: &Base, which: Text, value: &str) -> Vec<u64> {
        let sorted = self.0[which as usize].get_or_init(|| {
            let mut list: Vec<(u64, u32)> = (0..base.people)
                .filter_map(|index| {
                    let text = base.text(index, which)?;
                    Some((text_hash(&lookup_form(which, &text)), u32::try_from(index).ok()?))
                })
                .collect();
            list.sort_unstable();
            list
        });
        let hashed = text_hash(value);
        let start = sorted.partition_point(|(other, _)| *other < hashed);
        sorted[start..].iter().take_while(|(other, _)| *other == hashed).map(|(_, index)| u64::from(*index)).collect()
    }
}

fn text_hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hashed, byte| mix(hashed ^ u64::from(byte)))
}

/// When something happened and when the streams may show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// True time of the event.
    pub(crate) at_ms: i64,
    /// When the record changes; now.
    pub(crate) now_ms: i64,
    pub(crate) visible_ms: i64,
}

/// The changing part of the world.
pub(crate) struct State {
    pub(crate) base: Arc<Base>,
    pub(crate) records: Arc<BTreeMap<i64, Arc<Record>>>,
    pub(crate) log: Log,
    pub(crate) dice: Dice,
    pub(crate) streams: StreamConfig,
    pub(crate) settled_once: bool,
    /// Ids of people created since the start.
    pub(crate) newcomers: Vec<i64>,
    pub(crate) next_id: i64,
    /// Operations whose records change only when they become visible.
    pub(crate) pending: Vec<Pending>,
    pub(crate) custom_types: CustomTypes,
    pub(crate) unsubscribed: Unsubscribed,
    pub(crate) list_members: HashMap<i64, std::collections::BTreeSet<i64>>,
    index: Arc<TextIndex>,
}

impl State {
    pub(crate) fn new(base: Arc<Base>, streams: StreamConfig, durable_unsubscribes: bool) -> Self {
        let next_id = base.end_id() + 3;
        let log = Log { next: base.people, ..Log::default() };
        Self {
            dice: Dice::new(base.seed),
            records: Arc::default(),
            log,
            streams,
            settled_once: false,
            newcomers: Vec::new(),
            next_id,
            pending: Vec::new(),
            custom_types: CustomTypes::default(),
            unsubscribed: Unsubscribed::new(durable_unsubscribes),
            list_members: HashMap::new(),
            index: Arc::default(),
            base,
        }
    }

    pub(crate) fn view(&self) -> View {
        View { base: Arc::clone(&self.base), records: Arc::clone(&self.records), index: Arc::clone(&self.index) }
    }

    pub(crate) fn history(&self, now_ms: i64) -> HistoryView {
        HistoryView { base: Arc::clone(&self.base), log: self.log.clone(), now_ms }
    }

    /// A record to be altered and put back.
    pub(crate) fn record(&self, id: i64) -> Option<Record> {
        if let Some(record) = self.records.get(&id) {
            return Some(Record::clone(record));
        }
        let index = self.base.index_of(id)?;
        let qualifies = self.base.qualifies(index);
        Some(Record {
            person: self.base.person(index),
            roles: self.base.roles(index),
            fate: Fate::Alive,
            ever_qualified: qualifies,
            settled: qualifies && self.settled_once,
        })
    }

    pub(crate) fn living(&self, id: i64) -> Option<Record> {
        self.record(id).filter(|record| record.fate == Fate::Alive)
    }

    pub(crate) fn put(&mut self, mut record: Record) {
        record.ever_qualified |= record.qualifies();
        Arc::make_mut(&mut self.records).insert(record.person.id, Arc::new(record));
    }

    /// Writes to the log. A share of entries is dated some seconds before their place in it.
    pub(crate) fn log(
        &mut self,
        when: When,
        lead: i64,
        kind: i64,
        primary: (Option<i64>, Option<String>),
        detail: Detail,
    ) -> String {
        let number = self.log.next;
        self.log.next += 1;
        let skewed = within(super::hash::hash(self.base.seed, number, 78), self.streams.skewed_date_share);
        let skew = if skewed { 1 + (mix(number) % 14).cast_signed() } else { 0 };
        let activity = Activity {
            number,
            lead,
            kind,
            date: when.at_ms.div_euclid(1000) - skew,
            visible_ms: when.visible_ms,
            primary_id: primary.0,
            primary: primary.1,
            detail,
        };
        let guid = activity.guid();
        self.log.append(when.at_ms, activity);
        guid
    }

    /// Declares that a sync has completed: who qualifies now must be in every table from here on.
    pub(crate) fn settle(&mut self) {
        self.settled_once = true;
        let unsettled: Vec<i64> = self
            .records
            .iter()
            .filter(|(_, record)| !record.settled && record.qualifies())
            .map(|(id, _)| *id)
            .collect();
        let records = Arc::make_mut(&mut self.records);
        for id in unsettled {
            if let Some(record) = records.get_mut(&id) {
                Arc::make_mut(record).settled = true;
            }
        }
    }
}
