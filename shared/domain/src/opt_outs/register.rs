//! Changes of the register. Decides nothing about what is altered.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::{Address, Event, OptOut, Source};
use crate::Failure;
use crate::kept::{self, Kept};
use crate::ports::{Clock, OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};

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
    kept::read(&Register(register), addresses).await
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
    kept::alter(&Register(register), addresses, |address, entry| {
        let mut entry = entry.unwrap_or_else(|| OptOut::unknown(address.clone()));
        change(&mut entry).then_some(entry)
    })
    .await
}

/// Every entry that ever said no, and those about which Marketo did, page by page.
///
/// # Errors
/// Those of the register, and of `each`.
pub async fn for_each(
    register: &dyn OptOutRegister,
    each: impl FnMut(OptOut) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    kept::for_each(&Register(register), each).await
}

/// Every place of a shelf.
///
/// # Errors
/// Those of the register.
pub(super) async fn places(register: &dyn OptOutRegister, shelf: Shelf) -> Result<Vec<ShelvedAddress>, Failure> {
    kept::places(&Register(register), shelf).await
}

/// For how long the address that is due longest has been due.
///
/// # Errors
/// Those of the register.
pub async fn lag(register: &dyn OptOutRegister, now: Timestamp) -> Result<SignedDuration, Failure> {
    kept::lag(&Register(register), now).await
}

struct Register<'a>(&'a dyn OptOutRegister);

#[async_trait]
impl Kept for Register<'_> {
    type Key = Address;
    type Thing = OptOut;
    type Place = ShelvedAddress;

    fn key(entry: &OptOut) -> Address {
        entry.address.clone()
    }

    fn rev(entry: &OptOut) -> u64 {
        entry.rev
    }

    fn since(place: &ShelvedAddress) -> Timestamp {
        place.at
    }

    async fn read(&self, addresses: &[Address]) -> Result<Vec<OptOut>, Failure> {
        self.0.get(addresses).await
    }

    async fn write(&self, entries: Vec<(OptOut, Option<u64>)>) -> Result<Vec<PutOutcome>, Failure> {
        self.0.put(entries.into_iter().map(|(entry, seen)| OptOutWrite { entry, seen }).collect()).await
    }

    async fn shelf(
        &self,
        shelf: Shelf,
        until: Timestamp,
        from: Option<&ShelvedAddress>,
        limit: usize,
    ) -> Result<Vec<ShelvedAddress>, Failure> {
        self.0.shelf(shelf, until, from, limit).await
    }

    async fn scan(&self, from: Option<&Address>) -> Result<(Vec<OptOut>, Option<Address>), Failure> {
        self.0.scan(from).await
    }
}
