//! Rows of an export file. The busiest code of a first run: one record buffer is reused, and only values that exist are copied.
//! Must not know what the values mean.

use std::io::Read;
use std::str;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};
use domain::people::MarketoId;
use domain::ports::{ExportRow, Record, Values};
use domain::{Failure, FailureKind};

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;
/// How the file writes "no value". Whether it is quoted cannot be told, so a last name that reads so is lost here; who cares reads
/// the person again over REST.
const NULL: &[u8] = b"null";

/// Rows of a file, lazily. A row that does not fit is an item with an error, and the rows after it still come; after a failed read none
/// come.
pub(crate) struct Rows {
    reader: Reader<Box<dyn Read + Send>>,
    fields: Vec<String>,
    record: ByteRecord,
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
        let reader = ReaderBuilder::new().has_headers(false).flexible(false).buffer_capacity(BUFFER).from_reader(file);
        Self { reader, fields: fields.to_vec(), record: ByteRecord::new(), row: 0, state: State::Header }
    }

    fn header(&mut self) -> Result<(), Failure> {
        if self.fields.first().is_none_or(|first| first != "id") {
            return Err(Failure::new(FailureKind::BadRequest, "export rows: the fields do not start with id"));
        }
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Err(bad("export file: there is no header")),
            Err(error) => return Err(self.failed(&error)),
        }
        let same = self.record.iter().eq(self.fields.iter().map(String::as_bytes));
        if same { Ok(()) } else { Err(bad("export file: the header is not the list of fields asked for")) }
    }

    fn next_row(&mut self) -> Option<Result<ExportRow, Failure>> {
        match self.reader.read_byte_record(&mut self.record) {
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
        let bytes = self.record.as_slice();
        // One look over the whole row; what is rare is looked at value by value.
        let clean = if bytes.contains(&0) { None } else { str::from_utf8(bytes).ok() };
        let doubtful = clean.is_none();
        let ranges = (0..self.record.len()).map(|at| self.record.range(at));
        let values = match clean {
            Some(text) => {
                Values::within(text.to_owned(), ranges.map(|range| range.filter(|range| bytes[range.clone()] != *NULL)))
            }
            None => ranges.map(|range| range.and_then(|range| lossy(&bytes[range]))).collect(),
        };
        let id = values.get(0).and_then(|text| text.trim().parse().ok()).map(MarketoId);
        let id = id.ok_or_else(|| bad(&format!("export file, row {}: the id is not a number", self.row)))?;
        Ok(ExportRow { record: Record { id, values }, doubtful })
    }

    /// What the parser's error means. Its own text is not used.
    fn failed(&mut self, error: &csv::Error) -> Failure {
        match error.kind() {
            ErrorKind::UnequalLengths { expected_len, len, .. } => {
                bad(&format!("export file, row {}: {len} values, {expected_len} expected", self.row))
            }
            ErrorKind::Io(cause) => {
                self.state = State::Ended;
                let text = format!("export file, row {}: the file cannot be read ({})", self.row, cause.kind());
                Failure::new(FailureKind::Unavailable, text)
            }
            _ => {
                self.state = State::Ended;
                bad(&format!("export file, row {}: this is not CSV", self.row))
            }
        }
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
