//! The gate of a vendor that a flow writes to: closed for a while when the vendor takes nothing at all, so that nothing that waits is blamed for
//! it, and open again with the first answer. And how long a single refusal rests before it is tried again. Knows no vendor.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::status::Problem;
use crate::{Advice, Failure};

/// First pause of a closed gate, and of a refusal; doubled with each one in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause of a closed gate, where the vendor names no moment.
const LONGEST_CLOSED: Duration = Duration::from_secs(5 * 60);
/// Longest rest of a refusal.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// Whether a vendor takes anything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Nothing is tried before this, because of the problem.
    pub closed_until: Option<Timestamp>,
    /// Why.
    pub problem: Option<Problem>,
    failures: u32,
    /// When the vendor last answered.
    pub last_success: Option<Timestamp>,
}

impl Gate {
    /// Until when nothing is tried, where that is still ahead.
    #[must_use]
    pub fn closed(&self, now: Timestamp) -> Option<Timestamp> {
        self.closed_until.filter(|until| *until > now)
    }

    /// The vendor answered.
    pub fn answered(&mut self, now: Timestamp) {
        *self = Self { last_success: Some(now), ..Self::default() };
    }

    /// Whatever was wrong may be over: the next try is made at once. What went wrong is still told.
    pub fn reopen(&mut self) {
        (self.closed_until, self.failures) = (None, 0);
    }

    /// The vendor took nothing; gives until when it is left alone.
    pub fn close(&mut self, failure: &Failure, now: Timestamp) -> Timestamp {
        let pause = doubled(self.failures).min(LONGEST_CLOSED);
        let after = |pause: Duration| now.checked_add(pause).unwrap_or(now);
        let until = match failure.advice() {
            Advice::Park { until } => until,
            Advice::Retry { after: least } => after(pause.max(least)),
            Advice::Reject | Advice::Halt => after(LONGEST_CLOSED),
        };
        self.failures = self.failures.saturating_add(1);
        self.closed_until = Some(until);
        self.problem = Some(Problem::new(failure, now));
        until
    }
}

/// When something is tried again that was refused so many times.
#[must_use]
pub fn tried_again(now: Timestamp, refusals: u32) -> Timestamp {
    now.checked_add(doubled(refusals.saturating_sub(1)).min(LONGEST_REST)).unwrap_or(now)
}

fn doubled(times: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << times.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureKind;

    #[test]
    fn pauses_double_up_to_a_bound_and_an_answer_ends_them() {
        let (now, mut gate) = (Timestamp::UNIX_EPOCH, Gate::default());
        let down = Failure::new(FailureKind::Unavailable, "down");
        let pauses: Vec<i64> = (0..8).map(|_| gate.close(&down, now).as_second()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(gate.closed(now).map(|until| until.as_second()), Some(300));
        gate.answered(now);
        assert_eq!((gate.closed(now), gate.problem.clone(), gate.last_success), (None, None, Some(now)));
        assert_eq!(gate.close(&down, now).as_second(), 5);
        let rests: Vec<i64> = [1, 2, 3, 20].into_iter().map(|times| tried_again(now, times).as_second()).collect();
        assert_eq!(rests, [5, 10, 20, 3600]);
    }

    #[test]
    fn a_limit_closes_until_it_resets() {
        let reset = Timestamp::from_second(86_400).unwrap();
        let gone = Failure::new(FailureKind::DailyCalls, "gone").with_until(reset);
        assert_eq!(Gate::default().close(&gone, Timestamp::UNIX_EPOCH), reset);
    }
}
