//! One API call as handlers see it, and the answers they may give.
//! Must not know limits, faults or statistics.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::export::file::Reader;
use crate::service::Service;
use crate::subscription::Subscription;

/// An authenticated call, its parameters merged from address and form body.
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    /// Method and path template.
    pub(crate) endpoint: &'static str,
    pub(crate) client: String,
    /// What stood in the braces of the template.
    pub(crate) path: Vec<String>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) body: Value,
    pub(crate) range: Option<String>,
}

/// A failed envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    pub(crate) fn envelope(&self) -> Value {
        json!({ "success": false, "errors": [{ "code": self.code, "message": self.message }] })
    }
}

/// A good answer.
pub(crate) enum Reply {
    /// An envelope; request id and `success` are added.
    Envelope(Value),
    Text(u16, String),
    File(FileReply),
}

/// A range of an export file.
pub(crate) struct FileReply {
    pub(crate) reader: Reader,
    pub(crate) status: u16,
    pub(crate) start: u64,
    /// After the last byte sent.
    pub(crate) end: u64,
    pub(crate) total: u64,
    pub(crate) content_type: &'static str,
}

pub(crate) type Outcome = Result<Reply, Failure>;

/// `{"result": rows}`.
pub(crate) fn result(rows: impl Into<Value>) -> Outcome {
    Ok(Reply::Envelope(json!({ "result": rows.into() })))
}

impl Call {
    pub(crate) fn subscription(&self) -> &Subscription {
        &self.service.subscription
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.param(name).ok_or_else(|| Failure::new("1002", format!("Missing value for required parameter '{name}'")))
    }

    /// The comma-separated parts of a parameter; none when it is absent.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.param(name)
            .map(|value| value.split(',').map(str::trim).filter(|part| !part.is_empty()).collect())
            .unwrap_or_default()
    }

    /// The comma-separated whole numbers of a parameter, at most `most` of them.
    pub(crate) fn numbers(&self, name: &str, most: usize) -> Result<Vec<i64>, Failure> {
        let numbers: Result<Vec<i64>, _> = self.list(name).into_iter().map(str::parse).collect();
        let numbers = numbers
            .map_err(|_| Failure::new("1001", format!("Invalid value for parameter '{name}': integers expected")))?;
        if numbers.len() > most {
            return Err(Failure::new("1003", format!("Too many values in '{name}': {} exceed {most}", numbers.len())));
        }
        Ok(numbers)
    }

    /// Rows per page, at most 300.
    pub(crate) fn batch_size(&self) -> Result<usize, Failure> {
        let Some(text) = self.param("batchSize") else { return Ok(300) };
        let size: usize = text.parse().map_err(|_| Failure::new("1001", "Invalid value for parameter 'batchSize'"))?;
        if size == 0 { Err(Failure::new("1003", "batchSize must be positive")) } else { Ok(size.min(300)) }
    }

    /// The part of the path in the nth braces.
    pub(crate) fn part(&self, nth: usize) -> &str {
        self.path.get(nth).map_or("", String::as_str)
    }

    /// The part of the path in the nth braces, as a number; 0, which no record has, if it is none.
    pub(crate) fn id_part(&self, nth: usize) -> i64 {
        self.part(nth).parse().unwrap_or(0)
    }

    /// The records of a write, at most 300.
    pub(crate) fn input(&self) -> Result<&Vec<Value>, Failure> {
        let input = self.body["input"].as_array().filter(|input| !input.is_empty());
        let input = input.ok_or_else(|| Failure::new("1002", "Missing value for required parameter 'input'"))?;
        if input.len() > 300 {
            return Err(Failure::new("1003", format!("Too many records in input: {} exceed 300", input.len())));
        }
        Ok(input)
    }
}

/// The parameters of a query or form; a repeated name joins its values by commas.
pub(crate) fn parse_form(text: &str, into: &mut BTreeMap<String, String>) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        let slot = into.entry(name).or_default();
        if !slot.is_empty() {
            slot.push(',');
        }
        slot.push_str(&value);
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match (byte, escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (_, Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', None) => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_and_repeats_joined() {
        let mut params = BTreeMap::new();
        parse_form("a=1%2C2&b=x+y%20z&a=3&c&d=%zz", &mut params);
        let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=1,2,3", "b=x y z", "c=", "d=%zz"]);
    }
}
