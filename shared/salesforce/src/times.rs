//! Salesforce's ways of writing time. Pure; knows no clock.

use jiff::Timestamp;

/// Reads a moment as Salesforce writes it: `2026-11-23T15:44:36.000+0000`, without the colon that RFC 3339 wants, or with it, or with `Z`.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_form_is_the_same_moment() {
        let moment = "2026-11-23T15:44:36Z".parse().ok();
        for text in [
            "2026-11-23T15:44:36.000+0000",
            "2026-11-23T16:44:36.000+0100",
            "2026-11-23T15:44:36Z",
            "2026-11-23T15:44:36+00:00",
        ] {
            assert_eq!(parse(text), moment, "{text}");
        }
        assert_eq!(parse("2026-11-23"), None);
    }
}
