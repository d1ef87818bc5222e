//! Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum of the case.
//! Knows nothing of the people who carry them.

use super::hash::mix;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// A made-up id of the object with this three-letter prefix.
pub(crate) fn make(prefix: &str, number: u64, short: bool) -> String {
    let mut id = String::with_capacity(18);
    id.push_str(prefix);
    id.push_str("5e");
    let mut rest = mix(number);
    for _ in 0..10 {
        id.push(char::from(DIGITS[usize::try_from(rest % 62).unwrap_or(0)]));
        rest /= 62;
    }
    if short { id } else { extend(&id) }
}

/// The 18-character form of a 15-character id; anything else comes back as it is.
pub(crate) fn extend(id: &str) -> String {
    if id.len() != 15 || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return id.to_owned();
    }
    let mut long = String::with_capacity(18);
    long.push_str(id);
    for chunk in id.as_bytes().chunks(5) {
        let mask =
            chunk.iter().enumerate().fold(0, |mask, (at, byte)| mask | usize::from(byte.is_ascii_uppercase()) << at);
        long.push(char::from(SUFFIX[mask]));
    }
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_extend_to_their_long_form() {
        assert_eq!(extend("0015000000Gv7qJ"), "0015000000Gv7qJAAR");
        assert_eq!(extend("001A0000006Vm9u"), "001A0000006Vm9uIAC");
        assert_eq!(extend("0015000000Gv7qJAAR"), "0015000000Gv7qJAAR");
        assert_eq!(extend(""), "");
    }
}
