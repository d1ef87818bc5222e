//! Pieces of SOQL: literals that cannot break out, and lists cut so that a query fits into an address. Knows no object.

use std::fmt::Write;

use domain::ports::ChangedSince;

/// Most characters of a query: an address of Salesforce takes 16,000 bytes, and a character may become nine in it.
const MAX_QUERY: usize = 12_000;

/// A text literal. Quotes, backslashes and line breaks are escaped.
#[must_use]
pub fn text(value: &str) -> String {
    let mut literal = String::with_capacity(value.len() + 2);
    literal.push('\'');
    for c in value.chars() {
        match c {
            '\'' => literal.push_str("\\'"),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

/// Queries `{select} WHERE {field} IN (…){and}` over all values, as many as are needed for each to fit into an address.
pub fn over_list<'a>(select: &str, field: &str, values: impl IntoIterator<Item = &'a str>, and: &str) -> Vec<String> {
    let head = format!("{select} WHERE {field} IN (");
    let mut queries = Vec::new();
    let mut query = String::new();
    let mut length = 0;
    for value in values {
        let literal = text(value);
        // As the address has it: letters and digits are one byte, everything else at most three each.
        let encoded: usize = literal.bytes().map(|b| if b.is_ascii_alphanumeric() { 1 } else { 3 }).sum::<usize>() + 3;
        if !query.is_empty() && length + encoded > MAX_QUERY {
            let _ = write!(query, "){and}");
            queries.push(std::mem::take(&mut query));
        }
        if query.is_empty() {
            query.push_str(&head);
            length = 3 * (head.len() + and.len());
        } else {
            query.push(',');
        }
        query.push_str(&literal);
        length += encoded;
    }
    if !query.is_empty() {
        let _ = write!(query, "){and}");
        queries.push(query);
    }
    queries
}

/// The condition for records that were changed since. Records that were changed together have one stamp, and may be more than a reading holds.
pub(crate) fn changed_since(since: &ChangedSince) -> String {
    // To the second, which is how finely stamps are kept.
    let at = since.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    match &since.after {
        None => format!("SystemModstamp >= {at}"),
        Some(id) => format!("((SystemModstamp = {at} AND Id > {}) OR SystemModstamp > {at})", text(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_cannot_end_early() {
        assert_eq!(text("O'Neil \\ \n"), r"'O\'Neil \\ \n'");
        assert_eq!(text("\\' OR Name != '"), r"'\\\' OR Name != \''");
    }

    #[test]
    fn lists_are_cut_and_lose_nothing() {
        assert!(over_list("SELECT Id FROM Lead", "Email", [], "").is_empty());
        let values: Vec<String> = (0..2_000).map(|n| format!("person+{n}@example.com")).collect();
        let queries =
            over_list("SELECT Id FROM Lead", "Email", values.iter().map(String::as_str), " AND IsConverted = false");
        assert!(queries.len() > 1);
        let mut found = 0;
        for query in &queries {
            assert!(
                query.starts_with("SELECT Id FROM Lead WHERE Email IN ('")
                    && query.ends_with("') AND IsConverted = false")
            );
            let encoded: usize = query.bytes().map(|b| if b.is_ascii_alphanumeric() { 1 } else { 3 }).sum();
            assert!(encoded < 16_000, "{encoded}");
            found += query.matches("person+").count();
        }
        assert_eq!(found, values.len());
    }
}
