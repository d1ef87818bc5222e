//! Repeatable randomness: every choice is a function of the seed, so that nothing needs to be stored to be told again.
//! Knows no meaning of what it decides.

/// One well-mixed number from another (the finaliser of splitmix64).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number decided by seed, subject and purpose.
pub(crate) fn hash(seed: u64, subject: u64, purpose: u64) -> u64 {
    mix(mix(seed.wrapping_add(subject.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
        .wrapping_add(purpose.wrapping_mul(0xD6E8_FEB8_6659_FD93)))
}

/// Whether a hashed number falls into the given share of all numbers.
pub(crate) fn within(hashed: u64, share: f64) -> bool {
    // 53 bits are what a double holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    let unit = (hashed >> 11) as f64 / (1_u64 << 53) as f64;
    unit < share
}

/// A stream of choices.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5851_F42D_4C95_7F2D))
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`; 0 when there is nothing to choose.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.roll() % bound }
    }

    pub(crate) fn chance(&mut self, share: f64) -> bool {
        within(self.roll(), share)
    }
}
