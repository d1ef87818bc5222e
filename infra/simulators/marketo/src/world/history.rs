//! The activity log and its paging: positions, tokens, and pages that are sometimes short or empty.
//! Must not know how a page is written on the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::activity::{Activity, CHANGE_VALUE, DELETE, NEW_LEAD, UPDATE_OPPORTUNITY};
use super::hash::{hash, within};
use super::people::{Base, FIRST_ID};
use crate::config::StreamConfig;

/// How many log entries one call looks at before it answers with what it has.
const SCAN_BLOCK: usize = 2_000;
const DAY: i64 = 86_400;

/// Where an entry stands: by the time it happened, then by the order of writing.
pub(crate) type Place = (i64, u64);

/// The log since the start. What happened before is the creation of everybody, which is computed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) entries: Arc<BTreeMap<Place, Arc<Activity>>>,
    /// Number of the next entry.
    pub(crate) next: u64,
}

impl Log {
    pub(crate) fn append(&mut self, at_ms: i64, activity: Activity) {
        let place = (at_ms, activity.number);
        Arc::make_mut(&mut self.entries).insert(place, Arc::new(activity));
    }
}

/// A position that a paging token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) spot: Spot,
    /// Set by an empty page so that the next one makes progress.
    pub(crate) calm: bool,
}

/// The next entry to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spot {
    /// The creation of the person with this index.
    Creation(u64),
    /// The first log entry at or after this place.
    Entry(Place),
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Type ids; everything when empty.
    pub(crate) kinds: Vec<i64>,
    /// Person ids; everybody when `None`.
    pub(crate) leads: Option<BTreeSet<i64>>,
    /// Field ids that data value changes must name; any when empty.
    pub(crate) fields: Vec<i64>,
}

impl Wanted {
    fn takes_kind(&self, kind: i64) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn takes(&self, activity: &Activity, now: i64) -> bool {
        let field_fits = self.fields.is_empty()
            || activity.kind != CHANGE_VALUE
            || activity.primary_id.is_some_and(|id| self.fields.contains(&id));
        self.takes_kind(activity.kind)
            && self.leads.as_ref().is_none_or(|leads| leads.contains(&activity.lead))
            && field_fits
            && activity.date >= now - retention(activity.kind)
    }
}

/// How long entries of a type are kept.
fn retention(kind: i64) -> i64 {
    match kind {
        DELETE => 14 * DAY,
        CHANGE_VALUE | UPDATE_OPPORTUNITY => 90 * DAY,
        NEW_LEAD => 100_000 * DAY,
        _ => 760 * DAY,
    }
}

/// One page of the stream.
pub(crate) struct Page {
    pub(crate) rows: Vec<Arc<Activity>>,
    pub(crate) next: Cursor,
    pub(crate) more: bool,
}

/// The log as it stands at one moment.
#[derive(Clone, Debug)]
pub(crate) struct HistoryView {
    pub(crate) base: Arc<Base>,
    pub(crate) log: Log,
    pub(crate) now_ms: i64,
}

impl HistoryView {
    /// The position of a point in time.
    pub(crate) fn cursor_at(&self, seconds: i64) -> Cursor {
        let index = self.base.first_created_from(seconds);
        let spot = if index < self.base.people { Spot::Creation(index) } else { Spot::Entry((seconds * 1000, 0)) };
        Cursor { spot, calm: false }
    }

    pub(crate) fn page(&self, from: Cursor, wanted: &Wanted, limit: usize, moods: &StreamConfig) -> Page {
        let mut limit = limit.clamp(1, 300);
        let mood = hash(self.base.seed, from.spot.number(), 91);
        let more_follows = self.more_after(from.spot);
        if more_follows && !from.calm && within(mood, moods.empty_page_share) {
            return Page { rows: Vec::new(), next: Cursor { spot: from.spot, calm: true }, more: true };
        }
        if within(hash(mood, 0, 92), moods.short_page_share) {
            limit = limit.min(1 + usize::try_from(mood % 40).unwrap_or(0));
        }
        let mut rows = Vec::new();
        let mut spot = self.creations(from.spot, wanted, limit, &mut rows);
        if rows.len() < limit {
            spot = self.entries(spot, wanted, limit, &mut rows);
        }
        let more = self.more_after(spot);
        if !more {
            // Positions move on with the clock: whatever shows up late lies behind this one.
            spot = Spot::Entry((self.now_ms, self.log.next));
        }
        Page { rows, next: Cursor { spot, calm: false }, more }
    }

    fn more_after(&self, spot: Spot) -> bool {
        match spot {
            Spot::Creation(index) => index < self.base.people || !self.log.entries.is_empty(),
            Spot::Entry(place) => self.log.entries.range(place..).next().is_some(),
        }
    }

    /// The computed part of the log, one New Lead entry for each person of the start.
    fn creations(&self, from: Spot, wanted: &Wanted, limit: usize, rows: &mut Vec<Arc<Activity>>) -> Spot {
        let Spot::Creation(start) = from else { return from };
        let end = Spot::Entry((i64::MIN, 0));
        if !wanted.takes_kind(NEW_LEAD) {
            return end;
        }
        if let Some(leads) = &wanted.leads {
            let ids = leads.range(FIRST_ID + start.cast_signed()..self.base.end_id()).copied();
            let known: Vec<u64> = ids.filter_map(|id| self.base.index_of(id)).take(limit).collect();
            rows.extend(known.iter().map(|index| Arc::new(Activity::new_lead_of(&self.base, *index))));
            let full = known.len() == limit;
            return known.last().filter(|_| full).map_or(end, |last| Spot::Creation(last + 1));
        }
        let stop = self.base.people.min(start + limit as u64);
        rows.extend((start..stop).map(|index| Arc::new(Activity::new_lead_of(&self.base, index))));
        if stop < self.base.people { Spot::Creation(stop) } else { end }
    }

    fn entries(&self, from: Spot, wanted: &Wanted, limit: usize, rows: &mut Vec<Arc<Activity>>) -> Spot {
        let Spot::Entry(start) = from else { return from };
        let mut last = start;
        for (seen, (place, activity)) in self.log.entries.range(start..).enumerate() {
            if rows.len() >= limit || seen >= SCAN_BLOCK {
                return Spot::Entry(*place);
            }
            last = *place;
            if activity.visible_ms <= self.now_ms && wanted.takes(activity, self.now_ms / 1000) {
                rows.push(Arc::clone(activity));
            }
        }
        Spot::Entry((last.0, last.1.saturating_add(1)))
    }

    /// Entries of the log that are visible and dated within the range, from a place on; for bulk extracts.
    pub(crate) fn dated(
        &self,
        after: Option<Place>,
        from: i64,
        to: i64,
    ) -> impl Iterator<Item = (Place, &Arc<Activity>)> {
        let bound = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.log
            .entries
            .range((bound, Bound::Unbounded))
            .filter(move |(_, activity)| {
                activity.visible_ms <= self.now_ms && activity.date >= from && activity.date <= to
            })
            .map(|(place, activity)| (*place, activity))
    }
}

impl Spot {
    fn number(self) -> u64 {
        match self {
            Spot::Creation(index) => index,
            Spot::Entry((time, number)) => time.cast_unsigned() ^ number.rotate_left(32),
        }
    }
}

impl Cursor {
    /// Opaque text in Base32 that always ends in `=`.
    pub(crate) fn to_token(self) -> String {
        let calm = u8::from(self.calm);
        let text = match self.spot {
            Spot::Creation(index) => format!("c{calm}.{index}."),
            Spot::Entry((time, number)) => format!("e{calm}.{time}.{number}."),
        };
        let padded = text.len().next_multiple_of(5) + 4;
        base32(format!("{text:~<padded$}").as_bytes())
    }

    pub(crate) fn from_token(token: &str) -> Option<Self> {
        let bytes = unbase32(token)?;
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.split('.');
        let head = parts.next()?;
        let first: i64 = parts.next()?.parse().ok()?;
        let spot = match head.as_bytes().first()? {
            b'c' => Spot::Creation(first.try_into().ok()?),
            b'e' => Spot::Entry((first, parts.next()?.parse().ok()?)),
            _ => return None,
        };
        Some(Self { spot, calm: head.ends_with('1') })
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 8 / 5 + 8);
    for chunk in bytes.chunks(5) {
        let bits = chunk.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let letters = (chunk.len() * 8).div_ceil(5);
        for nth in 0..8 {
            let letter = BASE32[usize::try_from(bits >> (35 - 5 * nth) & 31).unwrap_or(0)];
            out.push(if nth < letters { char::from(letter) } else { '=' });
        }
    }
    out
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut have) = (0_u32, 0);
    let mut out = Vec::new();
    for byte in text.trim_end_matches('=').bytes() {
        let value = BASE32.iter().position(|letter| *letter == byte)?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        have += 5;
        if have >= 8 {
            have -= 8;
            out.push(u8::try_from(bits >> have & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_in_an_equals_sign_and_read_back() {
        for spot in [
            Spot::Creation(0),
            Spot::Creation(999_999),
            Spot::Entry((1_790_000_000_123, 77)),
            Spot::Entry((i64::MIN, 0)),
        ] {
            for calm in [false, true] {
                let cursor = Cursor { spot, calm };
                let token = cursor.to_token();
                assert!(token.ends_with('='), "{token}");
                assert_eq!(Cursor::from_token(&token), Some(cursor));
            }
        }
        assert_eq!(Cursor::from_token("nonsense"), None);
    }
}
