//! The link by which a recipient unsubscribes with one click (RFC 8058): a token that names the address and cannot be made by others. Knows no
//! server; whoever serves the link answers a POST alone, and must not log its path.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Address, OptOutMessage, Source};
use crate::{Failure, FailureKind};

/// Least bytes of a key, as HMAC-SHA-256 wants them.
const MIN_KEY_BYTES: usize = 32;
/// Longest token, characters: an address and a signature.
const MAX_TOKEN: usize = 640;
const VERSION: &str = "1";

/// A key that links are signed with. Does not show in debug texts.
#[derive(Clone)]
pub struct LinkKey {
    id: String,
    secret: Vec<u8>,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LinkKey {
    /// A key and the name by which its links are known.
    ///
    /// # Errors
    /// `BadSetting` for a key under 32 bytes, or a name that cannot stand in a link.
    pub fn new(id: &str, secret: Vec<u8>) -> Result<Self, Failure> {
        let bad = |text: &str| Err(Failure::new(FailureKind::BadSetting, text));
        if secret.len() < MIN_KEY_BYTES {
            return bad("a key for unsubscribe links needs 32 bytes or more");
        }
        if id.is_empty() || id.len() > 16 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return bad("a key for unsubscribe links is named by 1 to 16 letters and digits");
        }
        Ok(Self { id: id.to_owned(), secret })
    }

    fn mac(&self, signed: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(signed.as_bytes());
        Some(mac)
    }
}

/// The key for new links, and those of links that are out there: a link must work as long as somebody may still have the mail.
#[derive(Debug, Clone)]
pub struct LinkKeys {
    keys: Vec<LinkKey>,
}

/// What stands behind the address of the unsubscribe page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl LinkKeys {
    /// `current` signs; all are known.
    #[must_use]
    pub fn new(current: LinkKey, older: Vec<LinkKey>) -> Self {
        Self { keys: std::iter::once(current).chain(older).collect() }
    }

    /// The token of an address.
    ///
    /// # Errors
    /// None in truth: keys are checked when they are made.
    pub fn sign(&self, address: &Address) -> Result<Token, Failure> {
        let broken = || Failure::new(FailureKind::BadSetting, "the key for unsubscribe links cannot be used");
        let key = self.keys.first().ok_or_else(broken)?;
        let signed = format!("{VERSION}.{}.{}", key.id, URL_SAFE_NO_PAD.encode(address.as_str()));
        let mac = key.mac(&signed).ok_or_else(broken)?.finalize().into_bytes();
        Ok(Token(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))))
    }

    /// The address of a token; `None` for one that was not signed by one of these keys.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Address> {
        let (signed, mac) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN)?;
        let mut parts = signed.split('.');
        let (version, id, address) = (parts.next()?, parts.next()?, parts.next()?);
        let key = self.keys.iter().find(|key| key.id == id).filter(|_| version == VERSION && parts.next().is_none())?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        // In constant time.
        key.mac(signed)?.verify_slice(&mac).ok()?;
        Address::of(&String::from_utf8(URL_SAFE_NO_PAD.decode(address).ok()?).ok()?)
    }

    /// The headers that a mail needs so that mail programs offer one click; `page` is the https address before the token.
    ///
    /// # Errors
    /// As for [`Self::sign`].
    pub fn headers(&self, page: &str, address: &Address) -> Result<[(&'static str, String); 2], Failure> {
        let token = self.sign(address)?;
        Ok([
            ("List-Unsubscribe", format!("<{}/{}>", page.trim_end_matches('/'), token.0)),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ])
    }

    /// What a click says; `None` for a token that is none of ours.
    #[must_use]
    pub fn clicked(&self, token: &str) -> Option<OptOutMessage> {
        let address = self.read(token)?;
        Some(OptOutMessage { address, source: Source::ClickedLink, reason: None, by: None, at: None })
    }
}

/// Whether the body of a POST is the one that a mail program sends for one click. Opening the link alone must change nothing: programs that look
/// for harmful links open every one.
#[must_use]
pub fn is_one_click(method: &str, body: &str) -> bool {
    let pair = |part: &str| part.trim() == "List-Unsubscribe=One-Click";
    let field = body.contains("name=\"List-Unsubscribe\"") && body.lines().any(|line| line.trim() == "One-Click");
    method.eq_ignore_ascii_case("POST") && (body.split('&').any(pair) || field)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str, fill: u8) -> LinkKey {
        LinkKey::new(id, vec![fill; 32]).unwrap()
    }

    #[test]
    fn a_link_names_its_address_and_nobody_else_can_make_one() {
        let ana = Address::of("ana@example.com").unwrap();
        let keys = LinkKeys::new(key("k1", 1), Vec::new());
        let Token(token) = keys.sign(&ana).unwrap();
        assert_eq!(keys.read(&token), Some(ana.clone()));
        assert_eq!(keys.clicked(&token).unwrap().source, Source::ClickedLink);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character of a base64 text may carry bits that count for nothing.
            assert!(keys.read(&forged).is_none_or(|_| at == token.len() - 1), "{at}");
        }
        for bad in ["", ".", "1.k1", &format!("{token}.x"), &"a".repeat(2_000)] {
            assert_eq!(keys.read(bad), None);
        }
        assert_eq!(LinkKeys::new(key("k1", 2), Vec::new()).read(&token), None);
        let rotated = LinkKeys::new(key("k2", 2), vec![key("k1", 1)]);
        assert_eq!(rotated.read(&token), Some(ana.clone()));
        assert_ne!(rotated.sign(&ana).unwrap().0, token);
        assert!(!format!("{keys:?}").contains("[1,"), "{keys:?}");
        assert!(LinkKey::new("k", vec![1; 31]).is_err() && LinkKey::new("k.1", vec![1; 32]).is_err());
    }

    #[test]
    fn only_the_post_of_one_click_unsubscribes() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--";
        assert!(is_one_click("POST", "List-Unsubscribe=One-Click"));
        assert!(is_one_click("post", "a=b&List-Unsubscribe=One-Click") && is_one_click("POST", part));
        for (method, body) in [("GET", "List-Unsubscribe=One-Click"), ("POST", ""), ("POST", "List-Unsubscribe=Two")] {
            assert!(!is_one_click(method, body));
        }
        let ana = Address::of("ana@example.com").unwrap();
        let [list, post] = LinkKeys::new(key("k1", 1), Vec::new()).headers("https://x.example/u/", &ana).unwrap();
        assert!(list.1.starts_with("<https://x.example/u/1.k1.") && list.1.ends_with('>'), "{}", list.1);
        assert_eq!(post, ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
    }
}
