//! Rows of an export file. The busiest code of a first run: one record buffer is reused, and only values that exist are copied.
//! Must not know what the values mean.

use std::io::{self, Read};
use std::str;

use domain::people::MarketoId;
use domain::ports::{ExportRow, Record, Values};
use domain::{Failure, FailureKind};
use memchr::memchr;

use crate::records::Records;

/// What a file may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// How the file writes "no value". Whether it is quoted cannot be told, so a last name that reads so is lost here; who cares reads
/// the person again over REST.
const NULL: &[u8] = b"null";

/// Rows of a file, lazily. A row that does not fit is an item with an error, and the rows after it still come; after a failed read none
/// come.
pub(crate) struct Rows {
    records: Records,
    fields: Vec<String>,
    /// Rows read, without the header.
    row: u64,
    state: State,
}

#[derive(PartialEq, Eq)]
enum State {
    Header,
    Rows,
    Ended,
}

impl Rows {
    pub fn new(file: Box<dyn Read + Send>, fields: &[String]) -> Self {
        Self { records: Records::new(file), fields: fields.to_vec(), row: 0, state: State::Header }
    }

    fn header(&mut self) -> Result<(), Failure> {
        if self.fields.first().is_none_or(|first| first != "id") {
            return Err(Failure::new(FailureKind::BadRequest, "export rows: the fields do not start with id"));
        }
        match self.records.advance() {
            Ok(true) => {}
            Ok(false) => return Err(bad("export file: there is no header")),
            Err(error) => return Err(self.failed(&error)),
        }
        let bytes = self.records.bytes();
        let mut names = self.records.values().iter().map(|range| &bytes[range.clone()]);
        let first = names.next().map(|first| first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(first));
        let same = first.into_iter().chain(names).eq(self.fields.iter().map(String::as_bytes));
        if same { Ok(()) } else { Err(bad("export file: the header is not the list of fields asked for")) }
    }

    fn next_row(&mut self) -> Option<Result<ExportRow, Failure>> {
        match self.records.advance() {
            Ok(false) => {
                self.state = State::Ended;
                None
            }
            Ok(true) => {
                self.row += 1;
                Some(self.understand())
            }
            Err(error) => {
                self.row += 1;
                Some(Err(self.failed(&error)))
            }
        }
    }

    fn understand(&self) -> Result<ExportRow, Failure> {
        let (bytes, ranges) = (self.records.bytes(), self.records.values());
        if ranges.len() != self.fields.len() {
            let (len, expected) = (ranges.len(), self.fields.len());
            return Err(bad(&format!("export file, row {}: {len} values, {expected} expected", self.row)));
        }
        // One look over the whole row; what is rare is looked at value by value.
        let clean = if memchr(0, bytes).is_some() { None } else { str::from_utf8(bytes).ok() };
        let doubtful = clean.is_none();
        let values = match clean {
            Some(text) => Values::within(
                text.to_owned(),
                ranges.iter().map(|range| Some(range.clone()).filter(|range| bytes[range.clone()] != *NULL)),
            ),
            None => ranges.iter().map(|range| lossy(&bytes[range.clone()])).collect(),
        };
        let id = values.get(0).and_then(|text| text.trim().parse().ok()).map(MarketoId);
        let id = id.ok_or_else(|| bad(&format!("export file, row {}: the id is not a number", self.row)))?;
        Ok(ExportRow { record: Record { id, values }, doubtful })
    }

    /// After a failed read no rows come. The error's own text is not used.
    fn failed(&mut self, error: &io::Error) -> Failure {
        self.state = State::Ended;
        let text = format!("export file, row {}: the file cannot be read ({})", self.row, error.kind());
        Failure::new(FailureKind::Unavailable, text)
    }
}

impl Iterator for Rows {
    type Item = Result<ExportRow, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Header {
            self.state = State::Rows;
            if let Err(failure) = self.header() {
                self.state = State::Ended;
                return Some(Err(failure));
            }
        }
        if self.state == State::Ended { None } else { self.next_row() }
    }
}

/// A value whose bytes cannot be trusted: NUL bytes are left out, what is not UTF-8 is replaced.
fn lossy(bytes: &[u8]) -> Option<String> {
    let kept: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    (!kept.is_empty() && kept != NULL).then(|| String::from_utf8_lossy(&kept).into_owned())
}

fn bad(text: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, text)
}
