//! Chance from a seed. Each part of the simulation has dice of its own, so that what one part draws does not shift the others.

use std::sync::{Arc, Mutex};

use domain::ports::Chance;

use crate::lock;
use crate::world::Seeded;

/// Dice; clones share their state.
#[derive(Clone)]
pub struct Dice(Arc<Mutex<Arc<Seeded>>>);

impl Dice {
    /// The dice of a seed, for a part with this number.
    pub fn new(seed: u64, part: u64) -> Self {
        let mixed = seed.wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(17) ^ part.wrapping_mul(0xA076_1D64_78BD_642F);
        Self(Arc::new(Mutex::new(Seeded::new(mixed))))
    }

    /// A number below `end`; 0 where `end` is 0.
    pub fn roll(&self, end: u64) -> u64 {
        let number = lock(&self.0).next_u64();
        if end == 0 { 0 } else { (number >> 11) % end }
    }

    /// A place in a list of this length.
    pub fn below(&self, end: usize) -> usize {
        usize::try_from(self.roll(end as u64)).unwrap_or(0)
    }

    /// True so many times of a thousand.
    pub fn chance(&self, permille: u64) -> bool {
        self.roll(1000) < permille
    }

    /// One of these.
    pub fn one_of<'a, T>(&self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

impl Chance for Dice {
    fn next_u64(&self) -> u64 {
        lock(&self.0).next_u64()
    }
}
