//! A document that one holder at a time may change: lease, fencing token and state in one item, so that taking the lease, moving the
//! state and giving the lease back are two writes, and a holder who was replaced can change nothing any more.
//!
//! The document's version is the fencing token: each save is conditional on it. A paused holder wakes up with an old version, and its
//! save is refused. Knows nothing of what the state means.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ports::{Clock, SyncState};
use crate::{Failure, FailureKind};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Leased<T> {
    /// Shape of this document; raised when it changes in a way that older programs would misread.
    layout: u32,
    holder: Option<String>,
    /// Until when the holder may be trusted to be alive.
    held_until: Timestamp,
    state: T,
}

const LAYOUT: u32 = 1;

/// Longest that a holder goes on after the deadline it was given: for saving its place, and for what it was in the middle of. Whoever gives
/// deadlines sees to it that the holder is gone by then.
pub const GRACE: Duration = Duration::from_secs(20);
/// By how much the clocks of two machines may differ.
const SKEW: Duration = Duration::from_secs(10);

/// How long a lease lives without a sign of life.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    longest: Duration,
    ends: Option<Timestamp>,
}

impl Life {
    /// So long.
    #[must_use]
    pub fn of(longest: Duration) -> Self {
        Self { longest, ends: None }
    }

    /// So long, but not much longer than the holder itself, where it is given a deadline: a holder that was cut off in the middle then keeps
    /// nobody waiting. One that is only asleep, and wakes after its lease, can move nothing, and what it may still write is reckoned with.
    #[must_use]
    pub fn within(longest: Duration, deadline: Option<Timestamp>) -> Self {
        Self { longest, ends: deadline.and_then(|at| at.checked_add(GRACE + SKEW).ok()) }
    }

    /// Until when a lease lives that is taken or prolonged now.
    fn from(self, now: Timestamp) -> Timestamp {
        let longest = now.checked_add(self.longest).unwrap_or(now);
        self.ends.map_or(longest, |ends| ends.min(longest))
    }
}

/// A lease taken, with the state it guards.
pub struct Lease<'a, T> {
    store: &'a dyn SyncState,
    clock: &'a dyn Clock,
    key: &'static str,
    holder: String,
    life: Life,
    version: u64,
    /// Whether the last holder never gave it back: cut off, or paused, and then it may still write what it has read.
    pub taken_over: bool,
    /// The state; changes are kept by [`Lease::commit`] and [`Lease::release`].
    pub state: T,
}

/// Reads the state without taking the lease.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn peek<T: DeserializeOwned>(store: &dyn SyncState, key: &str) -> Result<Option<T>, Failure> {
    Ok(load::<T>(store, key).await?.map(|(leased, _)| leased.state))
}

/// Takes the lease; `None` when somebody else holds it.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn take<'a, T>(
    store: &'a dyn SyncState,
    clock: &'a dyn Clock,
    key: &'static str,
    holder: &str,
    life: Life,
) -> Result<Option<Lease<'a, T>>, Failure>
where
    T: Serialize + DeserializeOwned + Default,
{
    let (state, seen, taken_over) = match load::<T>(store, key).await? {
        Some((leased, _)) if leased.holder.is_some() && leased.held_until > clock.now() => return Ok(None),
        Some((leased, version)) => (leased.state, Some(version), leased.holder.is_some()),
        None => (T::default(), None, false),
    };
    let mut lease = Lease { store, clock, key, holder: holder.to_owned(), life, version: 0, taken_over, state };
    match lease.save(seen, true).await {
        Ok(()) => Ok(Some(lease)),
        Err(failure) if failure.kind == FailureKind::Conflict => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Replaces the state of a document that nobody holds, where it is still the one that was seen: one write, for a caller who found nothing to do and
/// keeps only that. Gives whether it was.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn replace<T>(
    store: &dyn SyncState,
    clock: &dyn Clock,
    key: &'static str,
    seen: &T,
    state: T,
) -> Result<bool, Failure>
where
    T: Serialize + DeserializeOwned + Default + PartialEq,
{
    let version = match load::<T>(store, key).await? {
        Some((leased, _)) if leased.holder.is_some() && leased.held_until > clock.now() => return Ok(false),
        Some((leased, version)) if leased.state == *seen => Some(version),
        None if T::default() == *seen => None,
        _ => return Ok(false),
    };
    let life = Life::of(Duration::ZERO);
    let mut lease = Lease { store, clock, key, holder: String::new(), life, version: 0, taken_over: false, state };
    match lease.save(version, false).await {
        Ok(()) => Ok(true),
        Err(failure) if failure.kind == FailureKind::Conflict => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Ends any lease on the document. Only for a caller who knows that no holder is alive, such as the program that alone owns the store.
///
/// # Errors
/// `Unavailable`, `CorruptState`.
pub async fn break_lease(store: &dyn SyncState, key: &str) -> Result<(), Failure> {
    let Some((mut leased, version)) = load::<serde_json::Value>(store, key).await? else { return Ok(()) };
    if leased.holder.take().is_none() {
        return Ok(());
    }
    store.save(key, &to_value(&leased)?, Some(version)).await.map(drop)
}

impl<T: Serialize> Lease<'_, T> {
    /// Until when nobody else can hold the lease, were it prolonged now.
    #[must_use]
    pub fn held_until(&self) -> Timestamp {
        self.life.from(self.clock.now())
    }

    /// Saves the state and prolongs the lease.
    ///
    /// # Errors
    /// `Conflict` when the lease was lost; everything decided under it must be left alone.
    pub async fn commit(&mut self) -> Result<(), Failure> {
        self.save(Some(self.version), true).await
    }

    /// Saves the state and gives the lease back.
    ///
    /// # Errors
    /// As for [`Self::commit`].
    pub async fn release(mut self) -> Result<(), Failure> {
        self.save(Some(self.version), false).await
    }

    async fn save(&mut self, seen: Option<u64>, hold: bool) -> Result<(), Failure> {
        let leased = Leased {
            layout: LAYOUT,
            holder: hold.then(|| self.holder.clone()),
            held_until: self.life.from(self.clock.now()),
            state: &self.state,
        };
        let value = to_value(&leased)?;
        self.version = match self.store.save(self.key, &value, seen).await {
            // A save whose answer was lost may have happened; one that is repeated below us conflicts with itself then.
            Err(failure) if matches!(failure.kind, FailureKind::Conflict | FailureKind::Unavailable) => {
                self.own_save(&value, seen).await.ok().flatten().ok_or(failure)?
            }
            other => other?,
        };
        Ok(())
    }

    /// The version of the stored document, if it is the very one that we meant to save.
    async fn own_save(&self, value: &serde_json::Value, seen: Option<u64>) -> Result<Option<u64>, Failure> {
        let stored = self.store.load(self.key).await?;
        let own = stored.filter(|d| d.version == seen.unwrap_or(0) + 1 && d.value == *value);
        Ok(own.map(|d| d.version))
    }
}

async fn load<T: DeserializeOwned>(store: &dyn SyncState, key: &str) -> Result<Option<(Leased<T>, u64)>, Failure> {
    let Some(document) = store.load(key).await? else { return Ok(None) };
    let leased: Leased<T> = serde_json::from_value(document.value).map_err(|_| {
        Failure::new(
            FailureKind::CorruptState,
            format!("the stored document `{key}` is not in a form this program writes"),
        )
    })?;
    if leased.layout != LAYOUT {
        return Err(Failure::new(
            FailureKind::CorruptState,
            format!(
                "the stored document `{key}` has layout {}, and this program knows {LAYOUT}; use the program that wrote it",
                leased.layout
            ),
        ));
    }
    Ok(Some((leased, document.version)))
}

fn to_value<T: Serialize>(value: &T) -> Result<serde_json::Value, Failure> {
    serde_json::to_value(value)
        .map_err(|e| Failure::new(FailureKind::CorruptState, format!("cannot write the document: {e}")))
}
