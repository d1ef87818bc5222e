//! The check before a mail: may this address be written to? Fails closed, says why, and remembers what Marketo said no to.
//!
//! In this order: a blocked domain is never written to; a non-commercial mail is not held up by unsubscribes; then the register; then Marketo,
//! where any person with the address decides. What Marketo says is kept for a minute in this process, so that an answer may be a minute old.
//!
//! What Marketo said no to stays no although the person is deleted, made anew or given another address: until Marketo says yes of that very
//! person with that very address, or an admin resubscribes the address.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::entry::MarketoMark;
use super::{Address, OptOut, register};
use crate::people::MarketoId;
use crate::ports::{CheckPorts, Consent, MAX_ADDRESSES_PER_CALL};
use crate::settings::{self, UnsubscribeSettings};
use crate::{Advice, Failure};

/// How old an answer of Marketo may be.
pub const MAX_STALENESS: SignedDuration = SignedDuration::from_secs(60);
/// Answers kept; then all are forgotten.
const MAX_KEPT: usize = 50_000;
/// People of one address that a mark names.
const MAX_MARKED: usize = 50;

/// Why a mail may go or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Nothing says no.
    Ok,
    /// The mail is no commercial one, so that unsubscribes do not count.
    NonCommercial,
    /// The register says no.
    OptedOut,
    /// Marketo: `unsubscribed`.
    MarketoUnsubscribed,
    /// Marketo: `blackListed`.
    MarketoBlocklisted,
    /// Marketo: `emailInvalid`; or it is no address at all.
    EmailInvalid,
    /// The setting `unsubscribes.blockedDomains`.
    BlockedDomain,
    /// Marketo could not be asked; whether the mail may go is the setting `unsubscribes.checkFailOpen`.
    CheckUnavailable,
}

impl Reason {
    /// The name in decisions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NonCommercial => "nonCommercial",
            Self::OptedOut => "optedOut",
            Self::MarketoUnsubscribed => "marketoUnsubscribed",
            Self::MarketoBlocklisted => "marketoBlocklisted",
            Self::EmailInvalid => "emailInvalid",
            Self::BlockedDomain => "blockedDomain",
            Self::CheckUnavailable => "checkUnavailable",
        }
    }
}

/// How Marketo was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Asked {
    /// Now.
    Live,
    /// Within the last minute.
    Cache,
    /// Not: it was not needed, is switched off, or did not answer.
    Off,
}

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    /// Whether the register was asked.
    pub opt_out: bool,
    /// How Marketo was asked.
    pub marketo: Asked,
}

/// Whether a mail may go to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The address, in lower case; as it was given where it is none.
    pub email: String,
    /// Whether it may go.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
    /// What that rests on.
    pub checked: Checked,
}

/// The check, with what it keeps.
pub struct Checker {
    ports: CheckPorts,
    kept: Mutex<HashMap<Address, (Timestamp, Vec<Consent>)>>,
}

/// What is known of an address's people in Marketo.
enum Answer {
    Said(Vec<Consent>, Asked),
    Unavailable,
}

/// What a decision does to the entry of its address.
#[derive(Clone)]
struct Note {
    /// The mark; `None` leaves it as it is.
    mark: Option<Option<MarketoMark>>,
    refused: Option<Reason>,
}

impl Checker {
    /// A check that has asked nobody yet.
    #[must_use]
    pub fn new(ports: CheckPorts) -> Self {
        Self { ports, kept: Mutex::default() }
    }

    /// Decides about each of these texts, same order. Marketo is asked about 300 addresses a call.
    ///
    /// # Errors
    /// Those of the register and of the settings: then nothing may be sent.
    pub async fn check(&self, emails: &[String], non_commercial: bool) -> Result<Vec<Decision>, Failure> {
        let settings = settings::load(&*self.ports.state).await?.unsubscribes()?;
        let addresses: Vec<Option<Address>> = emails.iter().map(|email| Address::of(email)).collect();
        let open = |address: &&Address| !non_commercial && !settings.is_blocked(address.domain());
        let wanted: BTreeSet<Address> = addresses.iter().flatten().filter(open).cloned().collect();
        let entries = register::read(&*self.ports.register, wanted.iter().cloned()).await?;
        let opted_out = |address: &Address| entries.get(address).is_some_and(|entry| entry.opted_out);
        let to_ask = wanted.iter().filter(|address| settings.marketo_check && !opted_out(address)).cloned().collect();
        let said = self.ask(to_ask).await;
        let now = self.ports.clock.now();
        let mut notes: BTreeMap<Address, Note> = BTreeMap::new();
        let decisions: Vec<Decision> = emails
            .iter()
            .zip(&addresses)
            .map(|(email, address)| {
                let Some(address) = address else {
                    return decision(email, Reason::EmailInvalid, false, false, Asked::Off);
                };
                let (decision, note) = decide(address, &settings, non_commercial, entries.get(address), &said, now);
                notes.extend(note.map(|note| (address.clone(), note)));
                decision
            })
            .collect();
        self.note(notes, now).await?;
        tell(&decisions);
        Ok(decisions)
    }

    /// What Marketo says of these addresses, from what is kept or anew.
    async fn ask(&self, addresses: Vec<Address>) -> BTreeMap<Address, Answer> {
        let now = self.ports.clock.now();
        let mut said: BTreeMap<Address, Answer> = BTreeMap::new();
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.retain(|_, (at, _)| now.duration_since(*at) < MAX_STALENESS);
            let found = addresses.iter().filter_map(|address| Some((address.clone(), kept.get(address)?.1.clone())));
            said.extend(found.map(|(address, consents)| (address, Answer::Said(consents, Asked::Cache))));
        }
        let unknown = spread(addresses.into_iter().filter(|address| !said.contains_key(address)).collect());
        let calls = unknown.len().div_ceil(MAX_ADDRESSES_PER_CALL).max(1);
        let mut failed = false;
        for some in unknown.chunks(unknown.len().div_ceil(calls).max(1)) {
            // One that does not answer is not asked again for the rest.
            let answer = if failed { None } else { self.ask_marketo(some).await };
            failed = answer.is_none();
            let Some(consents) = answer else {
                said.extend(some.iter().map(|address| (address.clone(), Answer::Unavailable)));
                continue;
            };
            let mut by_address: HashMap<Address, Vec<Consent>> = HashMap::new();
            for consent in consents {
                by_address.entry(consent.address.clone()).or_default().push(consent);
            }
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() + some.len() > MAX_KEPT {
                kept.clear();
            }
            for address in some {
                let consents = by_address.remove(address).unwrap_or_default();
                kept.insert(address.clone(), (now, consents.clone()));
                said.insert(address.clone(), Answer::Said(consents, Asked::Live));
            }
        }
        said
    }

    async fn ask_marketo(&self, addresses: &[Address]) -> Option<Vec<Consent>> {
        match self.ports.marketo.consents(addresses).await {
            Ok(consents) => Some(consents),
            Err(failure) => {
                let act = matches!(failure.advice(), Advice::Halt | Advice::Reject);
                if act {
                    tracing::error!(failure.kind = ?failure.kind, failure.code = failure.code, "Marketo cannot be asked for consent: {failure}");
                } else {
                    tracing::warn!(failure.kind = ?failure.kind, failure.code = failure.code, "Marketo cannot be asked for consent: {failure}");
                }
                None
            }
        }
    }

    /// Keeps refusals and what Marketo said no to.
    async fn note(&self, notes: BTreeMap<Address, Note>, now: Timestamp) -> Result<(), Failure> {
        let addresses = notes.keys().cloned().collect();
        register::alter(&*self.ports.register, addresses, |entry| {
            let Some(note) = notes.get(&entry.address) else { return false };
            let before = entry.marketo.clone();
            if let Some(mark) = &note.mark {
                entry.marketo = mark.clone();
            }
            let refused = note.refused.is_some_and(|reason| entry.refused(reason.as_str(), now));
            refused || entry.marketo != before
        })
        .await
        .map(drop)
    }
}

/// Addresses in an order in which those that Marketo knows lie among those that it does not: several people may have one address, and an answer
/// holds no more people than a question holds addresses.
fn spread(mut addresses: Vec<Address>) -> Vec<Address> {
    addresses.sort_by_cached_key(|address| {
        let mut hasher = DefaultHasher::new();
        address.hash(&mut hasher);
        hasher.finish()
    });
    addresses
}

fn decision(email: &str, reason: Reason, allowed: bool, opt_out: bool, marketo: Asked) -> Decision {
    Decision { email: email.to_owned(), allowed, reason, checked: Checked { opt_out, marketo } }
}

fn decide(
    address: &Address,
    settings: &UnsubscribeSettings,
    non_commercial: bool,
    entry: Option<&OptOut>,
    said: &BTreeMap<Address, Answer>,
    now: Timestamp,
) -> (Decision, Option<Note>) {
    let email = address.as_str();
    let refuse = |reason, opt_out, asked| {
        (decision(email, reason, false, opt_out, asked), Some(Note { mark: None, refused: Some(reason) }))
    };
    if settings.is_blocked(address.domain()) {
        return refuse(Reason::BlockedDomain, false, Asked::Off);
    }
    if non_commercial {
        return (decision(email, Reason::NonCommercial, true, false, Asked::Off), None);
    }
    if entry.is_some_and(|entry| entry.opted_out) {
        return refuse(Reason::OptedOut, true, Asked::Off);
    }
    let mark = entry.and_then(|entry| entry.marketo.as_ref());
    let Some(known) = said.get(address) else {
        return (decision(email, Reason::Ok, true, true, Asked::Off), None);
    };
    let (consents, asked) = match (known, mark) {
        (Answer::Said(consents, asked), _) => (consents, *asked),
        (Answer::Unavailable, Some(mark)) => return refuse(reason_of(mark), true, Asked::Off),
        (Answer::Unavailable, None) => {
            // Says something of Marketo and nothing of the address, so that it is not kept.
            return (decision(email, Reason::CheckUnavailable, settings.check_fail_open, true, Asked::Off), None);
        }
    };
    let (reason, mark) = verdict(consents, mark, now);
    let refused = (reason != Reason::Ok).then_some(reason);
    let note = (mark.is_some() || refused.is_some()).then_some(Note { mark, refused });
    (decision(email, reason, refused.is_none(), true, asked), note)
}

fn reason_of(mark: &MarketoMark) -> Reason {
    if mark.blocklisted { Reason::MarketoBlocklisted } else { Reason::MarketoUnsubscribed }
}

/// What Marketo's people with an address, and what was seen of them before, come to; and the mark where it changes.
fn verdict(consents: &[Consent], mark: Option<&MarketoMark>, now: Timestamp) -> (Reason, Option<Option<MarketoMark>>) {
    let no: BTreeSet<MarketoId> =
        consents.iter().filter(|c| c.unsubscribed || c.blocklisted).map(|consent| consent.person).collect();
    if !no.is_empty() {
        let blocklisted = consents.iter().all(|consent| !consent.unsubscribed);
        let mut people = no;
        people.extend(mark.iter().flat_map(|mark| &mark.people));
        let people: Vec<MarketoId> = people.into_iter().take(MAX_MARKED).collect();
        let new = MarketoMark { blocklisted, people, at: mark.map_or(now, |mark| mark.at) };
        return (reason_of(&new), (mark != Some(&new)).then_some(Some(new)));
    }
    if let Some(mark) = mark {
        let says_yes = |person: &MarketoId| consents.iter().any(|consent| consent.person == *person);
        if !mark.people.iter().all(says_yes) {
            return (reason_of(mark), None);
        }
    }
    let reason = if consents.iter().any(|consent| consent.invalid) { Reason::EmailInvalid } else { Reason::Ok };
    (reason, mark.is_some().then_some(None))
}

/// Counts by reason; no address.
fn tell(decisions: &[Decision]) {
    let mut refused: BTreeMap<&str, u64> = BTreeMap::new();
    for decision in decisions.iter().filter(|decision| !decision.allowed) {
        *refused.entry(decision.reason.as_str()).or_default() += 1;
    }
    if !refused.is_empty() {
        tracing::info!(check.asked = decisions.len(), check.refused = ?refused, "mails were not allowed");
    }
}
