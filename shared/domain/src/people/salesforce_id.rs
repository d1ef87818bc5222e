//! Salesforce ids: 15 characters where case matters, or 18 where three more carry the case.

use std::borrow::Cow;

/// The 18-character form of a Salesforce id. What is not a 15-character id is given back as it is.
///
/// Each of the three added characters encodes which of five characters are upper case, lowest bit first.
#[must_use]
pub fn to_18_characters(id: &str) -> Cow<'_, str> {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let bytes = id.as_bytes();
    if bytes.len() != 15 || !bytes.iter().all(u8::is_ascii_alphanumeric) {
        return Cow::Borrowed(id);
    }
    let suffix = bytes.chunks(5).map(|five| {
        let bits = five.iter().enumerate().map(|(i, b)| usize::from(b.is_ascii_uppercase()) << i).sum::<usize>();
        char::from(ALPHABET[bits])
    });
    Cow::Owned(id.chars().chain(suffix).collect())
}

#[cfg(test)]
mod tests {
    use super::to_18_characters;

    #[test]
    fn extends_15_and_leaves_the_rest() {
        assert_eq!(to_18_characters("001A0000006Vm9r"), "001A0000006Vm9rIAC");
        assert_eq!(to_18_characters("0035e000001AAAA"), "0035e000001AAAAAA4");
        for kept in ["", "001A0000006Vm9rIAC", "not an id", "001A0000006Vm9"] {
            assert_eq!(to_18_characters(kept), kept);
        }
    }
}
