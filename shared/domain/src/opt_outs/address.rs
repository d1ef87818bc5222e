//! An email address as the register of opt-outs keys it. Knows no opt-out.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::people::normalised_email;

/// Longest address, bytes: 64 before the `@` and 255 behind it (RFC 5321, 4.5.3.1).
const MAX_BYTES: usize = 320;

/// An email address, trimmed and in lower case. Does not show in debug texts, which end up in logs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Reads an address; `None` for a text that is none.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = normalised_email(text)?;
        let (local, domain) = text.rsplit_once('@')?;
        let odd = |c: char| c.is_whitespace() || c.is_control() || c == ',';
        let whole = !local.is_empty() && !domain.is_empty() && !text.contains(odd) && text.len() <= MAX_BYTES;
        whole.then_some(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_in_one_form_and_others_are_refused() {
        let same = [" Ana@Example.COM ", "ana@example.com"].map(|text| Address::of(text).unwrap());
        assert_eq!(same[0], same[1]);
        assert_eq!((same[0].as_str(), same[0].domain()), ("ana@example.com", "example.com"));
        assert_eq!(format!("{:?}", same[0]), "Address(..)");
        let long = format!("{}@example.com", "a".repeat(320));
        for none in ["", " ", "ana", "@example.com", "ana@", "a na@example.com", "a@b\n.c", "a@b.c,d@e.f", &long] {
            assert_eq!(Address::of(none), None, "{none}");
        }
        assert_eq!(Address::of("\"a@b\"@example.com").unwrap().domain(), "example.com");
    }
}
