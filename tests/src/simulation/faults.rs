//! What goes wrong in a run, and until when.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::dice::Dice;
use crate::lock;

/// Faults of one kind, which the simulation switches on and off for all at once.
#[derive(Debug, Default)]
pub struct Switch<F> {
    faults: Mutex<F>,
    off: AtomicBool,
}

impl<F: Copy + Default> Switch<F> {
    /// Faults, on.
    pub fn new(faults: F) -> Self {
        Self { faults: Mutex::new(faults), off: AtomicBool::new(false) }
    }

    /// Those in force.
    pub fn now(&self) -> F {
        if self.off.load(Ordering::SeqCst) { F::default() } else { *lock(&self.faults) }
    }

    /// Begins with them, or ends them.
    pub fn set(&self, on: bool) {
        self.off.store(!on, Ordering::SeqCst);
    }
}

/// Of a thousand requests to Marketo, how many meet this.
#[derive(Debug, Clone, Copy, Default)]
pub struct NetworkFaults {
    /// No connection is made.
    pub unreachable: u64,
    /// The request is carried out, and nothing is ever heard of it.
    pub silent: u64,
    /// The request is carried out late, when its sender may be gone. (The activity flow.)
    pub held_up: u64,
    /// The request is carried out, and the connection breaks.
    pub lost_answers: u64,
    /// Of files: the connection breaks in the midst.
    pub broken_files: u64,
    /// Of files: one letter is another, with nothing else amiss.
    pub altered_files: u64,
}

/// Of a thousand calls of the store or a queue, how many meet this.
#[derive(Debug, Clone, Copy, Default)]
pub struct StorageFaults {
    /// Throttled: nothing is done.
    pub throttled: u64,
    /// Done, and the answer lost.
    pub lost_answers: u64,
    /// Done, and the SDK's own repeat is told that the condition does not hold any more.
    pub repeated: u64,
    /// Done in part, then failed: writes of several rows, sends of several messages.
    pub partial: u64,
    /// Takes seconds instead of milliseconds.
    pub slow: u64,
}

/// Some faults, none or many.
fn share(dice: &Dice, most: u64) -> u64 {
    match dice.roll(3) {
        0 => 0,
        1 => dice.roll(most / 8 + 1),
        _ => dice.roll(most + 1),
    }
}

impl NetworkFaults {
    /// Those of a seed.
    pub fn drawn(dice: &Dice) -> Self {
        Self {
            unreachable: share(dice, 60),
            silent: share(dice, 20),
            held_up: 0,
            lost_answers: share(dice, 60),
            broken_files: share(dice, 400),
            altered_files: share(dice, 400),
        }
    }
}

impl StorageFaults {
    /// Those of a seed.
    pub fn drawn(dice: &Dice) -> Self {
        Self {
            throttled: share(dice, 80),
            lost_answers: share(dice, 60),
            repeated: share(dice, 60),
            partial: share(dice, 60),
            slow: share(dice, 60),
        }
    }
}
