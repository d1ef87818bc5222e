//! Marketo's ways of writing time. Pure functions; knows no clock.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

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
