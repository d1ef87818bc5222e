//! Record ids: fifteen case-sensitive characters, or eighteen with a checksum of the case.
//! Knows nothing of the records that carry them.

use std::fmt;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const SHORT: usize = 15;

/// A record id. Kept in its short form, printed in its long one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id([u8; SHORT]);

impl Id {
    /// Sorts before every id.
    pub(crate) const FIRST: Self = Self([0; SHORT]);
    /// Sorts after every id.
    pub(crate) const LAST: Self = Self([0xff; SHORT]);

    /// The so-manieth made-up id of the object with this three-letter prefix; ids rise with their number.
    pub(crate) fn make(prefix: &str, number: u64) -> Self {
        let mut short = [b'0'; SHORT];
        for (to, from) in short.iter_mut().zip(prefix.bytes().chain(*b"7Q")) {
            *to = from;
        }
        let mut rest = number;
        for slot in short[5..].iter_mut().rev() {
            *slot = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
            rest /= 62;
        }
        Self(short)
    }

    /// Reads the short form, or the long one if its checksum is right.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let short: [u8; SHORT] = bytes.get(..SHORT)?.try_into().ok()?;
        let id = Self(short);
        let known = short.iter().all(u8::is_ascii_alphanumeric);
        let whole = match bytes.len() {
            SHORT => true,
            18 => bytes.get(SHORT..) == Some(id.suffix().as_slice()),
            _ => false,
        };
        (known && whole).then_some(id)
    }

    /// The three characters that tell the object.
    pub(crate) fn prefix(&self) -> &str {
        std::str::from_utf8(&self.0[..3]).unwrap_or_default()
    }

    fn suffix(self) -> [u8; 3] {
        let mut suffix = [b'A'; 3];
        for (slot, chunk) in suffix.iter_mut().zip(self.0.chunks(5)) {
            let mask = chunk
                .iter()
                .enumerate()
                .fold(0, |mask, (at, byte)| mask | usize::from(byte.is_ascii_uppercase()) << at);
            *slot = SUFFIX[mask];
        }
        suffix
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = self.suffix();
        for byte in self.0.iter().chain(&suffix) {
            fmt::Write::write_char(out, char::from(*byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_get_their_checksum_and_wrong_ones_are_refused() {
        for (short, long) in [
            ("0015000000Gv7qJ", "0015000000Gv7qJAAR"),
            ("001A0000006Vm9u", "001A0000006Vm9uIAC"),
            ("a0D30000001n7Pi", "a0D30000001n7PiEAI"),
        ] {
            assert_eq!(Id::parse(short).unwrap().to_string(), long);
            assert_eq!(Id::parse(long), Id::parse(short));
        }
        for wrong in ["", "0015000000Gv7q", "0015000000Gv7qJAAA", "0015000000Gv7q-", "0015000000Gv7qJAARX"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn made_ids_rise_and_name_their_object() {
        let (first, second) = (Id::make("00T", 61), Id::make("00T", 62));
        assert!(first < second && first.prefix() == "00T");
    }
}
