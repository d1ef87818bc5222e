//! Marketo's ways of writing time, and the end of its day. Pure functions; knows no clock.

use jiff::civil::{Date, DateTime};
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Reads any of the forms in which Marketo writes a moment: `…Z`, `…+0000`, `…-08:00`, the asset API's `…Z+0000`; without an offset
/// it is GMT.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let text = text.strip_suffix("Z+0000").map_or_else(|| text.to_owned(), |front| format!("{front}Z"));
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(Into::into))?;
    civil.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The form to send: whole seconds, `Z`, no fraction.
pub(crate) fn iso(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads an HTTP date header.
pub(crate) fn parse_http_date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// When Marketo's day ends: the next midnight of Central Time. Its pages say "CST" without saying whether that moves in summer;
/// the zone with summer time is taken, and where that is wrong a caller who comes an hour early is told again.
pub(crate) fn next_central_midnight(now: Timestamp) -> Timestamp {
    let zone = TimeZone::get("America/Chicago").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-6)));
    let midnight = now.to_zoned_datetime(zone).tomorrow().and_then(|day| day.start_of_day());
    midnight.map_or_else(|_| now.saturating_add(SignedDuration::from_hours(24)).unwrap_or(now), |day| day.timestamp())
}
