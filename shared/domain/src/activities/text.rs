//! Plain text of an email's body. Knows neither activities nor tasks.

/// The body as plain text. A body without tags is left as it is; of HTML, blocks become lines and everything else that is not text goes.
#[must_use]
pub fn plain(body: &str) -> String {
    if !looks_like_html(body) {
        return body.trim().to_owned();
    }
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        push_collapsed(&mut text, &rest[..start]);
        let tag = &rest[start..];
        let Some(end) = tag_end(tag) else {
            // A lone `<` in text.
            push_collapsed(&mut text, "<");
            rest = &tag[1..];
            continue;
        };
        let name = tag_name(&tag[..end]);
        rest = &tag[end..];
        match name.as_str() {
            // What they hold is not for reading.
            "script" | "style" | "title" => rest = after_element(rest, &name),
            "br" | "p" | "/p" | "div" | "/div" | "tr" | "/tr" | "li" | "/ul" | "/ol" | "h1" | "/h1" | "h2" | "/h2"
            | "h3" | "/h3" | "hr" | "blockquote" | "/blockquote" | "table" | "/table"
                if !text.is_empty() && !text.ends_with("\n\n") =>
            {
                text.truncate(text.trim_end_matches(' ').len());
                text.push('\n');
            }
            "td" | "/td" => push_collapsed(&mut text, " "),
            _ => {}
        }
    }
    push_collapsed(&mut text, rest);
    decoded(text.trim())
}

fn looks_like_html(body: &str) -> bool {
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start..];
        let begins = tag[1..].trim_start_matches('/').starts_with(|c: char| c.is_ascii_alphabetic() || c == '!');
        if begins && tag_end(tag).is_some() {
            return true;
        }
        rest = &tag[1..];
    }
    false
}

/// Where the tag that a text begins with ends; `None` = it is not one.
fn tag_end(text: &str) -> Option<usize> {
    if let Some(comment) = text.strip_prefix("<!--") {
        return comment.find("-->").map(|end| 4 + end + 3);
    }
    let first = text[1..].chars().next()?;
    if !(first.is_ascii_alphabetic() || matches!(first, '/' | '!')) {
        return None;
    }
    let mut quote = None;
    for (at, c) in text.char_indices().skip(1) {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn tag_name(tag: &str) -> String {
    let inner = &tag[1..];
    inner
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '/')
        .collect::<String>()
        .to_ascii_lowercase()
        .trim_end_matches('/')
        .to_owned()
}

/// What follows the end of an element; nothing where it never ends, as in a browser.
fn after_element<'a>(rest: &'a str, name: &str) -> &'a str {
    let end = rest.to_ascii_lowercase().find(&format!("</{name}"));
    end.and_then(|at| Some(&rest[at + rest[at..].find('>')? + 1..])).unwrap_or_default()
}

/// Adds text with runs of blanks and line breaks as one blank, as a browser shows it.
fn push_collapsed(text: &mut String, more: &str) {
    for c in more.chars() {
        let blank = c.is_ascii_whitespace();
        if !blank {
            text.push(c);
        } else if !text.is_empty() && !text.ends_with([' ', '\n']) {
            text.push(' ');
        }
    }
}

/// Character references, the common ones by name.
fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let from = &rest[at..];
        let reference = from.find(';').filter(|end| *end <= 10).and_then(|end| Some((character(&from[1..end])?, end)));
        match reference {
            Some((c, end)) => {
                out.push(c);
                rest = &from[end + 1..];
            }
            None => {
                out.push('&');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(reference: &str) -> Option<char> {
    Some(match reference {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn plain_text_stays_as_it_is() {
        for text in ["Hello\n\n  you <3 & me", "a < b, b > a", "1<2", "Tom & Jerry &amp; co"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn html_becomes_lines_of_text() {
        let html = "<html><head><title>T</title><style>p{x:1}</style></head><body><p>Dear&nbsp;Ms&#32;Gr&#252;n,</p>\n<p>5 &lt; 6<br/>\
                    <a href=\"https://x.test/?a>b\">here</a></p><script>alert('<p>')</script><!-- <p>no</p> --></body></html>";
        assert_eq!(plain(html), "Dear Ms Grün,\n\n5 < 6\nhere");
    }

    #[test]
    fn broken_html_loses_no_text() {
        assert_eq!(plain("<p>one<p>two < three<b"), "one\ntwo < three<b");
        assert_eq!(plain("<p>&#xFFFFFFFF; &unknown; &"), "&#xFFFFFFFF; &unknown; &");
    }
}
