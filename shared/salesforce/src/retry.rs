//! How often and after which pause a refused or lost request is repeated. Knows nothing of what is asked for.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use domain::ports::{Chance, Clock};
use domain::{Failure, FailureKind};

/// Most tries of one call; logins are counted apart.
const MAX_TRIES: u32 = 4;
/// Most tries when no connection can be made: an operator with a mistyped host should not wait long for the message.
const MAX_TRIES_UNREACHABLE: u32 = 3;
/// No try begins when requests and pauses together have taken this long.
const WINDOW: Duration = Duration::from_secs(65);

/// Whether a request that failed is worth repeating here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same request would fail the same way, or its remedy takes longer than a call should.
    Never,
    /// At once, in a new session.
    NewSession,
    /// After pauses of 1, 2, 4 s.
    Backoff,
}

/// A failed try.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// What the caller is told if this was the last try.
    pub failure: Failure,
    /// Whether there is another try.
    pub again: Again,
    /// Whether the request may have been carried out.
    pub carried_out: bool,
    /// How long the try took.
    pub took: Duration,
}

impl Trouble {
    pub fn new(failure: Failure, again: Again) -> Self {
        Self { failure, again, carried_out: false, took: Duration::ZERO }
    }

    /// A failure that ends the call.
    pub fn last(failure: Failure) -> Self {
        Self::new(failure, Again::Never)
    }

    /// One after which nobody knows whether the request was carried out.
    pub fn unknown(failure: Failure) -> Self {
        Self { carried_out: true, ..Self::new(failure, Again::Backoff) }
    }
}

/// The tries of one call.
pub(crate) struct Retries<'a> {
    clock: &'a dyn Clock,
    chance: &'a dyn Chance,
    tries: u32,
    spent: Duration,
    backoff: <ExponentialBuilder as BackoffBuilder>::Backoff,
}

impl<'a> Retries<'a> {
    pub fn new(clock: &'a dyn Clock, chance: &'a dyn Chance) -> Self {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(8));
        let backoff =
            ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().build();
        Self { clock, chance, tries: 0, spent: Duration::ZERO, backoff }
    }

    /// Waits for the next try, or gives the failure back when there is none.
    pub async fn wait(&mut self, trouble: Trouble) -> Result<(), Failure> {
        self.tries += 1;
        self.spent += trouble.took;
        let most = if trouble.failure.kind == FailureKind::Unreachable { MAX_TRIES_UNREACHABLE } else { MAX_TRIES };
        let pause = match trouble.again {
            Again::Never | Again::NewSession => None,
            Again::Backoff => self.backoff.next().map(|pause| pause + self.jitter(pause / 2)),
        };
        match pause {
            Some(pause) if self.tries < most && self.spent + pause <= WINDOW => {
                self.clock.sleep(pause).await;
                self.spent += pause;
                Ok(())
            }
            _ => Err(trouble.failure),
        }
    }

    /// Up to `most`, so that clients which were refused together do not come back together.
    fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64((self.chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
