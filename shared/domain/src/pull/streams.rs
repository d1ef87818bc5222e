//! Reads the three streams of changes into one set of people, a bounded number of pages at a time. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Cursor;
use crate::Failure;
use crate::people::MarketoId;
use crate::ports::{Activity, ActivityKind, ActivityPage, PeoplePorts};

/// Most pages of one stream in one pass, so that the set of people stays small: 20 pages are 6,000 activities.
const MAX_PAGES: usize = 20;

/// What the streams told of, by person.
#[derive(Debug, Default)]
pub struct Changes {
    /// People to read again, with the time of their latest change.
    pub changed: BTreeMap<MarketoId, Timestamp>,
    /// People whose opportunities changed, with the latest time.
    pub opportunities: BTreeMap<MarketoId, Timestamp>,
    /// People who changed partition, and may be out of sight now.
    pub moved: BTreeSet<MarketoId>,
    /// Losers of merges and their survivors.
    pub merged: BTreeMap<MarketoId, MarketoId>,
    /// Deleted people.
    pub deleted: BTreeSet<MarketoId>,
    /// Whether there is more to read now.
    pub more: bool,
}

/// Reads on from the cursor and moves it; the caller keeps the cursor only after the changes are written. `doubt` makes a page without
/// a list be asked for once more: where the overlap would not read the same span again, a lost list would be lost changes.
///
/// # Errors
/// Those of the streams.
pub async fn read(
    ports: &PeoplePorts,
    cursor: &mut Cursor,
    fields: &[String],
    doubt: bool,
) -> Result<Changes, Failure> {
    let mut changes = Changes::default();
    for stream in [Stream::Changes, Stream::Activities, Stream::Deletions] {
        let mut more = true;
        for _ in 0..MAX_PAGES {
            let page = believable(stream, ports, cursor, fields, doubt).await?;
            for activity in page.activities {
                changes.add(activity);
            }
            *stream.position(cursor) = page.next;
            more = page.more;
            if !more {
                break;
            }
        }
        changes.more |= more;
    }
    Ok(changes)
}

/// A page with a list, or one that lacked it twice.
async fn believable(
    stream: Stream,
    ports: &PeoplePorts,
    cursor: &Cursor,
    fields: &[String],
    doubt: bool,
) -> Result<ActivityPage, Failure> {
    let page = stream.page(ports, cursor, fields).await?;
    if page.listed || !doubt {
        return Ok(page);
    }
    stream.page(ports, cursor, fields).await
}

#[derive(Clone, Copy)]
enum Stream {
    Changes,
    Activities,
    Deletions,
}

impl Stream {
    async fn page(self, ports: &PeoplePorts, cursor: &Cursor, fields: &[String]) -> Result<ActivityPage, Failure> {
        match self {
            Self::Changes => ports.marketo.field_changes(&cursor.changes, fields).await,
            Self::Activities => ports.marketo.person_activities(&cursor.activities).await,
            Self::Deletions => ports.marketo.deletions(&cursor.deletions).await,
        }
    }

    fn position(self, cursor: &mut Cursor) -> &mut crate::ports::PagingToken {
        match self {
            Self::Changes => &mut cursor.changes,
            Self::Activities => &mut cursor.activities,
            Self::Deletions => &mut cursor.deletions,
        }
    }
}

impl Changes {
    fn add(&mut self, activity: Activity) {
        let (person, at) = (activity.person, activity.at);
        match activity.kind {
            ActivityKind::NewPerson | ActivityKind::FieldChange | ActivityKind::OwnerChange => {
                latest(&mut self.changed, person, at)
            }
            ActivityKind::PartitionChange => {
                latest(&mut self.changed, person, at);
                self.moved.insert(person);
            }
            ActivityKind::OpportunityChange => {
                latest(&mut self.changed, person, at);
                latest(&mut self.opportunities, person, at);
            }
            ActivityKind::Merge(losers) => {
                // The survivor may take over values and roles of the losers without an activity of its own.
                latest(&mut self.changed, person, at);
                latest(&mut self.opportunities, person, at);
                self.merged.extend(losers.into_iter().filter(|loser| *loser != person).map(|loser| (loser, person)));
            }
            ActivityKind::Deletion => {
                self.deleted.insert(person);
            }
            ActivityKind::Other(_) => {}
        }
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.merged.is_empty() && self.deleted.is_empty()
    }

    /// People to read: the changed ones that still exist.
    pub fn to_read(&self) -> Vec<(MarketoId, Timestamp)> {
        let gone = |id: &MarketoId| self.merged.contains_key(id) || self.deleted.contains(id);
        self.changed.iter().filter(|(id, _)| !gone(id)).map(|(id, at)| (*id, *at)).collect()
    }
}

fn latest(times: &mut BTreeMap<MarketoId, Timestamp>, person: MarketoId, at: Timestamp) {
    let time = times.entry(person).or_insert(at);
    *time = at.max(*time);
}
