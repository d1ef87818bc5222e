//! How many calls were made within the last 24 hours, and how many at once.
//! Must not know what a call does.

use std::collections::VecDeque;

use crate::clock::DAY;

/// Calls are counted by the minute, which bounds what is kept to a day of minutes.
const BUCKET_SECONDS: i64 = 60;

/// Counters behind the limits.
#[derive(Default)]
pub(crate) struct Gate {
    /// Minute and calls in it.
    calls: VecDeque<(i64, u64)>,
    used: u64,
    in_flight: usize,
    pub(crate) max_in_flight: usize,
}

impl Gate {
    pub(crate) fn enter(&mut self) {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
    }

    pub(crate) fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn used(&mut self, now: i64) -> u64 {
        let gone = (now - DAY).div_euclid(BUCKET_SECONDS);
        while let Some((_, calls)) = self.calls.front().filter(|(minute, _)| *minute <= gone) {
            self.used -= calls;
            self.calls.pop_front();
        }
        self.used
    }

    pub(crate) fn count(&mut self, now: i64) {
        let minute = now.div_euclid(BUCKET_SECONDS);
        match self.calls.back_mut() {
            Some((last, calls)) if *last == minute => *calls += 1,
            _ => self.calls.push_back((minute, 1)),
        }
        self.used += 1;
    }
}
