//! Call limits: how many calls in the window, at once, and today. Counts always, refuses only what is switched on.
//! Must not know what a call does.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::central_day;
use crate::config::Limits;

/// Counters behind the limits.
#[derive(Default)]
pub(crate) struct Gate {
    in_flight: usize,
    /// Times of the calls that count against the rate limit.
    accepted: VecDeque<i64>,
    /// Times of all calls, for the statistics.
    arrived: VecDeque<i64>,
    /// For each quota day the calls of each client.
    days: BTreeMap<String, BTreeMap<String, u64>>,
    /// For each quota day the number of each error code.
    errors: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) max_in_flight: usize,
    pub(crate) max_in_window: usize,
}

/// A limit that was hit: code and message.
pub(crate) type Refusal = (&'static str, String);

impl Gate {
    /// A call has arrived; gives how many are in flight, itself included.
    pub(crate) fn enter(&mut self, now_ms: i64, limits: &Limits) -> usize {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
        self.arrived.push_back(now_ms);
        forget(&mut self.arrived, now_ms, limits);
        self.max_in_window = self.max_in_window.max(self.arrived.len());
        self.in_flight
    }

    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Counts an authenticated call, or refuses it.
    pub(crate) fn admit(
        &mut self,
        client: &str,
        in_flight: usize,
        now_ms: i64,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let day = central_day(now_ms / 1000);
        let today = self.days.entry(day).or_default();
        let used: u64 = today.values().sum();
        *today.entry(client.to_owned()).or_default() += 1;
        if limits.concurrency && in_flight > limits.in_flight {
            return Err(("615", "Concurrent access limit reached".to_owned()));
        }
        forget(&mut self.accepted, now_ms, limits);
        if limits.rate && self.accepted.len() >= limits.calls_per_window {
            let Limits { calls_per_window, window_seconds, .. } = limits;
            return Err((
                "606",
                format!("Max rate limit '{calls_per_window}' exceeded with in '{window_seconds}' secs"),
            ));
        }
        self.accepted.push_back(now_ms);
        if limits.daily && used >= limits.calls_per_day {
            return Err(("607", "Daily Quota reached".to_owned()));
        }
        Ok(())
    }

    pub(crate) fn note_error(&mut self, code: &str, now_ms: i64) {
        let day = self.errors.entry(central_day(now_ms / 1000)).or_default();
        *day.entry(code.to_owned()).or_default() += 1;
    }

    /// Calls by client on each of the last days, the latest first.
    pub(crate) fn usage(&self) -> impl Iterator<Item = (&String, &BTreeMap<String, u64>)> {
        self.days.iter().rev()
    }

    pub(crate) fn errors(&self) -> impl Iterator<Item = (&String, &BTreeMap<String, u64>)> {
        self.errors.iter().rev()
    }
}

fn forget(times: &mut VecDeque<i64>, now_ms: i64, limits: &Limits) {
    let window_ms = i64::try_from(limits.window_seconds).unwrap_or(20) * 1000;
    while times.front().is_some_and(|time| *time <= now_ms - window_ms) {
        times.pop_front();
    }
}
