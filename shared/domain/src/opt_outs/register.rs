//! Changes of the register: read, alter, write on condition that the entry is still the one read, and go round again for those that somebody
//! else changed meanwhile. Decides nothing about what is altered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Address, Event, OptOut, Source};
use crate::ports::{Clock, OptOutRegister, OptOutWrite, PutOutcome};
use crate::{Failure, FailureKind};

/// Rounds against other writers of the same entries.
const MAX_ROUNDS: usize = 20;
/// Entries altered at a time.
const AT_ONCE: usize = 500;

/// An opt-out to be taken into the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Which address.
    pub address: Address,
    /// What it said.
    pub event: Event,
    /// Id of the message by which it came, which may come again.
    pub message: Option<String>,
}

/// What became of some opt-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Added {
    /// Addresses that had not said no before.
    pub new: u64,
    /// Addresses that had.
    pub known: u64,
}

/// Takes opt-outs in. The same once more changes nothing.
///
/// # Errors
/// Those of the register; a repeat does no harm.
pub async fn add(register: &dyn OptOutRegister, said: &[Said]) -> Result<Added, Failure> {
    let mut by_address: BTreeMap<&Address, Vec<&Said>> = BTreeMap::new();
    for one in said {
        by_address.entry(&one.address).or_default().push(one);
    }
    let addresses = by_address.keys().map(|address| (*address).clone()).collect();
    let mut added = Added::default();
    let mut new = BTreeSet::new();
    alter(register, addresses, |entry| {
        let before = entry.clone();
        for said in by_address.get(&entry.address).into_iter().flatten() {
            entry.opt_out(said.event.clone(), said.message.as_deref());
        }
        // Decided anew in each round; the last one counts.
        if entry.opted_out && !before.opted_out {
            new.insert(entry.address.clone());
        } else {
            new.remove(&entry.address);
        }
        *entry != before
    })
    .await?;
    added.new = new.len() as u64;
    added.known = by_address.len() as u64 - added.new;
    Ok(added)
}

/// The event of an opt-out.
#[must_use]
pub fn event(clock: &dyn Clock, source: Source, reason: Option<String>, by: Option<String>) -> Event {
    let text = |text: Option<String>| text.map(super::message::cut).filter(|text| !text.is_empty());
    Event { at: clock.now(), opted_out: true, source, reason: text(reason), by: text(by) }
}

/// The entries of some addresses; one of which nothing is known is absent.
///
/// # Errors
/// Those of the register.
pub async fn read(
    register: &dyn OptOutRegister,
    addresses: impl IntoIterator<Item = Address>,
) -> Result<BTreeMap<Address, OptOut>, Failure> {
    let addresses: Vec<Address> = addresses.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeMap::new();
    for some in addresses.chunks(AT_ONCE) {
        found.extend(register.get(some).await?.into_iter().map(|entry| (entry.address.clone(), entry)));
    }
    Ok(found)
}

/// Alters the entries of some addresses; `change` says whether it changed anything, and may be asked again for an entry that somebody else
/// wrote meanwhile. Gives how many entries were written.
///
/// # Errors
/// Those of the register; `Conflict` when others do not stop writing.
pub async fn alter(
    register: &dyn OptOutRegister,
    addresses: Vec<Address>,
    mut change: impl FnMut(&mut OptOut) -> bool + Send,
) -> Result<u64, Failure> {
    let mut written = 0;
    for some in addresses.chunks(AT_ONCE) {
        let mut left = some.to_vec();
        for _ in 0..MAX_ROUNDS {
            if left.is_empty() {
                break;
            }
            let mut stored: BTreeMap<Address, OptOut> = read(register, left.iter().cloned()).await?;
            let mut writes = Vec::new();
            for address in left {
                let found = stored.remove(&address);
                let seen = found.as_ref().map(|entry| entry.rev);
                let mut entry = found.unwrap_or_else(|| OptOut::unknown(address));
                if change(&mut entry) {
                    writes.push(OptOutWrite { entry, seen });
                }
            }
            let asked: Vec<Address> = writes.iter().map(|write| write.entry.address.clone()).collect();
            let outcomes = if writes.is_empty() { Vec::new() } else { register.put(writes).await? };
            let count = asked.len();
            left =
                asked.into_iter().zip(outcomes).filter(|(_, o)| *o == PutOutcome::Conflict).map(|(a, _)| a).collect();
            written += (count - left.len()) as u64;
        }
        if !left.is_empty() {
            let text = "entries of the register of opt-outs are being changed by others all the time";
            return Err(Failure::new(FailureKind::Conflict, text));
        }
    }
    Ok(written)
}

/// Every entry that ever said no, and those about which Marketo did, page by page.
///
/// # Errors
/// Those of the register, and of `each`.
pub async fn for_each(
    register: &dyn OptOutRegister,
    mut each: impl FnMut(OptOut) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut from = None;
    loop {
        let (entries, next) = register.scan(from.as_ref()).await?;
        for entry in entries {
            each(entry)?;
        }
        from = next;
        if from.is_none() {
            return Ok(());
        }
    }
}

/// When an opt-out becomes due that nobody has looked into yet.
#[must_use]
pub fn is_due(entry: &OptOut, now: Timestamp) -> bool {
    matches!(entry.push, super::Push::Due { at, .. } if at <= now)
}
