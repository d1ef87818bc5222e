//! What happened in a run, as a number that two equal runs share, and as lines where somebody wants to read them.

use std::sync::Mutex;

use domain::Timestamp;

use super::executor::TaskId;
use crate::lock;

/// The events of a run.
pub struct Trace {
    spoken: bool,
    state: Mutex<Told>,
}

/// What a trace amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Events.
    pub events: u64,
    /// FNV-1a over all of them.
    pub hash: u64,
}

impl Trace {
    /// A trace; `spoken` ones print each event to standard error.
    pub fn new(spoken: bool) -> Self {
        Self { spoken, state: Mutex::new(Told { events: 0, hash: 0xcbf2_9ce4_8422_2325 }) }
    }

    /// Adds an event.
    #[expect(clippy::print_stderr, reason = "a trace is asked for to be read")]
    pub fn event(&self, at: Timestamp, task: TaskId, text: impl FnOnce() -> String) {
        let line = format!("{at} #{task} {}", text());
        let mut told = lock(&self.state);
        told.events += 1;
        for byte in line.bytes() {
            told.hash = (told.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if self.spoken {
            eprintln!("{line}");
        }
    }

    /// All of it so far.
    pub fn told(&self) -> Told {
        *lock(&self.state)
    }
}
