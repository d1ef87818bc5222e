//! An entry of the register: one address, whether it said no, and the history of that for ever. Knows no vendor's API and no table.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Address;
use crate::Push;
use crate::people::MarketoId;
use crate::ports::Shelf;
use crate::settings::OptOutField;
use crate::{Failure, FailureKind, Trouble};

/// Events of one address, after which it takes no resubscribe any more: an entry has to stay storable, and an opt-out must never be refused.
const MAX_EVENTS: usize = 1_000;
/// Restored boxes and refused checks that are kept of one address, the latest ones.
const MAX_KEPT: usize = 50;
/// Messages of one address that are known again, the latest ones: a queue delivers a message again within days, not after twenty others.
const MAX_MESSAGES: usize = 20;
/// Records of one address of which anything is kept; of more than these an unticked box is restored, but not listed.
const MAX_RECORDS: usize = 200;

/// Where an opt-out or a resubscribe came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// A seller said so.
    Manual,
    /// The recipient, by the link in a mail.
    #[serde(rename = "Clicked Link")]
    ClickedLink,
    /// A box ticked in Salesforce.
    Salesforce,
    /// A mail that bounced.
    Bounce,
    /// A list.
    Import,
    /// An admin.
    Admin,
}

impl Source {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Manual, Self::ClickedLink, Self::Salesforce, Self::Bounce, Self::Import, Self::Admin];

    /// The name in listings and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "Manual",
            Self::ClickedLink => "Clicked Link",
            Self::Salesforce => "Salesforce",
            Self::Bounce => "Bounce",
            Self::Import => "Import",
            Self::Admin => "Admin",
        }
    }

    /// Reads a name; upper and lower case are alike, and `link` stands for the link.
    ///
    /// # Errors
    /// `BadRequest`, naming those there are.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        let found = Self::ALL.into_iter().find(|source| source.as_str().eq_ignore_ascii_case(text));
        found.or_else(|| text.eq_ignore_ascii_case("link").then_some(Self::ClickedLink)).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Failure::new(FailureKind::BadRequest, format!("there is no such source of an opt-out; there are {names}"))
        })
    }
}

/// Something that happened to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Whether it said no; `false` = an admin's resubscribe.
    pub opted_out: bool,
    /// Where from.
    pub source: Source,
    /// Why, in somebody's words.
    #[serde(default)]
    pub reason: Option<String>,
    /// Who, where that is known.
    #[serde(default)]
    pub by: Option<String>,
}

/// What is known of a lead or contact with this address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum Known {
    /// Its box was seen ticked, or was ticked by us, in the field of that setting: found unticked, somebody unticked it.
    Ticked {
        /// Which box.
        field: OptOutField,
    },
    /// Salesforce refused to tick it.
    Refused {
        /// When it had last been changed then.
        stamp: Timestamp,
        /// Why.
        trouble: Trouble,
        /// Whether it may pass by itself.
        passing: bool,
    },
    /// It was ticked and gone or converted at the time of a resubscribe, so that it could not be cleared: its box says nothing any more.
    Settled,
}

/// A box that somebody unticked in Salesforce, and that was ticked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restored {
    /// The lead or contact.
    pub record: String,
    /// When.
    pub at: Timestamp,
}

/// What Marketo said of the address, and of which people: it stands until Marketo says otherwise of one of these very people, or an admin does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MarketoMark {
    /// `true`: blocklisted; `false`: unsubscribed.
    pub blocklisted: bool,
    /// Of whom.
    pub people: Vec<MarketoId>,
    /// When it was first seen.
    pub at: Timestamp,
}

/// A mail that was not allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Why, as `can-send` names it.
    pub reason: String,
    /// When it was first asked for that reason, within the hour.
    pub at: Timestamp,
}

/// An entry of the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptOut {
    /// The key.
    pub address: Address,
    /// Whether it said no.
    pub opted_out: bool,
    /// Everything that led here, oldest first, kept for ever.
    pub history: Vec<Event>,
    /// Ids of the latest messages by which it said no, so that one that comes again is known, also after a resubscribe.
    #[serde(default)]
    pub messages: VecDeque<String>,
    /// How far it is in Salesforce.
    pub push: Push,
    /// Salesforce's records, by id of 18 characters.
    #[serde(default)]
    pub records: BTreeMap<String, Known>,
    /// Boxes that were restored, the latest 50.
    #[serde(default)]
    pub restored: Vec<Restored>,
    /// What Marketo said when it was last asked before a mail.
    #[serde(default)]
    pub marketo: Option<MarketoMark>,
    /// Mails that were not allowed, the latest 50.
    #[serde(default)]
    pub refusals: Vec<Refusal>,
    /// Revision, counted up by the store with each write.
    #[serde(skip)]
    pub rev: u64,
}

impl OptOut {
    /// The entry of an address of which nothing is known.
    #[must_use]
    pub fn unknown(address: Address) -> Self {
        Self {
            address,
            opted_out: false,
            history: Vec::new(),
            messages: VecDeque::new(),
            push: Push::Done,
            records: BTreeMap::new(),
            restored: Vec::new(),
            marketo: None,
            refusals: Vec::new(),
            rev: 0,
        }
    }

    /// The event that made it what it is; `None` where it never said anything.
    #[must_use]
    pub fn decisive(&self) -> Option<&Event> {
        let before = self.history.iter().rposition(|event| event.opted_out != self.opted_out);
        self.history.get(before.map_or(0, |before| before + 1))
    }

    /// It said no, by this message where it came by one. The same message again changes nothing, and history does not grow by what was said
    /// before from the same source. Gives whether it had not said no.
    pub fn opt_out(&mut self, event: Event, message: Option<&str>) -> bool {
        if let Some(message) = message {
            if self.messages.iter().any(|known| known == message) {
                return false;
            }
            self.messages.push_back(message.to_owned());
            if self.messages.len() > MAX_MESSAGES {
                self.messages.pop_front();
            }
        }
        let new = !self.opted_out;
        let since = self.history.iter().rposition(|event| !event.opted_out).map_or(0, |at| at + 1);
        if new || self.history[since..].iter().all(|known| known.source != event.source) {
            self.history.push(event.clone());
        }
        if new {
            (self.opted_out, self.push) = (true, Push::due(event.at));
        }
        new
    }

    /// Whether it has said anything since it was like this.
    #[must_use]
    pub fn said_more_than(&self, before: Option<&Self>) -> bool {
        let known = |entry: &Self| (entry.history.len(), entry.messages.back().cloned());
        known(self) != before.map_or((0, None), known)
    }

    /// An admin has new consent; `settled` are records that still carry a box which nobody can clear.
    ///
    /// # Errors
    /// `BadRequest` when its history is full, which takes a thousand events.
    pub fn resubscribe(&mut self, event: Event, settled: Vec<String>) -> Result<(), Failure> {
        if self.history.len() >= MAX_EVENTS {
            let text = format!("the address has a history of {MAX_EVENTS} events and takes no resubscribe any more");
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        self.history.push(event);
        (self.opted_out, self.push, self.marketo) = (false, Push::Done, None);
        self.records.retain(|_, known| *known == Known::Settled);
        self.records.extend(settled.into_iter().take(MAX_RECORDS).map(|id| (id, Known::Settled)));
        Ok(())
    }

    /// Keeps what is known of a record.
    pub fn know(&mut self, record: &str, known: Known) {
        if self.records.len() < MAX_RECORDS || self.records.contains_key(record) {
            self.records.insert(record.to_owned(), known);
        }
    }

    /// Whether a record's box was ticked before in this field, so that somebody has unticked it if it is not.
    #[must_use]
    pub fn was_ticked(&self, record: &str, field: OptOutField) -> bool {
        self.records.get(record) == Some(&Known::Ticked { field })
    }

    /// Keeps that a box was restored.
    pub fn restored(&mut self, record: &str, at: Timestamp) {
        self.restored.push(Restored { record: record.to_owned(), at });
        let excess = self.restored.len().saturating_sub(MAX_KEPT);
        self.restored.drain(..excess);
    }

    /// Keeps that a mail was not allowed; gives whether that is worth a write: the same is kept once an hour.
    pub fn refused(&mut self, reason: &str, at: Timestamp) -> bool {
        let fresh = |last: &Refusal| last.reason == reason && at.duration_since(last.at).as_secs() < 3600;
        if self.refusals.last().is_some_and(fresh) {
            return false;
        }
        self.refusals.push(Refusal { reason: reason.to_owned(), at });
        let excess = self.refusals.len().saturating_sub(MAX_KEPT);
        self.refusals.drain(..excess);
        true
    }

    /// It has to be looked into in Salesforce, from now on.
    pub fn due(&mut self, now: Timestamp) {
        self.push = Push::due(now);
    }

    /// What became of looking into it: done, unless records were refused, in a way that may pass or for good.
    pub fn pushed(&mut self, now: Timestamp, passing: bool, for_good: bool) {
        self.push = if passing || for_good { self.push.refused(now, passing) } else { Push::Done };
    }

    /// Where it stands among what is due, or what was given up.
    #[must_use]
    pub fn shelved(&self) -> Option<(Shelf, Timestamp)> {
        self.push.shelved()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(second: i64, opted_out: bool, source: Source) -> Event {
        Event { at: at(second), opted_out, source, reason: None, by: None }
    }

    fn unknown() -> OptOut {
        OptOut::unknown(Address::of("a@example.com").unwrap())
    }

    #[test]
    fn history_grows_by_what_is_new_and_the_first_word_decides() {
        let mut entry = unknown();
        assert_eq!(entry.decisive(), None);
        assert!(entry.opt_out(event(1, true, Source::Manual), None));
        assert!(!entry.opt_out(event(2, true, Source::Manual), None));
        assert!(!entry.opt_out(event(3, true, Source::Bounce), None));
        assert_eq!(entry.history.iter().map(|event| event.at.as_second()).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(entry.decisive().map(|event| event.at), Some(at(1)));
        assert_eq!(entry.shelved(), Some((Shelf::Due, at(1))));
        entry.resubscribe(event(4, false, Source::Admin), vec!["lead".into()]).unwrap();
        assert_eq!((entry.opted_out, entry.shelved(), entry.records.len()), (false, None, 1));
        assert_eq!(entry.decisive().map(|event| event.at), Some(at(4)));
        assert!(entry.opt_out(event(5, true, Source::Manual), None), "said again after it was cleared");
        assert_eq!((entry.history.len(), entry.decisive().map(|event| event.at)), (4, Some(at(5))));
    }

    #[test]
    fn a_full_history_takes_no_resubscribe_and_every_opt_out() {
        let mut entry = unknown();
        let cleared = |entry: &mut OptOut| entry.resubscribe(event(1, false, Source::Admin), Vec::new());
        while entry.opt_out(event(1, true, Source::Manual), None) && cleared(&mut entry).is_ok() {}
        assert!(entry.opted_out && entry.history.len() >= MAX_EVENTS, "{}", entry.history.len());
        assert!(serde_json::to_string(&entry).unwrap().len() < 350_000);
    }

    #[test]
    fn a_message_that_comes_again_is_old_news_and_another_one_is_not() {
        let mut entry = unknown();
        assert!(entry.opt_out(event(1, true, Source::Manual), Some("m1")));
        let before = entry.clone();
        assert!(!entry.opt_out(event(2, true, Source::Manual), Some("m1")) && entry == before);
        assert!(!entry.opt_out(event(2, true, Source::Manual), Some("m2")) && entry.said_more_than(Some(&before)));
        entry.resubscribe(event(3, false, Source::Admin), Vec::new()).unwrap();
        assert!(!entry.opt_out(event(1, true, Source::Manual), Some("m1")) && !entry.opted_out);
        assert!(entry.opt_out(event(4, true, Source::Manual), Some("m3")));
        for number in 0..100 {
            entry.opt_out(event(5, true, Source::Manual), Some(&number.to_string()));
        }
        assert_eq!(entry.messages.len(), MAX_MESSAGES);
    }

    #[test]
    fn a_refusal_is_kept_once_an_hour() {
        let mut entry = unknown();
        let kept = [(0, "optedOut"), (3_599, "optedOut"), (3_600, "emailInvalid"), (3_700, "emailInvalid")];
        assert_eq!(kept.map(|(second, reason)| entry.refused(reason, at(second))), [true, false, true, false]);
        for second in 0..200 {
            entry.refused("optedOut", at(10_000 + second * 3_600));
        }
        assert_eq!(entry.refusals.len(), MAX_KEPT);
    }

    #[test]
    fn sources_are_read_in_any_case() {
        for source in Source::ALL {
            assert_eq!(Source::parse(&source.as_str().to_uppercase()), Ok(source));
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
        assert_eq!(Source::parse("link"), Ok(Source::ClickedLink));
        assert!(Source::parse("who@example.com").unwrap_err().message.contains("Clicked Link"));
    }
}
