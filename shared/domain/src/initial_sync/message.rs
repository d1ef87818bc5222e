//! Messages of the queues `people-batches` and `people-reads`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::people::{MarketoId, Person};
use crate::{Failure, FailureKind};

/// The only version there is so far.
const VERSION: u32 = 1;

/// A message of the initial sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum PeopleMessage {
    /// Rows of an export to store (queue `people-batches`).
    Rows(RowsBatch),
    /// People to read over REST and store (queue `people-reads`).
    Reads(IdsBatch),
    /// People whose opportunity roles to read (queue `people-reads`).
    Roles(IdsBatch),
}

/// Where a batch belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchId {
    /// The run.
    pub run: String,
    /// Label of the part.
    pub part: String,
    /// Number of the batch within its kind and part.
    pub number: u32,
}

/// Rows of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RowsBatch {
    /// Where it belongs.
    pub batch: BatchId,
    /// The instant before the export was asked for.
    pub as_of: Timestamp,
    /// Whether the table was empty when the run began.
    pub fresh: bool,
    /// People who qualify, at most 300.
    pub people: Vec<Person>,
    /// People in the export who do not qualify; those of them who are stored change their status.
    pub unqualified: Vec<MarketoId>,
    /// People whose text the export could not carry, at most 300: they are read over REST first.
    pub read_again: Vec<MarketoId>,
}

/// Ids of people, at most 300.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdsBatch {
    /// Where it belongs.
    pub batch: BatchId,
    /// The people.
    pub ids: Vec<MarketoId>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    v: u32,
    #[serde(flatten)]
    message: &'a PeopleMessage,
}

impl PeopleMessage {
    /// Where it belongs.
    #[must_use]
    pub fn batch(&self) -> &BatchId {
        match self {
            Self::Rows(rows) => &rows.batch,
            Self::Reads(ids) | Self::Roles(ids) => &ids.batch,
        }
    }

    /// The message body.
    ///
    /// # Errors
    /// Never for messages made here; `BadRequest` would mean a fault of this program.
    pub fn to_body(&self) -> Result<String, Failure> {
        let cannot =
            |why: String| Failure::new(FailureKind::BadRequest, format!("cannot write a people message: {why}"));
        let mut body = Vec::with_capacity(self.room());
        let envelope = Envelope { v: VERSION, message: self };
        serde_json::to_writer(&mut body, &envelope).map_err(|e| cannot(e.to_string()))?;
        let body = String::from_utf8(body).map_err(|e| cannot(e.to_string()))?;
        Ok(escape_what_sqs_refuses(body))
    }

    /// About how long the body is, so that it is not moved while it grows.
    fn room(&self) -> usize {
        match self {
            Self::Rows(rows) => 4096 + rows.people.iter().map(|p| p.fields.text().len() + 128).sum::<usize>(),
            Self::Reads(ids) | Self::Roles(ids) => 4096 + ids.ids.len() * 8,
        }
    }

    /// Reads a message body.
    ///
    /// # Errors
    /// `BadRequest` when it is not a message of a known kind and version. The body is not repeated: it holds personal data.
    pub fn from_body(body: &str) -> Result<Self, Failure> {
        let bad = |why: String| Failure::new(FailureKind::BadRequest, format!("not a people message: {why}"));
        let wire: Wire = serde_json::from_str(body).map_err(|e| bad(place(&e)))?;
        if wire.v != VERSION {
            return Err(bad(format!("version {} is not known, only {VERSION}", wire.v)));
        }
        wire.message().ok_or_else(|| bad("a part of it is missing".into()))
    }
}

/// A message as it is read, in one go: what is read by its tag would first be kept whole in another form.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    v: u32,
    kind: Option<Kind>,
    batch: Option<BatchId>,
    as_of: Option<Timestamp>,
    fresh: Option<bool>,
    people: Option<Vec<Person>>,
    unqualified: Option<Vec<MarketoId>>,
    read_again: Option<Vec<MarketoId>>,
    ids: Option<Vec<MarketoId>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Rows,
    Reads,
    Roles,
}

impl Wire {
    fn message(self) -> Option<PeopleMessage> {
        let batch = self.batch?;
        Some(match self.kind? {
            Kind::Rows => PeopleMessage::Rows(RowsBatch {
                batch,
                as_of: self.as_of?,
                fresh: self.fresh?,
                people: self.people?,
                unqualified: self.unqualified?,
                read_again: self.read_again?,
            }),
            Kind::Reads => PeopleMessage::Reads(IdsBatch { batch, ids: self.ids? }),
            Kind::Roles => PeopleMessage::Roles(IdsBatch { batch, ids: self.ids? }),
        })
    }
}

/// SQS takes no body with U+FFFE or U+FFFF in it. Both can only stand inside texts, where JSON has another way to write them.
fn escape_what_sqs_refuses(body: String) -> String {
    // Most bodies hold neither, nor any other character that begins with their first byte.
    if body.as_bytes().contains(&0xEF) && body.contains(['\u{FFFE}', '\u{FFFF}']) {
        body.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        body
    }
}

/// Where and in which way JSON is wrong, without the values that the full text may repeat.
fn place(error: &serde_json::Error) -> String {
    format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::{Field, Fields};

    #[test]
    fn a_message_survives_the_queue() {
        let batch = BatchId { run: "r".into(), part: "0.0".into(), number: 3 };
        let person = Person {
            id: MarketoId(5),
            fields: Fields::from_iter([(Field::Email, "a@b".to_owned()), (Field::Title, "\"".to_owned())]),
            extra: [("a".into(), "\"\n\u{FFFE}\u{FFFF}".into())].into(),
            qualifies: true,
        };
        for message in [
            PeopleMessage::Rows(RowsBatch {
                batch: batch.clone(),
                as_of: Timestamp::UNIX_EPOCH,
                fresh: true,
                people: vec![person],
                unqualified: vec![MarketoId(6)],
                read_again: vec![MarketoId(7)],
            }),
            PeopleMessage::Reads(IdsBatch { batch: batch.clone(), ids: vec![MarketoId(1)] }),
            PeopleMessage::Roles(IdsBatch { batch, ids: vec![] }),
        ] {
            let body = message.to_body().unwrap();
            assert!(!body.contains(['\u{FFFE}', '\u{FFFF}']), "SQS would refuse it");
            assert_eq!(PeopleMessage::from_body(&body), Ok(message));
        }
    }

    #[test]
    fn what_is_no_message_is_refused_without_repeating_it() {
        for body in [
            "",
            "canary@example.com",
            r#"{"v":2,"kind":"roles"}"#,
            r#"{"v":1,"kind":"canary@example.com"}"#,
            r#"{"v":1}"#,
        ] {
            let text = PeopleMessage::from_body(body).unwrap_err().to_string();
            assert!(text.contains("not a people message") && !text.contains("canary"), "{text}");
        }
    }
}
