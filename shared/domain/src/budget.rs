//! The allowance of Marketo calls, shared by all functions of a deployment through one document.
//!
//! Marketo counts 100 calls in any 20 seconds over the whole subscription. Calls are taken in blocks for one-second slots and made in
//! that second or the next; no 23 consecutive slots hold more than the limit, so that a call that is late on the wire, too, still
//! meets an open window. The day's
//! calls are counted too, and the initial sync stops before the day is gone, so that changes still get through.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ports::{CallBudget, Chance, Clock, SyncState};
use crate::{Failure, FailureKind};

/// What the subscription may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Calls in 20 seconds.
    pub per_20_seconds: u32,
    /// Calls a day.
    pub per_day: u64,
}

impl Default for CallLimits {
    /// What Marketo sells by default.
    fn default() -> Self {
        Self { per_20_seconds: 100, per_day: 50_000 }
    }
}
/// One-second slots that are kept within the limit: 20, one because a block is good for two seconds, and one at each end for clocks and
/// wires that are not exact.
const WINDOW_SLOTS: i64 = 23;
/// Seconds after its slot in which a block may still be used.
const BLOCK_LIFE: i64 = 1;
/// What is left of a block when its time is over is lost, so blocks stay small.
const MAX_BLOCK: u32 = 5;
/// Calls that must be free for [`CallBudget::is_free`]: who is told so must not wait, though others take blocks before them.
const ROOM: u32 = 2 * MAX_BLOCK;
/// Longest wait for a call, seconds; then the caller keeps its place and ends.
const MAX_WAIT_SECONDS: i64 = 45;
/// Most tries against others who take at the same moment.
const MAX_SAVE_TRIES: u32 = 50;
/// Calls that the holder of the incremental pull's lease may make without asking, so that a pull that finds nothing need not write here:
/// two for each of its three streams. Nobody else gets them.
const ALLOWANCE: u32 = 6;
/// Seconds in which they have to be used.
const ALLOWANCE_LIFE: i64 = 15;
/// Least time between two allowances: no window may meet both.
pub const ALLOWANCE_EVERY: SignedDuration = SignedDuration::from_secs(ALLOWANCE_LIFE + WINDOW_SLOTS);
const KEY: &str = "call-budget";

/// For whom calls are taken, and so how much is left to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial sync: leaves a reserve of each window and of the day.
    InitialSync,
    /// Keeping up with changes, and what an operator asks for: may take all.
    Changes,
}

impl Purpose {
    fn per_window(self, limit: u32) -> u32 {
        match self {
            Self::InitialSync => limit.saturating_sub((limit / 10).max(ALLOWANCE)),
            Self::Changes => limit.saturating_sub(ALLOWANCE),
        }
    }

    /// A day's share in percent.
    fn percent_of_day(self) -> u64 {
        match self {
            Self::InitialSync => 80,
            Self::Changes => 95,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    /// Calls taken by second since 1970, the last [`WINDOW_SLOTS`] only.
    slots: BTreeMap<i64, u32>,
    /// Day in Central time, and calls taken in it.
    day: String,
    day_calls: u64,
    /// Marketo said that the day's calls are gone.
    parked_until: Option<Timestamp>,
}

/// Calls that this process may make until the end of a second.
#[derive(Debug, Default)]
struct Block {
    from: i64,
    until: i64,
    left: u32,
}

#[derive(Debug, Default)]
struct Blocks {
    allowance: Block,
    taken: Block,
    /// Calls of allowances that are not yet among the day's calls; they are added with the next block.
    uncounted: u64,
}

impl Block {
    fn usable(&self, now: i64) -> bool {
        self.left > 0 && (self.from..=self.until).contains(&now)
    }

    fn take(&mut self, now: i64) -> bool {
        let usable = self.usable(now);
        if usable {
            self.left -= 1;
        }
        usable
    }
}

/// The budget as one function sees it.
pub struct SharedBudget {
    state: Arc<dyn SyncState>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    purpose: Purpose,
    limits: CallLimits,
    blocks: Mutex<Blocks>,
    /// One caller at a time goes for a block; the others of this process wait for it.
    taking: futures_util::lock::Mutex<()>,
}

enum Next {
    Take { second: i64, calls: u32 },
    NotBefore(i64),
    DayGone,
}

impl SharedBudget {
    /// A view for one purpose.
    pub fn new(
        state: Arc<dyn SyncState>,
        clock: Arc<dyn Clock>,
        chance: Arc<dyn Chance>,
        purpose: Purpose,
        limits: CallLimits,
    ) -> Self {
        Self {
            state,
            clock,
            chance,
            purpose,
            limits,
            blocks: Mutex::default(),
            taking: futures_util::lock::Mutex::new(()),
        }
    }

    fn use_block(&self) -> bool {
        let now = self.clock.now().as_second();
        let Ok(mut blocks) = self.blocks.lock() else { return false };
        if blocks.taken.take(now) {
            return true;
        }
        let allowed = blocks.allowance.take(now);
        blocks.uncounted += u64::from(allowed);
        allowed
    }

    fn uncounted(&self) -> u64 {
        self.blocks.lock().map_or(0, |blocks| blocks.uncounted)
    }

    fn next(&self, taken: &mut Taken, now: Timestamp) -> Next {
        let second = now.as_second();
        let today = central_day(now);
        if taken.day != today {
            taken.day = today;
            taken.day_calls = 0;
        }
        if taken.day_calls >= self.limits.per_day * self.purpose.percent_of_day() / 100 {
            return Next::DayGone;
        }
        // A clock that is behind another function's must not count that one's calls as long past.
        taken.slots.retain(|slot, _| *slot > second - WINDOW_SLOTS);
        let used: u32 = taken.slots.values().sum();
        let free = self.purpose.per_window(self.limits.per_20_seconds).saturating_sub(used).min(MAX_BLOCK);
        if free > 0 {
            return Next::Take { second, calls: free };
        }
        let oldest = taken.slots.keys().next().copied().unwrap_or(second);
        Next::NotBefore(oldest + WINDOW_SLOTS)
    }

    async fn load(&self) -> Result<(Taken, Option<u64>), Failure> {
        let Some(document) = self.state.load(KEY).await? else { return Ok((Taken::default(), None)) };
        let taken = serde_json::from_value(document.value).map_err(|_| {
            Failure::new(
                FailureKind::CorruptState,
                format!("the stored document `{KEY}` is not in a form this program writes"),
            )
        })?;
        Ok((taken, Some(document.version)))
    }

    async fn save(&self, taken: &Taken, seen: Option<u64>) -> Result<(), Failure> {
        let value = serde_json::to_value(taken).map_err(|e| Failure::new(FailureKind::CorruptState, e.to_string()))?;
        self.state.save(KEY, &value, seen).await.map(drop)
    }

    fn share_gone(&self, until: Timestamp) -> Failure {
        let (percent, calls) = (self.purpose.percent_of_day(), self.limits.per_day);
        let text = format!(
            "{percent} % of the day's {calls} Marketo API calls (MARKETO_DAILY_CALLS) are used, which is all that this flow may use"
        );
        Failure::new(FailureKind::DailyCalls, text).with_until(until)
    }

    async fn jitter(&self) {
        let pause = Duration::from_millis(5 + self.chance.next_u64() % 50);
        self.clock.sleep(pause).await;
    }

    async fn take_block(&self) -> Result<(), Failure> {
        let deadline = self.clock.now().as_second() + MAX_WAIT_SECONDS;
        let mut conflicts = 0;
        loop {
            let (mut taken, seen) = self.load().await?;
            let now = self.clock.now();
            if let Some(until) = taken.parked_until.filter(|until| *until > now) {
                return Err(daily_calls_gone(until));
            }
            match self.next(&mut taken, now) {
                Next::DayGone => return Err(self.share_gone(next_central_midnight(now))),
                Next::NotBefore(second) if second > deadline => {
                    return Err(Failure::new(
                        FailureKind::RateLimited,
                        "no Marketo call is free within the wait allowed; others are using them",
                    ));
                }
                Next::NotBefore(second) => {
                    let pause = (second - now.as_second()).clamp(1, WINDOW_SLOTS).unsigned_abs();
                    self.clock.sleep(Duration::from_secs(pause)).await;
                }
                Next::Take { second, calls } => {
                    *taken.slots.entry(second).or_default() += calls;
                    let uncounted = self.uncounted();
                    taken.day_calls += u64::from(calls) + uncounted;
                    match self.save(&taken, seen).await {
                        Ok(()) => {
                            if let Ok(mut blocks) = self.blocks.lock() {
                                blocks.taken = Block { from: second, until: second + BLOCK_LIFE, left: calls };
                                blocks.uncounted -= uncounted.min(blocks.uncounted);
                            }
                            return Ok(());
                        }
                        Err(failure) if failure.kind == FailureKind::Conflict && conflicts < MAX_SAVE_TRIES => {
                            conflicts += 1;
                            self.jitter().await;
                        }
                        Err(failure) => return Err(failure),
                    }
                }
            }
        }
    }
}

#[async_trait]
impl CallBudget for SharedBudget {
    async fn take(&self) -> Result<(), Failure> {
        loop {
            if self.use_block() {
                return Ok(());
            }
            let _one = self.taking.lock().await;
            if self.use_block() {
                return Ok(());
            }
            self.take_block().await?;
        }
    }

    async fn is_free(&self) -> Result<bool, Failure> {
        let now = self.clock.now();
        let (mut taken, _) = self.load().await?;
        let parked = taken.parked_until.is_some_and(|until| until > now);
        let day_gone = matches!(self.next(&mut taken, now), Next::DayGone);
        let used: u32 = taken.slots.values().sum();
        Ok(!parked && !day_gone && used + ROOM <= self.purpose.per_window(self.limits.per_20_seconds))
    }

    fn allow(&self) {
        let from = self.clock.now().as_second();
        if let Ok(mut blocks) = self.blocks.lock() {
            blocks.allowance = Block { from, until: from + ALLOWANCE_LIFE, left: ALLOWANCE };
        }
    }

    async fn daily_calls_gone(&self, until: Timestamp) {
        if let Ok(mut blocks) = self.blocks.lock() {
            (blocks.taken, blocks.allowance) = (Block::default(), Block::default());
        }
        for _ in 0..MAX_SAVE_TRIES {
            let Ok((mut taken, seen)) = self.load().await else { return };
            taken.parked_until = Some(until);
            match self.save(&taken, seen).await {
                Err(failure) if failure.kind == FailureKind::Conflict => self.jitter().await,
                // Each function hears 607 from Marketo itself, should this not be kept.
                _ => return,
            }
        }
    }
}

/// Until when nobody may call, where the day's calls are gone.
///
/// # Errors
/// `Unavailable`.
pub async fn parked_until(state: &dyn SyncState) -> Result<Option<Timestamp>, Failure> {
    let taken = state.load(KEY).await?.and_then(|d| serde_json::from_value::<Taken>(d.value).ok());
    Ok(taken.and_then(|t| t.parked_until))
}

/// Calls that are left of the day, as far as they are counted here; others who use the subscription are not. Only reads.
///
/// # Errors
/// `Unavailable`.
pub async fn left_today(state: &dyn SyncState, limits: CallLimits, now: Timestamp) -> Result<u64, Failure> {
    let taken = state.load(KEY).await?.and_then(|d| serde_json::from_value::<Taken>(d.value).ok()).unwrap_or_default();
    if taken.parked_until.is_some_and(|until| now < until) {
        return Ok(0);
    }
    let today = if taken.day == central_day(now) { taken.day_calls } else { 0 };
    Ok(limits.per_day.saturating_sub(today))
}

fn daily_calls_gone(until: Timestamp) -> Failure {
    Failure::new(FailureKind::DailyCalls, "the day's Marketo API calls are used up").with_until(until)
}

/// When Marketo's daily limits reset next: midnight in Central Time. Its pages say "CST" without saying whether that moves in summer; the
/// zone with summer time is taken, and where that is wrong a caller who comes an hour early is told again.
#[must_use]
pub fn next_central_midnight(now: Timestamp) -> Timestamp {
    let midnight = now.to_zoned_datetime(central()).tomorrow().and_then(|day| day.start_of_day());
    midnight.map_or_else(|_| now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now), |day| day.timestamp())
}

fn central_day(now: Timestamp) -> String {
    now.to_zoned_datetime(central()).date().to_string()
}

fn central() -> TimeZone {
    TimeZone::get("America/Chicago").unwrap_or_else(|_| TimeZone::fixed(Offset::constant(-6)))
}
