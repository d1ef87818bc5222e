//! The assertion of the JWT bearer flow: is it for us, alive, and rightly signed?
//! Must not know HTTP or sessions.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// How far ahead an assertion may expire.
const MOST_AHEAD_SECONDS: i64 = 300;

/// What an assertion must say.
pub(crate) struct Expected<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) username: &'a str,
    /// PEM of the public key; without it any signature is taken.
    pub(crate) public_key: Option<&'a str>,
    pub(crate) now: i64,
}

/// # Errors
/// What is wrong with the assertion.
pub(crate) fn check(assertion: &str, expected: &Expected<'_>) -> Result<(), String> {
    let parts: Vec<&str> = assertion.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err("assertion is not a JWT".to_owned()) };
    let (header, claims) = (json(header)?, json(claims)?);
    if header["alg"] != "RS256" {
        return Err("assertion must be signed with RS256".to_owned());
    }
    if claims["iss"] != expected.client_id {
        return Err("client identifier invalid: iss must be the consumer key".to_owned());
    }
    if claims["sub"] != expected.username {
        return Err("user hasn't approved this consumer: sub must be the integration user's name".to_owned());
    }
    if claims["aud"].as_str().is_none_or(str::is_empty) {
        return Err("audience is invalid: aud must name the login host".to_owned());
    }
    // Some clients write it as a string.
    let expires = claims["exp"].as_i64().or_else(|| claims["exp"].as_str()?.parse().ok());
    let left = expires.ok_or("assertion has no exp")? - expected.now;
    if !(0..=MOST_AHEAD_SECONDS).contains(&left) {
        return Err(format!(
            "assertion has expired or expires too late: exp is {left} s ahead, at most {MOST_AHEAD_SECONDS} allowed"
        ));
    }
    let Some(pem) = expected.public_key else { return Ok(()) };
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "signature is not base64url")?;
    let signed = assertion.rsplit_once('.').map_or("", |(signed, _)| signed);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(pem)?);
    key.verify(signed.as_bytes(), &signature)
        .map_err(|_| "invalid assertion: the signature does not fit the key".to_owned())
}

fn json(part: &str) -> Result<Value, String> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).map_err(|_| "assertion is not base64url")?;
    serde_json::from_slice(&bytes).map_err(|_| "assertion holds no JSON".to_owned())
}

/// The binary form of a PEM public key.
fn der(pem: &str) -> Result<Vec<u8>, String> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    STANDARD.decode(body).map_err(|_| "the simulator's jwt_public_key is no PEM public key".to_owned())
}
