//! What both families of adapters hold to, said once: index keys, precision, sizes. Must not know either family.

use std::collections::BTreeSet;
use std::fmt::Display;

use domain::people::{Field, PersonRow, Status, normalised_email};
use domain::ports::{MAX_MESSAGE_BYTES, RowWrite};
use domain::{Failure, FailureKind, Timestamp};
use serde_json::Value;

/// Longest key of a DynamoDB table or index, bytes.
pub(crate) const MAX_KEY_BYTES: usize = 2048;

/// Largest document, bytes of JSON: an item of DynamoDB may have 400 KiB, its names and other values included.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 390 * 1024;

/// Receipts counted together: a set of 256 small numbers stays under 1 KiB, so that adding one costs one write unit.
pub(crate) const RECEIPTS_PER_ITEM: u32 = 256;

/// Most receipts that a group may be asked for: four thousand items, forty reads. A run of ten million people has a fiftieth of it.
const MAX_RECEIPTS: u32 = 1 << 20;

/// Keys of receipts begin with this, so that no document may.
pub(crate) const RECEIPT_PREFIX: &str = "receipt#";

/// The key of a row in the index by email; `None` = the row is not found by email.
///
/// An address too long for an index key is not indexed: refusing the whole row for it would hold up everybody behind it.
pub(crate) fn email_key(row: &PersonRow) -> Option<String> {
    let gone = row.shadow || matches!(row.status, Status::Deleted | Status::Merged);
    let email = row.fields.get(Field::Email).filter(|_| !gone)?;
    normalised_email(email).filter(|key| key.len() <= MAX_KEY_BYTES)
}

/// The key of a row in the index by Salesforce id: the contact's, else the lead's. Kept for deleted and merged people.
pub(crate) fn salesforce_key(row: &PersonRow) -> Option<&str> {
    let id = |field| row.fields.get(field).filter(|id| !id.is_empty() && id.len() <= MAX_KEY_BYTES);
    if row.shadow { None } else { id(Field::SfdcContactId).or_else(|| id(Field::SfdcLeadId)) }
}

/// Cuts an instant to the milliseconds that the tables keep.
pub(crate) fn to_milliseconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}

/// The row of a write as it is to be stored: instants cut to milliseconds, the next revision set.
pub(crate) fn stored_row(write: RowWrite) -> PersonRow {
    let mut row = write.row;
    row.as_of = to_milliseconds(row.as_of);
    row.opportunity_as_of = row.opportunity_as_of.map(to_milliseconds);
    row.rev = write.seen.map_or(1, |seen| seen.saturating_add(1));
    row
}

/// Refuses writes that name one thing twice: which of them came first would be a matter of chance.
pub(crate) fn check_distinct<K: Ord + Copy + Display>(
    kind: &str,
    keys: impl Iterator<Item = K>,
) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(key) {
            return Err(Failure::new(
                FailureKind::BadRequest,
                format!("{kind} {key} is written twice in one put: write each {kind} once"),
            ));
        }
    }
    Ok(())
}

/// The text of a document, once its key and size are known to fit.
pub(crate) fn document_text(key: &str, value: &Value) -> Result<String, Failure> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key.starts_with(RECEIPT_PREFIX) {
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("document key must have 1 to {MAX_KEY_BYTES} bytes and not begin with `{RECEIPT_PREFIX}`"),
        ));
    }
    let text = value.to_string();
    if text.len() > MAX_DOCUMENT_BYTES {
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("document `{key}` has {} bytes, more than the {MAX_DOCUMENT_BYTES} that are stored", text.len()),
        ));
    }
    Ok(text)
}

/// A stored document's text, read back.
pub(crate) fn document_value(table: &str, key: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text).map_err(|_| {
        Failure::new(FailureKind::CorruptState, format!("item `{key}` of table `{table}` does not hold JSON in `body`"))
    })
}

/// Refuses to ask for more receipts than any run has.
pub(crate) fn check_receipts(group: &str, end: u32) -> Result<(), Failure> {
    if end <= MAX_RECEIPTS {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::BadRequest,
        format!("{end} receipts of group `{group}` were asked for, more than {MAX_RECEIPTS}"),
    ))
}

/// Refuses bodies that SQS would refuse, before any of them is sent.
pub(crate) fn check_bodies(queue: &str, bodies: &[String]) -> Result<(), Failure> {
    for (place, body) in bodies.iter().enumerate() {
        let fault = if body.len() > MAX_MESSAGE_BYTES {
            format!("has {} bytes, more than {MAX_MESSAGE_BYTES}", body.len())
        } else if body.is_empty() {
            "is empty".to_owned()
        } else if let Some(refused) = body.chars().find(|c| !is_message_character(*c)) {
            format!("holds U+{:04X}, which a queue refuses: write it as a JSON escape", u32::from(refused))
        } else {
            continue;
        };
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("message {} of {} for queue `{queue}` {fault}", place + 1, bodies.len()),
        ));
    }
    Ok(())
}

/// The characters of XML 1.0, which are all that SQS takes.
fn is_message_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
