//! How often and after which pause a refused or lost request is repeated. Knows nothing of what is asked for.
//!
//! Nearly everything that this client sends is safe to repeat: reads change nothing, an export job made twice leaves an idle one, queueing
//! and cancelling twice are one. What is not is repeated only where a failure says that it was not carried out.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBuilder};
use domain::ports::{Chance, Clock};
use domain::{Failure, FailureKind};
use jiff::SignedDuration;

/// Most tries of one call; new tokens are counted apart.
pub(crate) const MAX_TRIES: u32 = 5;
/// Most tries when no connection can be made: an operator with a mistyped host should not wait long for the message.
const MAX_TRIES_UNREACHABLE: u32 = 3;
/// No try begins when requests and pauses together have taken this long: one request that was lost to its time-out of 60 s is
/// repeated once.
const WINDOW: Duration = Duration::from_secs(65);

/// Whether a request that failed is worth repeating here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// The same request would fail the same way, or its remedy takes longer than a call should.
    Never,
    /// At once, with a new token.
    NewToken,
    /// After pauses of 1, 2, 4, 8 s.
    Backoff,
    /// After pauses that empty the window of 20 s over which Marketo counts calls.
    RateWindow,
    /// After short pauses: another request has to end.
    Busy,
}

/// Whether a request that failed was carried out all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CarriedOut {
    /// It was not, for certain.
    No,
    /// It may have been, or may be yet.
    Maybe,
}

/// A failed try.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    /// What the caller is told if this was the last try.
    pub failure: Failure,
    /// Whether there is another try.
    pub again: Again,
    /// What matters of it for a request that must not be carried out twice.
    pub carried_out: CarriedOut,
    /// What the `Retry-After` header asked for.
    pub retry_after: Option<Duration>,
    /// How long the try took.
    pub took: Duration,
}

impl Trouble {
    pub fn new(failure: Failure, again: Again) -> Self {
        Self { failure, again, carried_out: CarriedOut::Maybe, retry_after: None, took: Duration::ZERO }
    }

    /// A failure that ends the call.
    pub fn last(failure: Failure) -> Self {
        Self::new(failure, Again::Never)
    }

    /// The same of a request that was certainly not carried out.
    pub fn in_vain(self) -> Self {
        Self { carried_out: CarriedOut::No, ..self }
    }
}

/// The tries of one call.
pub(crate) struct Retries<'a> {
    clock: &'a dyn Clock,
    chance: &'a dyn Chance,
    tries: u32,
    spent: Duration,
    backoff: <ExponentialBuilder as BackoffBuilder>::Backoff,
    busy: <ExponentialBuilder as BackoffBuilder>::Backoff,
    rate_window: <ConstantBuilder as BackoffBuilder>::Backoff,
}

impl<'a> Retries<'a> {
    pub fn new(clock: &'a dyn Clock, chance: &'a dyn Chance) -> Self {
        let exponential = |first: Duration, longest: Duration| {
            ExponentialBuilder::new().with_min_delay(first).with_max_delay(longest).without_max_times().build()
        };
        Self {
            clock,
            chance,
            tries: 0,
            spent: Duration::ZERO,
            backoff: exponential(Duration::from_secs(1), Duration::from_secs(8)),
            busy: exponential(Duration::from_millis(250), Duration::from_secs(2)),
            rate_window: ConstantBuilder::new().with_delay(Duration::from_secs(4)).without_max_times().build(),
        }
    }

    /// Waits for the next try, or gives the trouble back when there is none.
    pub async fn wait(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        self.tries += 1;
        self.spent += trouble.took;
        let most = if trouble.failure.kind == FailureKind::Unreachable { MAX_TRIES_UNREACHABLE } else { MAX_TRIES };
        let planned = match trouble.again {
            Again::Never | Again::NewToken => None,
            Again::Backoff => self.backoff.next().map(|pause| pause + self.jitter(pause / 2)),
            Again::RateWindow => self.rate_window.next().map(|pause| pause + self.jitter(Duration::from_secs(1))),
            Again::Busy => self.busy.next().map(|pause| pause + self.jitter(pause)),
        };
        let asked = trouble.retry_after.unwrap_or_default();
        let pause = planned.map(|pause| pause.max(asked));
        match pause {
            Some(pause) if self.tries < most && self.spent + pause <= WINDOW => {
                self.clock.sleep(pause).await;
                self.spent += pause;
                Ok(())
            }
            _ => Err(Trouble { failure: self.told_when(trouble.failure, asked), ..trouble }),
        }
    }

    /// A vendor who names a time is quoted, unless a limit already says when it resets.
    fn told_when(&self, failure: Failure, asked: Duration) -> Failure {
        if asked.is_zero() || failure.until.is_some() {
            return failure;
        }
        let until = SignedDuration::try_from(asked).ok().and_then(|asked| self.clock.now().checked_add(asked).ok());
        until.map_or(failure.clone(), |until| failure.with_until(until))
    }

    /// Up to `most`, so that clients which were refused together do not come back together.
    fn jitter(&self, most: Duration) -> Duration {
        most.mul_f64((self.chance.next_u64() >> 11) as f64 / (1_u64 << 53) as f64)
    }
}
