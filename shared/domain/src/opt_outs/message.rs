//! The message of the queue `opt-outs`: somebody said no. Knows no queue.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Address, Event, Source};

/// Longest reason and name, characters; longer ones are cut.
const MAX_TEXT: usize = 255;

/// Somebody said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptOutMessage {
    /// Which address.
    pub address: Address,
    /// Where from.
    pub source: Source,
    /// Why.
    pub reason: Option<String>,
    /// Who said or entered it.
    pub by: Option<String>,
    /// When; `None` = when the message is taken.
    pub at: Option<Timestamp>,
}

/// Why a message cannot be used; quotes nothing of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableOptOut(String);

impl fmt::Display for UnusableOptOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    #[serde(default = "one")]
    v: u32,
    email: String,
    source: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    at: Option<Timestamp>,
}

fn one() -> u32 {
    1
}

impl OptOutMessage {
    /// Reads a message: `{"v":1,"email":…,"source":…}`, and optionally `"reason"`, `"by"`, `"at"` (RFC 3339).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(body: &str) -> Result<Self, UnusableOptOut> {
        let unusable = |why: &str| UnusableOptOut(why.to_owned());
        // The parser's own words quote values.
        let wire: Wire = serde_json::from_str(body).map_err(|error| {
            let what = if error.is_data() { "a key is missing or has the wrong type" } else { "it is no JSON object" };
            UnusableOptOut(format!("{what} (line {}, column {})", error.line(), error.column()))
        })?;
        if wire.v != 1 {
            return Err(UnusableOptOut(format!("its version is {}, and this program knows 1", wire.v)));
        }
        let source = Source::parse(&wire.source).map_err(|failure| UnusableOptOut(failure.message))?;
        Ok(Self {
            address: Address::of(&wire.email).ok_or_else(|| unusable("`email` is no email address"))?,
            source,
            reason: wire.reason.map(cut).filter(|text| !text.is_empty()),
            by: wire.by.map(cut).filter(|text| !text.is_empty()),
            at: wire.at,
        })
    }

    /// The message as text.
    #[must_use]
    pub fn to_body(&self) -> String {
        let (email, source) = (self.address.as_str().to_owned(), self.source.as_str().to_owned());
        let wire = Wire { v: 1, email, source, reason: self.reason.clone(), by: self.by.clone(), at: self.at };
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// What it does to the entry of its address.
    #[must_use]
    pub fn event(&self, now: Timestamp) -> Event {
        Event {
            at: self.at.map_or(now, |at| at.min(now)),
            opted_out: true,
            source: self.source,
            reason: self.reason.clone(),
            by: self.by.clone(),
        }
    }
}

/// As much of a text as is kept.
pub(crate) fn cut(text: String) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_who_where_from_and_perhaps_why() {
        let full = r#"{"v":1,"email":" Ana@Example.com","source":"Clicked Link","reason":"too many","at":"2026-07-01T10:00:00Z","x":1}"#;
        let message = OptOutMessage::parse(full).unwrap();
        assert_eq!(message.address.as_str(), "ana@example.com");
        assert_eq!((message.source, message.reason.as_deref()), (Source::ClickedLink, Some("too many")));
        assert_eq!(OptOutMessage::parse(&message.to_body()), Ok(message));
        let short = OptOutMessage::parse(r#"{"email":"a@b.c","source":"bounce"}"#).unwrap();
        assert_eq!((short.source, short.at), (Source::Bounce, None));
    }

    #[test]
    fn what_cannot_be_used_is_said_without_quoting_it() {
        for (body, says) in [
            ("ana@example.com", "no JSON"),
            (r#"{"email":"ana@example.com"}"#, "missing"),
            (r#"{"email":"ana example.com","source":"Manual"}"#, "no email address"),
            (r#"{"email":"ana@example.com","source":"ana@example.com"}"#, "Clicked Link"),
            (r#"{"v":2,"email":"ana@example.com","source":"Manual"}"#, "version is 2"),
            (r#"{"email":"ana@example.com","source":"Manual","at":"ana@example.com"}"#, "wrong type"),
        ] {
            let why = OptOutMessage::parse(body).unwrap_err().to_string();
            assert!(why.contains(says) && !why.contains("ana"), "{body}: {why}");
        }
    }
}
