//! The rows of an export file, generated from a snapshot in any number of pieces; no file is ever held whole.
//! Must not know jobs or HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::clock::iso;
use crate::world::activity::{Activity, DELETE, NEW_LEAD};
use crate::world::fields::{Field, Kind, Text};
use crate::world::hash::{hash, within};
use crate::world::history::{HistoryView, Place};
use crate::world::person::{Person, Value};
use crate::world::state::{Fate, Found, View};

/// Which people an export takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeopleFilter {
    Created(i64, i64),
    Updated(i64, i64),
    /// Living members of a list with stored members.
    Members(BTreeSet<i64>),
    /// Everybody who has an owner of any kind.
    Owned,
    Everybody,
}

impl PeopleFilter {
    pub(crate) fn takes(&self, person: &Person) -> bool {
        match self {
            Self::Created(from, to) => (*from..=*to).contains(&person.created_at),
            Self::Updated(from, to) => (*from..=*to).contains(&person.updated_at),
            Self::Members(ids) => ids.contains(&person.id),
            Self::Owned => person.text(Text::SfdcOwner).or(person.text(Text::ExternalOwner)).is_some(),
            Self::Everybody => true,
        }
    }
}

/// Which activities an export takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActivityFilter {
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) kinds: Vec<i64>,
    pub(crate) primary_ids: Vec<i64>,
    pub(crate) primaries: Vec<String>,
}

impl ActivityFilter {
    fn takes(&self, activity: &Activity) -> bool {
        activity.kind != DELETE
            && (self.kinds.is_empty() || self.kinds.contains(&activity.kind))
            && (self.primary_ids.is_empty() || activity.primary_id.is_some_and(|id| self.primary_ids.contains(&id)))
            && (self.primaries.is_empty()
                || activity.primary.as_ref().is_some_and(|value| self.primaries.contains(value)))
    }
}

/// Columns of an activity export.
pub(crate) const ACTIVITY_COLUMNS: [&str; 9] = [
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
    "actionResult",
];

/// What an export is made of.
#[derive(Clone)]
pub(crate) enum Source {
    People { view: View, filter: PeopleFilter, columns: Vec<&'static Field>, nul_share: f64 },
    Activities { history: HistoryView, filter: ActivityFilter, columns: Vec<&'static str> },
}

/// A file that can be generated from any mark on.
pub(crate) struct Content {
    pub(crate) header: Vec<String>,
    pub(crate) delimiter: u8,
    pub(crate) source: Source,
}

/// A place between two rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Person(i64),
    Creation(u64),
    After(Option<Place>),
}

impl Content {
    pub(crate) fn header_line(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for name in &self.header {
            self.push_text(&mut out, name);
            out.push(self.delimiter);
        }
        end_row(&mut out);
        out
    }

    pub(crate) fn first(&self) -> Mark {
        match &self.source {
            Source::People { view, filter: PeopleFilter::Created(from, _), .. } => {
                Mark::Person(crate::world::people::Base::id_of(view.base.first_created_from(*from)))
            }
            Source::People { .. } => Mark::Person(0),
            Source::Activities { history, filter, .. } => {
                let wants_new = filter.kinds.is_empty() || filter.kinds.contains(&NEW_LEAD);
                let index = if wants_new { history.base.first_created_from(filter.from) } else { history.base.people };
                Mark::Creation(index)
            }
        }
    }

    /// Appends rows from the mark on until `budget` bytes are there. Gives the number of rows, and where to go on.
    pub(crate) fn fill(&self, mark: Mark, out: &mut Vec<u8>, budget: usize) -> (u64, Option<Mark>) {
        match (&self.source, mark) {
            (Source::People { .. }, Mark::Person(id)) => self.fill_people(id, out, budget),
            (Source::Activities { .. }, Mark::Creation(index)) => self.fill_creations(index, out, budget),
            (Source::Activities { .. }, Mark::After(place)) => self.fill_log(place, out, budget),
            _ => (0, None),
        }
    }

    fn fill_people(&self, mut id: i64, out: &mut Vec<u8>, budget: usize) -> (u64, Option<Mark>) {
        let Source::People { view, filter, columns, nul_share } = &self.source else { return (0, None) };
        let mut rows = 0;
        while let Some((found_id, found)) = view.next_from(id) {
            id = found_id + 1;
            let row = match found {
                Found::Changed(record) if record.fate == Fate::Alive && filter.takes(&record.person) => {
                    self.push_person(out, &record.person, columns, view.base.seed, *nul_share);
                    true
                }
                Found::Changed(_) => false,
                Found::Untouched(index) => {
                    if let PeopleFilter::Created(_, to) = filter
                        && view.base.created_at(index) > *to
                    {
                        // Nobody of the start comes later than this one; changed records among them keep their date.
                        id = view.base.end_id();
                        continue;
                    }
                    let person = view.base.person(index);
                    let taken = filter.takes(&person);
                    if taken {
                        self.push_person(out, &person, columns, view.base.seed, *nul_share);
                    }
                    taken
                }
            };
            rows += u64::from(row);
            if out.len() >= budget {
                return (rows, Some(Mark::Person(id)));
            }
        }
        (rows, None)
    }

    fn push_person(&self, out: &mut Vec<u8>, person: &Person, columns: &[&'static Field], seed: u64, nul_share: f64) {
        let chosen = hash(seed, person.id.cast_unsigned(), 55);
        let mut nul = within(chosen, nul_share);
        for field in columns {
            match person.value(field) {
                Value::Null => out.extend_from_slice(b"null"),
                Value::Text(text) if nul && may_hold_nul(field) => {
                    nul = false;
                    self.push_text(out, &with_nul(text));
                }
                Value::Text(text) => self.push_text(out, text),
                Value::Owned(text) => self.push_text(out, &text),
                Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Float(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Value::Bool(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
                Value::Time(seconds) => out.extend_from_slice(iso(seconds).as_bytes()),
            }
            out.push(self.delimiter);
        }
        end_row(out);
    }

    fn fill_creations(&self, mut index: u64, out: &mut Vec<u8>, budget: usize) -> (u64, Option<Mark>) {
        let Source::Activities { history, filter, .. } = &self.source else { return (0, None) };
        let mut rows = 0;
        while index < history.base.people && history.base.created_at(index) <= filter.to {
            let activity = Activity::new_lead_of(&history.base, index);
            index += 1;
            if filter.takes(&activity) {
                self.push_activity(out, &activity);
                rows += 1;
            }
            if out.len() >= budget {
                return (rows, Some(Mark::Creation(index)));
            }
        }
        let (more, next) = self.fill_log(None, out, budget);
        (rows + more, next)
    }

    fn fill_log(&self, after: Option<Place>, out: &mut Vec<u8>, budget: usize) -> (u64, Option<Mark>) {
        let Source::Activities { history, filter, .. } = &self.source else { return (0, None) };
        let mut rows = 0;
        for (place, activity) in history.dated(after, filter.from, filter.to) {
            if filter.takes(activity) {
                self.push_activity(out, activity);
                rows += 1;
            }
            if out.len() >= budget {
                return (rows, Some(Mark::After(Some(place))));
            }
        }
        (rows, None)
    }

    fn push_activity(&self, out: &mut Vec<u8>, activity: &Activity) {
        let Source::Activities { columns, .. } = &self.source else { return };
        for column in columns {
            let text = match *column {
                "marketoGUID" => Some(activity.guid()),
                "leadId" => Some(activity.lead.to_string()),
                "activityDate" => Some(iso(activity.date)),
                "activityTypeId" => Some(activity.kind.to_string()),
                "primaryAttributeValueId" => activity.primary_id.map(|id| id.to_string()),
                "primaryAttributeValue" => activity.primary.clone(),
                "attributes" => {
                    let pairs = activity.attributes().into_iter().map(|attribute| (attribute.name, attribute.value));
                    Some(serde_json::Value::Object(pairs.collect()).to_string())
                }
                "actionResult" => Some("succeeded".to_owned()),
                _ => None,
            };
            match text {
                Some(text) => self.push_text(out, &text),
                None => out.extend_from_slice(b"null"),
            }
            out.push(self.delimiter);
        }
        end_row(out);
    }

    /// Quoted only where it must be, quotes doubled.
    fn push_text(&self, out: &mut Vec<u8>, text: &str) {
        let special = |byte: u8| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        if !text.bytes().any(special) {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.push(b'"');
        for byte in text.bytes() {
            if byte == b'"' {
                out.push(b'"');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
}

/// Replaces the last delimiter by the end of the row.
fn end_row(out: &mut [u8]) {
    if let Some(last) = out.last_mut() {
        *last = b'\n';
    }
}

fn may_hold_nul(field: &Field) -> bool {
    matches!(field.kind, Kind::Text(Text::FirstName | Text::LastName | Text::Company | Text::Title))
}

fn with_nul(text: &str) -> String {
    let middle = text.chars().count() / 2;
    let mut out: String = text.chars().take(middle).collect();
    out.push('\0');
    out.extend(text.chars().skip(middle));
    out
}

/// A file's content may be shared by many readers.
pub(crate) type SharedContent = Arc<Content>;
