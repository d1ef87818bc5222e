//! The simulator's clock and the date forms that Marketo writes and accepts.
//! Knows nothing of people or HTTP.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::config::ClockMode;

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

    pub(crate) fn now(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    pub(crate) fn is_manual(&self) -> bool {
        self.manual
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.advance_milliseconds(seconds * 1000);
    }

    pub(crate) fn advance_milliseconds(&self, milliseconds: i64) {
        self.value_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

fn machine_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// `2026-01-31T12:00:00Z`. Written by hand because exports need it twice a row.
pub(crate) fn iso(seconds: i64) -> String {
    let mut out = String::with_capacity(20);
    push_date(&mut out, seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    out.push('T');
    push_two(&mut out, rest / 3600);
    out.push(':');
    push_two(&mut out, rest / 60 % 60);
    out.push(':');
    push_two(&mut out, rest % 60);
    out.push('Z');
    out
}

/// `2026-01-31`, in UTC.
pub(crate) fn iso_date(seconds: i64) -> String {
    let mut out = String::with_capacity(10);
    push_date(&mut out, seconds.div_euclid(86_400));
    out
}

/// Civil date from a day number (the usual era arithmetic of the proleptic Gregorian calendar).
fn push_date(out: &mut String, days: i64) {
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

/// Reads the forms that Marketo takes: with `Z`, `+0000`, `-08:00`, no zone (GMT), or a bare date.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim().replacen(' ', "+", 1);
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_second());
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        return local.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_second());
    }
    None
}

/// The day that quotas belong to: the civil date in US Central time.
pub(crate) fn central_day(seconds: i64) -> String {
    let zone = TimeZone::get("America/Chicago").unwrap_or(TimeZone::UTC);
    Timestamp::from_second(seconds).map(|stamp| stamp.to_zoned_datetime(zone).date().to_string()).unwrap_or_default()
}

/// The form of the HTTP `Date` header.
pub(crate) fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|stamp| stamp.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_formatting_agrees_with_the_calendar() {
        for seconds in [0, 951_782_400, 1_709_164_799, 1_709_251_200, 1_790_000_001, 4_102_444_799] {
            let expected = Timestamp::from_second(seconds).unwrap().to_string();
            assert_eq!(iso(seconds), expected);
        }
    }

    #[test]
    fn every_date_form_is_read() {
        for text in [
            "2014-10-06T21:22:17Z",
            "2014-10-06T21:22:17+0000",
            "2014-10-06T13:22:17-08:00",
            "2014-10-06T21:22:17",
            "2014-10-06T21:22:17.000Z",
        ] {
            assert_eq!(parse(text), Some(1_412_630_537), "{text}");
        }
        assert_eq!(parse("2014-10-06"), Some(1_412_553_600));
        assert_eq!(parse("yesterday"), None);
    }
}
