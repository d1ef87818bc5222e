//! What Marketo says of addresses: the port `MarketoConsent`. Must not know what is done about it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::opt_outs::Address;
use domain::people::MarketoId;
use domain::ports::{Consent, MAX_ADDRESSES_PER_CALL, MarketoConsent};
use domain::{Failure, FailureKind};
use serde::Deserialize;
use serde_json::Value;

use crate::MarketoClient;
use crate::classify::Spot;
use crate::envelope::Expect;
use crate::request::Request;
use crate::routes;
use crate::values::{self, WireId};

/// Most pages of one question: Marketo refuses filters that more than a thousand people match.
const MAX_PAGES: usize = 10;
/// Most questions that one is cut into, because too many people match.
const MAX_PIECES: usize = 32;
/// Marketo's word for a filter that too many people match, and for other values that it does not take.
const TOO_MANY: &str = "1003";
const FIELDS: &str = "email,unsubscribed,blackListed,emailInvalid";

#[derive(Deserialize)]
struct Wire {
    id: WireId,
    email: Option<String>,
    #[serde(default)]
    unsubscribed: Value,
    #[serde(default, rename = "blackListed")]
    blocklisted: Value,
    #[serde(default, rename = "emailInvalid")]
    invalid: Value,
}

/// A flag, also where it is written as text or as a number; empty is no.
fn flag(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => matches!(text.trim(), "true" | "True" | "1"),
        Value::Number(number) => number.as_i64() == Some(1),
        _ => false,
    }
}

#[async_trait]
impl MarketoConsent for MarketoClient {
    async fn consents(&self, addresses: &[Address]) -> Result<Vec<Consent>, Failure> {
        if addresses.len() > MAX_ADDRESSES_PER_CALL {
            let (name, count) = (routes::LEADS.name(), addresses.len());
            let text = format!("{name}: {count} addresses asked for at once, {MAX_ADDRESSES_PER_CALL} at most");
            return Err(Failure::new(FailureKind::BadRequest, text));
        }
        let mut consents = Vec::new();
        let mut pieces = vec![addresses];
        for _ in 0..MAX_PIECES {
            let Some(piece) = pieces.pop() else { return Ok(consents) };
            if piece.is_empty() {
                continue;
            }
            match self.consents_of(piece).await {
                Ok(found) => consents.extend(found),
                Err(failure) if failure.code.as_deref() == Some(TOO_MANY) && piece.len() > 1 => {
                    let (left, right) = piece.split_at(piece.len() / 2);
                    pieces.extend([right, left]);
                }
                Err(failure) => return Err(failure),
            }
        }
        if pieces.is_empty() {
            return Ok(consents);
        }
        Err(self.inner.spot(routes::LEADS).nonsense("too many people have these addresses"))
    }
}

impl MarketoClient {
    async fn consents_of(&self, addresses: &[Address]) -> Result<Vec<Consent>, Failure> {
        let wanted: BTreeSet<&Address> = addresses.iter().collect();
        let values = addresses.iter().map(Address::as_str).collect::<Vec<_>>().join(",");
        let (mut consents, mut token): (Vec<Consent>, Option<String>) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let mut query =
                vec![("filterType", "email"), ("filterValues", &values), ("fields", FIELDS), ("batchSize", "300")];
            query.extend(token.as_deref().map(|token| ("nextPageToken", token)));
            let request = Request::get_or_post(routes::LEADS, routes::LEADS_BY_POST, Expect::Result, &query);
            let envelope = self.inner.call(&request).await?;
            let spot = self.inner.spot(request.route);
            for wire in values::items::<Wire>(spot, envelope.result.unwrap_or_default())? {
                let consent = consent(spot, &wire)?;
                if !wanted.contains(&consent.address) {
                    return Err(spot.nonsense("a person came with an address that was not asked for"));
                }
                consents.push(consent);
            }
            token = envelope.next_page_token;
            if token.is_none() {
                return Ok(consents);
            }
        }
        Err(self.inner.spot(routes::LEADS).nonsense("more people have these addresses than Marketo says it lists"))
    }
}

fn consent(spot: Spot<'_>, wire: &Wire) -> Result<Consent, Failure> {
    let person = wire.id.get().map(MarketoId).ok_or_else(|| spot.nonsense("a person came without an id"))?;
    let address = wire.email.as_deref().and_then(Address::of);
    Ok(Consent {
        person,
        address: address.ok_or_else(|| spot.nonsense("a person came without the address asked for"))?,
        unsubscribed: flag(&wire.unsubscribed),
        blocklisted: flag(&wire.blocklisted),
        invalid: flag(&wire.invalid),
    })
}
