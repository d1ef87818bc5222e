//! From text to tokens.
//! Must not know grammar.

use crate::world::failure::Failure;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// A name or keyword, dots included.
    Word(String),
    /// A quoted string, unescaped. `%` and `_` that were escaped keep their backslash.
    Text(String),
    /// A number, date or time, as written.
    Literal(String),
    /// `( ) , = != < > <= >=`
    Sign(&'static str),
    End,
}

/// A token and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) at: usize,
}

pub(crate) fn malformed(at: usize, what: &str) -> Failure {
    Failure::new("MALFORMED_QUERY", format!("ERROR at Row:1:Column:{}\n{what}", at + 1))
}

/// Two characters before one, so that `<=` is not `<` and `=`.
const SIGNS: [&str; 10] = ["!=", "<>", "<=", ">=", "(", ")", ",", "=", "<", ">"];

pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Failure> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = if first == '\'' {
            quoted(rest).ok_or_else(|| malformed(at, "a string is not closed, or escapes what cannot be escaped"))?
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Kind::Sign(if *sign == "<>" { "!=" } else { sign }), sign.len())
        } else if first.is_ascii_digit() || matches!(first, '+' | '-' | '.') {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '+' | '.'));
            (Kind::Literal(rest[..length].to_owned()), length)
        } else if first.is_alphabetic() || first == '_' {
            let length = span(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':'));
            (Kind::Word(rest[..length].to_owned()), length)
        } else {
            return Err(malformed(at, &format!("unexpected character '{first}'")));
        };
        found.push(Token { kind, at });
        at += length;
    }
    found.push(Token { kind: Kind::End, at: text.len() });
    Ok(found)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The string at the start, and how many bytes it takes with its quotes.
fn quoted(text: &str) -> Option<(Kind, usize)> {
    let mut out = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\'' => return Some((Kind::Text(out), at + 1)),
            '\\' => match letters.next()?.1 {
                'n' | 'N' => out.push('\n'),
                'r' | 'R' => out.push('\r'),
                't' | 'T' => out.push('\t'),
                'b' | 'B' => out.push('\u{8}'),
                'f' | 'F' => out.push('\u{c}'),
                'u' => {
                    let hex: String = letters.by_ref().take(4).map(|(_, letter)| letter).collect();
                    out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
                }
                escaped @ ('%' | '_') => out.extend(['\\', escaped]),
                escaped @ ('\'' | '"' | '\\') => out.push(escaped),
                _ => return None,
            },
            _ => out.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped_and_signs_are_read_whole() {
        let kinds: Vec<Kind> =
            tokens(r"a__c!='O\'N\\\u0041\%'AND b<=-1.5").unwrap().into_iter().map(|token| token.kind).collect();
        let expected = [
            Kind::Word("a__c".into()),
            Kind::Sign("!="),
            Kind::Text(r"O'N\A\%".into()),
            Kind::Word("AND".into()),
            Kind::Word("b".into()),
            Kind::Sign("<="),
            Kind::Literal("-1.5".into()),
            Kind::End,
        ];
        assert_eq!(kinds, expected);
        for wrong in ["'open", r"'\x'", "a ; b"] {
            assert_eq!(tokens(wrong).unwrap_err().code, "MALFORMED_QUERY", "{wrong}");
        }
    }
}
