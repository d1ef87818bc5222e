//! Sessions: given out by the token endpoint, ended by time, by calls, or by command.
//! Must not know HTTP.

use std::collections::HashMap;

use crate::world::random::mix;

/// The most sessions that are remembered; the oldest goes first.
const MOST: u64 = 10_000;

struct Session {
    number: u64,
    ends_ms: i64,
    calls_left: Option<u64>,
}

/// All sessions.
pub(crate) struct Sessions {
    life_ms: i64,
    calls: Option<u64>,
    seed: u64,
    given: u64,
    live: HashMap<String, Session>,
}

impl Sessions {
    pub(crate) fn new(life_seconds: u64, calls: Option<u64>, seed: u64, now_ms: i64) -> Self {
        let life_ms = i64::try_from(life_seconds).unwrap_or(i64::MAX / 2000).max(1) * 1000;
        // Two runs never give out the same session.
        Self { life_ms, calls, seed: mix(seed ^ now_ms.cast_unsigned()), given: 0, live: HashMap::new() }
    }

    /// A new session of the integration user.
    pub(crate) fn open(&mut self, organization: &str, now_ms: i64) -> String {
        self.given += 1;
        let organization = organization.get(..15).unwrap_or_default();
        let (high, low) = (mix(self.seed ^ self.given), mix(self.seed.wrapping_add(self.given)));
        let token = format!("{organization}!AQ{high:016x}{low:016x}.{:x}", self.given);
        let session = Session { number: self.given, ends_ms: now_ms + self.life_ms, calls_left: self.calls };
        self.live.insert(token.clone(), session);
        if let Some(too_old) = self.given.checked_sub(MOST) {
            self.live.retain(|_, session| session.number > too_old);
        }
        token
    }

    /// Whether a call may be made with this session; counts the call.
    pub(crate) fn admit(&mut self, token: &str, now_ms: i64) -> bool {
        let Some(session) = self.live.get_mut(token) else { return false };
        let spent = session.calls_left == Some(0);
        if spent || session.ends_ms <= now_ms {
            self.live.remove(token);
            return false;
        }
        session.calls_left = session.calls_left.map(|left| left - 1);
        true
    }

    pub(crate) fn end(&mut self, token: &str) {
        self.live.remove(token);
    }

    pub(crate) fn end_all(&mut self) {
        self.live.clear();
    }
}
