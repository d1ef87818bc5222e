//! What Salesforce says of the organisation's calls: a header of every answer, and a call. Knows nothing of who makes them.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::header::HeaderMap;

/// Calls of the last 24 hours, as an answer told them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Made, by everybody in the organisation.
    pub used: u64,
    /// Allowed.
    pub allowed: u64,
    /// When that was.
    pub at: Timestamp,
}

/// The last that was heard.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Option<Usage>>);

impl Heard {
    /// Takes in the header of an answer, such as `api-usage=10018/100000; per-app-api-usage=17/250(appName=x)`.
    pub fn learn(&self, headers: &HeaderMap, at: Timestamp) {
        let text = headers.get("Sforce-Limit-Info").and_then(|value| value.to_str().ok());
        if let Some((used, allowed)) = text.and_then(read) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Usage { used, allowed, at });
        }
    }

    pub fn last(&self) -> Option<Usage> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(text: &str) -> Option<(u64, u64)> {
    let usage = text.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, allowed) = usage.split_once('/')?;
    let digits = |text: &str| text.trim().chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    Some((digits(used)?, digits(allowed)?))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_header_is_read_leniently() {
        assert_eq!(read("api-usage=10018/100000"), Some((10_018, 100_000)));
        assert_eq!(read("api-bursts=1/750; api-usage=18/5000; per-app-api-usage=17/250(appName=x)"), Some((18, 5_000)));
        assert_eq!(read("per-app-api-usage=17/250(appName=x)"), None);
        assert_eq!(read("api-usage=x"), None);
    }
}
