//! Records of a CSV file as bytes. Nearly all can be split where they stand, at the speed of memory; what holds quotes within quotes, or does not
//! end in the buffer, goes through a parser. Must not know what a record says.

use std::io::{self, Read};
use std::ops::Range;

use csv_core::{ReadRecordResult, Reader};
use memchr::{memchr, memchr_iter, memchr3};

/// Bytes read at once.
const BUFFER: usize = 256 * 1024;
/// Room for values and their places to begin with; grows with the longest record.
const ROOM: usize = 1024;

/// Records, one after the other. Empty lines are none.
pub(crate) struct Records {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer is not used yet.
    unread: Range<usize>,
    /// Whether the source has no more.
    ended: bool,
    parser: Reader,
    parsed: Vec<u8>,
    ends: Vec<usize>,
    /// The record: where its bytes are, and its values in them.
    place: Place,
    values: Vec<Range<usize>>,
}

enum Place {
    Buffer(Range<usize>),
    /// So many bytes of what was parsed.
    Parsed(usize),
}

impl Records {
    pub fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER],
            unread: 0..0,
            ended: false,
            parser: Reader::new(),
            parsed: vec![0; ROOM],
            ends: vec![0; ROOM],
            place: Place::Parsed(0),
            values: Vec::new(),
        }
    }

    /// Bytes in which the values of the record stand, with or without what parts them.
    pub fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Buffer(line) => &self.buffer[line.clone()],
            Place::Parsed(length) => &self.parsed[..*length],
        }
    }

    /// Where in the bytes each value stands.
    pub fn values(&self) -> &[Range<usize>] {
        &self.values
    }

    /// Goes to the next record; gives whether there is one.
    pub fn advance(&mut self) -> io::Result<bool> {
        loop {
            let unread = &self.buffer[self.unread.clone()];
            match memchr3(b'"', b'\n', b'\r', unread) {
                Some(at) if unread[at] == b'"' => return if self.split_quoted() { Ok(true) } else { self.parse() },
                Some(0) => self.unread.start += 1,
                Some(at) => {
                    self.split(at);
                    self.unread.start += 1;
                    return Ok(true);
                }
                None if !self.ended => self.fill()?,
                None if unread.is_empty() => return Ok(false),
                None => {
                    self.split(unread.len());
                    return Ok(true);
                }
            }
        }
    }

    /// Takes a line without quotes.
    fn split(&mut self, length: usize) {
        let line = self.unread.start..self.unread.start + length;
        self.values.clear();
        let mut start = 0;
        for comma in memchr_iter(b',', &self.buffer[line.clone()]) {
            self.values.push(start..comma);
            start = comma + 1;
        }
        self.values.push(start..length);
        self.unread.start = line.end;
        self.place = Place::Buffer(line);
    }

    /// Takes a record with quotes that needs no change of its bytes and whose end is in the buffer; gives whether it was one.
    fn split_quoted(&mut self) -> bool {
        let unread = &self.buffer[self.unread.clone()];
        self.values.clear();
        let mut start = 0;
        loop {
            let quoted = unread.get(start) == Some(&b'"');
            let value = start + usize::from(quoted);
            let rest = unread.get(value..).unwrap_or_default();
            let length = if quoted { memchr(b'"', rest) } else { memchr3(b',', b'\n', b'\r', rest) };
            let Some(length) = length else { return false };
            self.values.push(value..value + length);
            let end = value + length + usize::from(quoted);
            match unread.get(end) {
                Some(b',') => start = end + 1,
                Some(b'\n' | b'\r') => {
                    self.place = Place::Buffer(self.unread.start..self.unread.start + end);
                    self.unread.start += end + 1;
                    return true;
                }
                // A quote in a value, something odd behind it, or more to be read first.
                _ => return false,
            }
        }
    }

    /// Takes a record with quotes of any kind, which may hold line breaks.
    fn parse(&mut self) -> io::Result<bool> {
        self.parser.reset();
        let (mut bytes, mut count) = (0, 0);
        loop {
            if self.unread.is_empty() && !self.ended {
                self.fill()?;
                continue;
            }
            let input = &self.buffer[self.unread.clone()];
            let (result, read, written, ended) =
                self.parser.read_record(input, &mut self.parsed[bytes..], &mut self.ends[count..]);
            self.unread.start += read;
            bytes += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.parsed.resize(2 * self.parsed.len(), 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * self.ends.len(), 0),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        self.values.clear();
        let mut start = 0;
        for end in &self.ends[..count] {
            self.values.push(start..*end);
            start = *end;
        }
        self.place = Place::Parsed(bytes);
        Ok(true)
    }

    /// Reads on, behind what is not used yet.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.unread.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.unread.end..]) {
                Ok(read) => {
                    self.ended = read == 0;
                    self.unread.end += read;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
