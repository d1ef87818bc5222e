//! The signed assertion of the JWT bearer flow (RFC 7523, RS256). Knows no request.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{Failure, FailureKind};
use jiff::Timestamp;
use serde_json::json;

/// How long an assertion is good for: Salesforce takes three minutes at most.
const LIFE_SECONDS: i64 = 170;

/// An assertion that this user is asking, on behalf of this app.
///
/// # Errors
/// `BadCredentials` when the key is no RSA private key in PEM text; the key is not quoted.
pub(crate) fn assertion(
    client_id: &str,
    username: &str,
    audience: &str,
    private_key: &str,
    now: Timestamp,
) -> Result<String, Failure> {
    let unusable =
        |_| Failure::new(FailureKind::BadCredentials, "the private key is no RSA key in PEM text (PKCS#8 or PKCS#1)");
    let key = key_pair(private_key).map_err(unusable)?;
    let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(json!({ "alg": "RS256" }));
    let claims = encode(json!({
        "iss": client_id, "sub": username, "aud": audience, "exp": now.as_second() + LIFE_SECONDS
    }));
    let signed = format!("{header}.{claims}");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
        .map_err(|_| Failure::new(FailureKind::BadCredentials, "the private key cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn key_pair(pem: &str) -> Result<KeyPair, ()> {
    // Environments and secrets often hold the line breaks as two characters.
    let pem = pem.replace("\\n", "\n");
    let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
    let der = STANDARD.decode(body).map_err(drop)?;
    if pem.contains("BEGIN RSA PRIVATE KEY") {
        return KeyPair::from_der(&der).map_err(drop);
    }
    KeyPair::from_pkcs8(&der).map_err(drop)
}
