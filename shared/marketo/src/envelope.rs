//! The envelope around every answer, with the broken forms it is known to take. Knows nothing of what lies inside `result`.

use serde::Deserialize;
use serde_json::Value;

use crate::classify::{self, Spot};
use crate::retry::{CarriedOut, Trouble};

/// What a good answer must have besides `success`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Nothing more.
    Success,
    /// A `result`. Marketo now and then sends a success without one that is none.
    Result,
    /// A `result`, or warnings in its place: the asset API says in words that it found nothing.
    ResultOrWarning,
    /// A `nextPageToken`.
    Position,
}

/// A good answer.
#[derive(Debug, Default)]
pub(crate) struct Envelope {
    /// `result`; `None` where it was left out.
    pub result: Option<Vec<Value>>,
    /// `nextPageToken`; empty ones count as none.
    pub next_page_token: Option<String>,
    /// `moreResult`.
    pub more_result: Option<bool>,
}

/// The route list's document calls `errors`, `result` and `warnings` required; real answers leave them out freely.
#[derive(Debug, Deserialize)]
struct Wire {
    success: Option<bool>,
    result: Option<Vec<Value>>,
    errors: Option<Vec<WireError>>,
    /// Objects in the database API, plain strings in the asset API.
    warnings: Option<Vec<Value>>,
    #[serde(rename = "nextPageToken")]
    next_page_token: Option<String>,
    #[serde(rename = "moreResult")]
    more_result: Option<bool>,
}

/// Why a request, or one record of it, was refused.
#[derive(Debug, Deserialize)]
pub(crate) struct WireError {
    /// A string by the book, a number at times.
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
}

impl WireError {
    pub fn code(&self) -> String {
        match &self.code {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        }
    }

    pub fn message(&self) -> &str {
        self.message.as_str().unwrap_or_default()
    }
}

/// Reads a whole answer. An error object in the body says more than the HTTP status, so it goes first.
pub(crate) fn read(spot: Spot<'_>, status: u16, body: &[u8], expect: Expect) -> Result<Envelope, Trouble> {
    let good_status = (200..300).contains(&status);
    let wire = match serde_json::from_slice::<Wire>(body) {
        Ok(wire) => wire,
        Err(_) if !good_status => return Err(classify::http_status(spot, status)),
        Err(_) if body.iter().all(u8::is_ascii_whitespace) => return Err(spot.bad_answer("the answer is empty")),
        Err(_) => return Err(spot.bad_answer("the answer is not the JSON that is documented")),
    };
    if let Some(error) = wire.errors.as_deref().and_then(<[_]>::first) {
        let code = error.code();
        if classify::says_already_queued(spot.route, &code, error.message()) {
            return Ok(Envelope::default());
        }
        if code.is_empty() && !good_status {
            return Err(classify::http_status(spot, status));
        }
        let trouble = classify::vendor_error(spot, &code, error.message());
        // An answer that fails and succeeds in one is no word to rely on.
        let contradictory = wire.success == Some(true) || wire.result.is_some_and(|result| !result.is_empty());
        return Err(if contradictory { Trouble { carried_out: CarriedOut::Maybe, ..trouble } } else { trouble });
    }
    if !good_status {
        return Err(classify::http_status(spot, status));
    }
    if wire.success == Some(false) {
        return Err(spot.bad_answer("the answer says failure and gives no reason"));
    }
    let warned = wire.warnings.is_some_and(|warnings| !warnings.is_empty());
    let next_page_token = wire.next_page_token.filter(|token| !token.is_empty());
    let lacking = match expect {
        Expect::Success => (wire.success.is_none()).then_some("success"),
        Expect::Result => wire.result.is_none().then_some("result"),
        Expect::ResultOrWarning => (wire.result.is_none() && !warned).then_some("result"),
        Expect::Position => next_page_token.is_none().then_some("nextPageToken"),
    };
    match lacking {
        Some(member) => Err(spot.bad_answer(&format!("the answer has no {member}"))),
        None => Ok(Envelope { result: wire.result, next_page_token, more_result: wire.more_result }),
    }
}
