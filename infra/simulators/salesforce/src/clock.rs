//! The simulator's clock and the date forms that Salesforce writes and accepts.
//! Knows nothing of records or HTTP.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::config::ClockMode;

pub(crate) const DAY: i64 = 86_400;

/// Milliseconds since the Unix epoch, from the machine or set by hand.
pub(crate) struct Clock {
    manual: bool,
    /// The time itself when manual, else what is added to the machine's clock.
    value_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn new(mode: ClockMode) -> Self {
        match mode {
            ClockMode::Real => Self { manual: false, value_ms: AtomicI64::new(0) },
            ClockMode::Manual(start) => {
                let value = start.map_or_else(machine_ms, |seconds| seconds * 1000);
                Self { manual: true, value_ms: AtomicI64::new(value) }
            }
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        let value = self.value_ms.load(Ordering::SeqCst);
        if self.manual { value } else { machine_ms() + value }
    }

    pub(crate) fn advance_milliseconds(&self, milliseconds: i64) {
        self.value_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Appends `2026-01-31T12:00:00.000+0000`. Written by hand because every record needs it several times.
pub(crate) fn push_time(out: &mut String, seconds: i64) {
    push_date(out, seconds.div_euclid(DAY));
    let rest = seconds.rem_euclid(DAY);
    for (mark, part) in [('T', rest / 3600), (':', rest / 60 % 60), (':', rest % 60)] {
        out.push(mark);
        push_two(out, part);
    }
    out.push_str(".000+0000");
}

/// Appends `2026-01-31` for a day counted from the epoch (the usual era arithmetic of the Gregorian calendar).
pub(crate) fn push_date(out: &mut String, days: i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    push_two(out, year / 100);
    push_two(out, year % 100);
    out.push('-');
    push_two(out, month);
    out.push('-');
    push_two(out, day);
}

fn push_two(out: &mut String, value: i64) {
    for digit in [value / 10 % 10, value % 10] {
        out.push(char::from(b'0' + u8::try_from(digit).unwrap_or(0)));
    }
}

pub(crate) fn time_text(seconds: i64) -> String {
    let mut out = String::with_capacity(28);
    push_time(&mut out, seconds);
    out
}

/// Reads a time with a zone: `Z`, `+0000`, `-08:00`; fractions of seconds are dropped.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|stamp| stamp.as_millisecond().div_euclid(1000))
}

/// Reads `2026-01-31` as a day counted from the epoch.
pub(crate) fn parse_date(text: &str) -> Option<i64> {
    if text.len() != 10 {
        return None;
    }
    let date: civil::Date = text.parse().ok()?;
    let midnight = date.at(0, 0, 0, 0).to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_second().div_euclid(DAY))
}

/// The form of the HTTP `Date` header.
pub(crate) fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|stamp| stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

/// Reads the form of the HTTP `Date` header.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_written_and_read() {
        for seconds in [0, 951_782_400, 1_709_164_799, 1_709_251_200, 1_790_000_001, 4_102_444_799] {
            let written = time_text(seconds);
            assert_eq!(parse_time(&written), Some(seconds), "{written}");
            assert_eq!(parse_date(&written[..10]), Some(seconds.div_euclid(DAY)));
            assert_eq!(parse_http_date(&http_date(seconds)), Some(seconds));
        }
        assert_eq!(parse_time("2014-10-06T13:22:17.900-08:00"), Some(1_412_630_537));
        assert_eq!(
            (parse_time("2014-10-06T13:22:17"), parse_date("2014-10-6"), parse_date("2014-02-30")),
            (None, None, None)
        );
    }
}
