//! One API call as handlers see it, and the answers they may give.
//! Must not know limits, faults or statistics.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use crate::service::Service;
use crate::world::failure::Failure;
use crate::world::state::State;
use crate::world::write::Actor;

/// A refusal of records by a fault: code, message, and that every so-manieth record is concerned.
pub(crate) type RecordFault = (String, String, u64);

/// An authenticated call.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) service: Arc<Service>,
    /// As called: `v66.0`.
    pub(crate) version: String,
    /// What stood in the braces of the template.
    pub(crate) path: Vec<String>,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
    /// The number under which this call holds locks.
    pub(crate) request: u64,
    pub(crate) record_fault: Option<RecordFault>,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// JSON; nothing with a 204 or 304.
    pub(crate) body: String,
    pub(crate) header: Option<(HeaderName, String)>,
}

pub(crate) type Outcome = Result<Reply, Failure>;

pub(crate) fn reply(status: u16, body: impl ToString) -> Outcome {
    Ok(Reply { status, body: body.to_string(), header: None })
}

impl Call {
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The comma-separated parts of a parameter; none when it is absent.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let parts = self.param(name).into_iter().flat_map(|value| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// The part of the path in the nth braces.
    pub(crate) fn part(&self, nth: usize) -> &str {
        self.path.get(nth).map_or("", String::as_str)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The object that the path names.
    pub(crate) fn object(&self, state: &State) -> Result<usize, Failure> {
        state.schema.object(self.part(0)).ok_or_else(Failure::not_found)
    }

    pub(crate) fn fields(&self) -> Result<&Map<String, Value>, Failure> {
        let wrong =
            || Failure::new("JSON_PARSER_ERROR", "The body must be a JSON object with the fields of the record");
        self.body.as_object().ok_or_else(wrong)
    }

    /// Who writes in this call. One call has one stamp and becomes visible as a whole.
    pub(crate) fn actor(&self, state: &mut State, now_ms: i64) -> Actor {
        let late = state.late_seconds > 0 && {
            let share = state.late_share;
            state.dice.chance(share)
        };
        let late_ms = if late { i64::try_from(state.late_seconds).unwrap_or(i64::MAX / 2000) * 1000 } else { 0 };
        Actor { user: state.user, now_ms, request: Some(self.request), automated: false, late_ms }
    }

    /// Whether a fault refuses the nth record of this write.
    pub(crate) fn refuses(&self, nth: usize) -> Result<(), Failure> {
        match &self.record_fault {
            Some((code, message, every)) if (nth as u64 + 1).is_multiple_of(*every) => {
                Err(Failure::new(code.clone(), message.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// The parameters of a query or form; the last of a repeated name wins.
pub(crate) fn parse_form(text: &str, into: &mut BTreeMap<String, String>) {
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        into.insert(decode(name, true), decode(value, true));
    }
}

/// Undoes percent encoding; in forms a plus sign is a blank.
pub(crate) fn decode(text: &str, form: bool) -> String {
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
            (b'+', None) if form => out.push(b' '),
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
    fn forms_are_decoded() {
        let mut params = BTreeMap::new();
        parse_form("a=1%2C2&b=x+y%20z%2B&c&d=%zz", &mut params);
        let pairs: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(pairs, ["a=1,2", "b=x y z+", "c=", "d=%zz"]);
        assert_eq!(decode("a+b%2Fc", false), "a+b/c");
    }
}
