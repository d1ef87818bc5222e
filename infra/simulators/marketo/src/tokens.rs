//! Access tokens with remaining-life semantics: asking again before expiry gives the same token with less to live.
//! Must not know HTTP.

use std::collections::HashMap;

use crate::world::hash::{hash, mix};

struct Token {
    text: String,
    expires_ms: i64,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// First use after expiry (602).
    Expired,
    /// Unknown, or used again after expiry (601).
    Invalid,
}

/// All tokens ever given out.
pub(crate) struct Tokens {
    life_ms: i64,
    seed: u64,
    given: u64,
    live: HashMap<String, Token>,
    /// Expired tokens that nobody has used since.
    expired: HashMap<String, String>,
}

impl Tokens {
    pub(crate) fn new(life_seconds: u64, seed: u64, now_ms: i64) -> Self {
        let life_ms = i64::try_from(life_seconds).unwrap_or(3_600).max(1) * 1000;
        // Two runs never give out the same token.
        Self {
            life_ms,
            seed: mix(seed ^ now_ms.cast_unsigned()),
            given: 0,
            live: HashMap::new(),
            expired: HashMap::new(),
        }
    }

    /// The client's token and its remaining seconds.
    pub(crate) fn give(&mut self, client: &str, now_ms: i64) -> (String, i64) {
        self.retire(now_ms);
        if let Some(token) = self.live.get(client) {
            return (token.text.clone(), (token.expires_ms - now_ms) / 1000);
        }
        self.given += 1;
        let (high, low) = (hash(self.seed, self.given, 1), hash(self.seed, self.given, 2));
        let text = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}:sim",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48,
            low & 0xffff_ffff_ffff
        );
        let token = Token { text: text.clone(), expires_ms: now_ms + self.life_ms };
        self.live.insert(client.to_owned(), token);
        (text, self.life_ms / 1000)
    }

    /// Whose token this is.
    pub(crate) fn check(&mut self, text: &str, now_ms: i64) -> Result<String, Refused> {
        self.retire(now_ms);
        if let Some((client, _)) = self.live.iter().find(|(_, token)| token.text == text) {
            return Ok(client.clone());
        }
        Err(if self.expired.remove(text).is_some() { Refused::Expired } else { Refused::Invalid })
    }

    /// Ends a token's life now; its next use counts as the first after expiry.
    pub(crate) fn kill(&mut self, client: &str) {
        if let Some(token) = self.live.remove(client) {
            self.expired.insert(token.text, client.to_owned());
        }
    }

    fn retire(&mut self, now_ms: i64) {
        let over: Vec<String> = self
            .live
            .iter()
            // Less than a second to live would be told as zero.
            .filter(|(_, token)| token.expires_ms - now_ms < 1000)
            .map(|(client, _)| client.clone())
            .collect();
        for client in over {
            self.kill(&client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_once_and_dies_in_two_steps() {
        let mut tokens = Tokens::new(10, 1, 0);
        let (first, life) = tokens.give("a", 0);
        assert_eq!(life, 10);
        assert_eq!(tokens.give("a", 4_000), (first.clone(), 6));
        assert_eq!(tokens.check(&first, 5_000), Ok("a".to_owned()));
        assert_eq!(tokens.check(&first, 11_000), Err(Refused::Expired));
        assert_eq!(tokens.check(&first, 11_000), Err(Refused::Invalid));
        let (second, _) = tokens.give("a", 12_000);
        assert_ne!(first, second);
        assert_ne!(tokens.give("b", 12_000).0, second);
    }
}
