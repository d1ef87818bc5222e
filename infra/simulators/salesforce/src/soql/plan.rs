//! A query bound to the schema: what is read, kept and sorted, by places instead of names.
//! Must not know the text it came from.

use std::collections::HashSet;

use crate::world::datum::{Datum, Key, lower};

/// The place of a field that is asked of a reference to several objects; there, `Type` is the name of the object.
pub(crate) const OF_WHOEVER: usize = usize::MAX;

/// A field of the record itself, or of a record that it refers to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Path {
    /// The reference that is followed, with the name it is followed by.
    pub(crate) via: Option<(usize, &'static str)>,
    /// Place of the field in the record itself; when a reference is followed, its name says which.
    pub(crate) place: usize,
    pub(crate) name: String,
}

/// A bound query.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) object: usize,
    pub(crate) count: bool,
    pub(crate) columns: Vec<Path>,
    pub(crate) filter: Filter,
    pub(crate) order: Vec<(Path, bool, bool)>,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
}

/// How a value must compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A bound condition. Logic has two values: a comparison with nothing does not hold.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare { path: Path, test: Test, value: Datum, case_sensitive: bool },
    In { path: Path, keys: HashSet<Key>, null: bool, case_sensitive: bool },
    Like { path: Path, pattern: Vec<Piece> },
}

/// A part of a `LIKE` pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Letter(char),
    AnyOne,
    AnyMany,
}

/// A `LIKE` pattern in parts, in lower case.
pub(crate) fn pieces(pattern: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut letters = lower(pattern);
    while let Some(letter) = letters.next() {
        found.push(match letter {
            '%' => Piece::AnyMany,
            '_' => Piece::AnyOne,
            '\\' => Piece::Letter(letters.next().unwrap_or('\\')),
            letter => Piece::Letter(letter),
        });
    }
    found
}

/// Whether a text in lower case is like the pattern. Takes at most length times length steps.
pub(crate) fn is_like(text: &[char], pattern: &[Piece]) -> bool {
    let (mut at, mut piece) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(piece) {
            Some(Piece::AnyMany) => {
                retry = Some((piece, at));
                piece += 1;
            }
            Some(Piece::AnyOne) => (at, piece) = (at + 1, piece + 1),
            Some(Piece::Letter(letter)) if text.get(at) == Some(letter) => (at, piece) = (at + 1, piece + 1),
            _ => {
                let Some((many, from)) = retry else { return false };
                retry = Some((many, from + 1));
                (at, piece) = (from + 1, many + 1);
            }
        }
    }
    pattern.get(piece..).unwrap_or_default().iter().all(|left| *left == Piece::AnyMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_query_language() {
        for (text, pattern, like) in [
            ("Anna", "a%", true),
            ("Anna", "%NN%", true),
            ("Anna", "A__a", true),
            ("Anna", "A_a", false),
            ("50%", r"50\%", true),
            ("505", r"50\%", false),
            ("", "%", true),
            ("ababac", "%abac", true),
        ] {
            let letters: Vec<char> = lower(text).collect();
            assert_eq!(is_like(&letters, &pieces(pattern)), like, "{text} LIKE {pattern}");
        }
    }
}
