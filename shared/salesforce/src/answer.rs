//! What an answer means: a body, or a failure with what is to be done about it. Knows no session and sends nothing.
//!
//! Texts are our own: Salesforce's may quote values. Of them only the code gets through here; words about one record are the admin's.

use bytes::BytesMut;
use domain::{Failure, FailureKind, Timestamp};
use jiff::SignedDuration;
use reqwest::Response;
use serde::Deserialize;
use transport::SendError;

use crate::errors;
use crate::retry::{Again, Trouble};

/// Largest answer that is read into memory, bytes: a page of 2,000 records with long texts is below.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// Calls are counted over the last 24 hours and come back bit by bit; after this long some have.
const LIMIT_PAUSE: SignedDuration = SignedDuration::from_mins(15);
/// Most characters of a code that is shown.
const MAX_CODE: usize = 60;

/// Where something went wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot<'a> {
    /// The endpoint.
    pub name: &'static str,
    /// Host of the address.
    pub host: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// An error as Salesforce writes it; `statusCode` within results of records, `errorCode` elsewhere.
#[derive(Debug, Deserialize)]
pub(crate) struct WireError {
    #[serde(alias = "statusCode", rename = "errorCode", default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub fields: Option<Vec<String>>,
}

impl Spot<'_> {
    /// A failure at this spot.
    pub fn failure(&self, kind: FailureKind, text: &str) -> Failure {
        Failure::new(kind, format!("Salesforce, {}: {text}", self.name))
    }

    /// An answer that cannot be understood. What was asked may have been done.
    pub fn bad_answer(&self, text: &str) -> Trouble {
        Trouble::unknown(self.failure(FailureKind::BadAnswer, text))
    }

    /// The time in which the request may be sent is over.
    pub fn too_late(&self) -> Trouble {
        let text = "nothing was sent, because the time in which it may be sent was over";
        Trouble::last(self.failure(FailureKind::Unavailable, text))
    }

    /// What kept an answer from coming.
    pub fn unsent(&self, error: SendError) -> Trouble {
        let host = self.host;
        match error {
            SendError::NoConnection => {
                let text = format!("no connection to {host} can be made: check SALESFORCE_LOGIN_URL and the network");
                Trouble::new(self.failure(FailureKind::Unreachable, &text), Again::Backoff)
            }
            SendError::NoTls => {
                let text = "TLS cannot be set up: the machine's certificates are missing or cannot be read";
                Trouble::last(self.failure(FailureKind::BadSetting, text))
            }
            SendError::BadRequest => {
                Trouble::last(self.failure(FailureKind::BadRequest, "the request cannot be put together"))
            }
            SendError::TimedOut => Trouble::unknown(self.failure(FailureKind::Unavailable, "no answer in time")),
            SendError::Broken => Trouble::unknown(self.failure(FailureKind::Unavailable, "the connection broke")),
        }
    }
}

/// Reads a whole body, up to a limit.
pub(crate) async fn read_body(spot: Spot<'_>, mut response: Response) -> Result<BytesMut, Trouble> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| spot.unsent(error.into()))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(spot.bad_answer("the answer is larger than any that is documented"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a refusal means.
pub(crate) fn refusal(spot: Spot<'_>, status: u16, body: &[u8]) -> Trouble {
    let errors = serde_json::from_slice::<Vec<WireError>>(body).unwrap_or_default();
    let Some(error) = errors.first().filter(|error| !error.code.is_empty()) else { return by_status(spot, status) };
    let code: String = error.code.chars().take(MAX_CODE).collect();
    if status == 401 {
        let failure = spot.failure(FailureKind::Unavailable, "Salesforce ends every session at once");
        return Trouble::new(failure.with_code(code), Again::NewSession);
    }
    let meaning = errors::of(&code, &error.message);
    let failure = spot.failure(meaning.kind, meaning.words).with_code(code);
    match meaning.kind {
        FailureKind::DailyCalls => {
            let until = spot.now.checked_add(LIMIT_PAUSE).unwrap_or(spot.now);
            Trouble::last(failure.with_until(until))
        }
        // Nothing is written by a request that is refused as a whole with one of Salesforce's own codes, but behind a 5xx who knows.
        FailureKind::Unavailable if status >= 500 => Trouble::unknown(failure),
        FailureKind::Unavailable => Trouble::new(failure, Again::Backoff),
        _ => Trouble::last(failure),
    }
}

/// What a bare HTTP status means: it comes from a gateway, or from something that is no Salesforce.
fn by_status(spot: Spot<'_>, status: u16) -> Trouble {
    let code = status.to_string();
    match status {
        401 => Trouble::new(
            spot.failure(FailureKind::Unavailable, "Salesforce ends every session at once").with_code(code),
            Again::NewSession,
        ),
        408 | 429 => Trouble::new(
            spot.failure(FailureKind::RateLimited, "Salesforce asks for a slower pace").with_code(code),
            Again::Backoff,
        ),
        500.. => {
            Trouble::unknown(spot.failure(FailureKind::Unavailable, "Salesforce had a server error").with_code(code))
        }
        404 => {
            Trouble::last(spot.failure(FailureKind::NotFound, "Salesforce has nothing at this address").with_code(code))
        }
        412 => Trouble::last(spot.failure(FailureKind::Conflict, "the record was changed in between").with_code(code)),
        403 => Trouble::last(spot.failure(FailureKind::AccessDenied, "Salesforce denies access").with_code(code)),
        300..=399 => {
            let text = "the address answers with a redirect: name the organisation's My Domain in SALESFORCE_LOGIN_URL";
            Trouble::last(spot.failure(FailureKind::BadSetting, text).with_code(code))
        }
        _ => Trouble::last(spot.failure(FailureKind::BadRequest, "Salesforce refused the request").with_code(code)),
    }
}
