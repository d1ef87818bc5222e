//! People who were merged in Marketo: whoever is left has said no if one of them had. Told by the pull before it writes that somebody was
//! merged away, so that a pull which is cut off does it again, and one that reads the same merge later does not.

use std::collections::BTreeMap;

use super::entry::{Event, MarketoMark, Source};
use super::register::{self, Said};
use super::{Address, OptOut};
use crate::Failure;
use crate::people::{Field, MarketoId, PersonRow, Status};
use crate::ports::{Clock, OptOutRegister, PeopleTable};

/// Longest chain of merges that is followed.
const MAX_MERGES: usize = 8;

/// Opts out the addresses of survivors whose losers' addresses said no. `survivors` are those of the losers; `fresh` gives the address of
/// somebody as Marketo has it now.
///
/// # Errors
/// Those of both tables.
pub async fn merged(
    register: &dyn OptOutRegister,
    people: &dyn PeopleTable,
    clock: &dyn Clock,
    survivors: &BTreeMap<MarketoId, MarketoId>,
    fresh: impl Fn(MarketoId) -> Option<String>,
) -> Result<(), Failure> {
    if survivors.is_empty() {
        return Ok(());
    }
    let ids: Vec<MarketoId> = survivors.keys().chain(survivors.values()).copied().collect();
    let mut rows: BTreeMap<MarketoId, PersonRow> = BTreeMap::new();
    for some in ids.chunks(crate::ports::MAX_IDS_PER_CALL) {
        rows.extend(people.get(some).await?.into_iter().map(|row| (row.id, row)));
    }
    let stored = |id: &MarketoId| rows.get(id).and_then(|row| row.fields.get(Field::Email)).and_then(Address::of);
    let theirs = |id: &MarketoId| fresh(*id).as_deref().and_then(Address::of).or_else(|| stored(id));
    // Told before: the same merge is read again some minutes later.
    let news = survivors.keys().filter(|loser| rows.get(loser).is_some_and(|row| row.status != Status::Merged));
    let pairs: Vec<(Address, Address)> = news
        .filter_map(|loser| Some((loser, stored(loser)?)))
        .flat_map(|(loser, from)| after(survivors, *loser).filter_map(move |next| Some((from.clone(), theirs(&next)?))))
        .filter(|(from, to)| from != to)
        .collect();
    let entries = register::read(register, pairs.iter().map(|(from, _)| from.clone())).await?;
    let said: Vec<Said> = pairs
        .iter()
        .filter_map(|(from, to)| {
            let event = inherited(entries.get(from)?, clock)?;
            Some(Said { address: to.clone(), event, message: None })
        })
        .collect();
    register::add(register, &said).await?;
    inherit_marks(register, &pairs, &entries).await
}

/// What Marketo said no to of those who are gone, it said of whoever is left.
async fn inherit_marks(
    register: &dyn OptOutRegister,
    pairs: &[(Address, Address)],
    entries: &BTreeMap<Address, OptOut>,
) -> Result<(), Failure> {
    let marks: BTreeMap<&Address, &MarketoMark> =
        pairs.iter().filter_map(|(from, to)| Some((to, entries.get(from)?.marketo.as_ref()?))).collect();
    let addresses = marks.keys().map(|address| (*address).clone()).collect();
    register::alter(register, addresses, |entry| {
        let Some(mark) = marks.get(&entry.address).filter(|_| entry.marketo.is_none()) else { return false };
        entry.marketo = Some((*mark).clone());
        true
    })
    .await
    .map(drop)
}

/// Who is left of a person, through all merges that are told of together.
fn after(survivors: &BTreeMap<MarketoId, MarketoId>, loser: MarketoId) -> impl Iterator<Item = MarketoId> + use<'_> {
    std::iter::successors(survivors.get(&loser), |next| survivors.get(next)).take(MAX_MERGES).copied()
}

fn inherited(entry: &OptOut, clock: &dyn Clock) -> Option<Event> {
    let source = entry.decisive().filter(|_| entry.opted_out).map_or(Source::Manual, |event| event.source);
    let reason = Some("merged in Marketo with somebody who had opted out".to_owned());
    entry.opted_out.then(|| Event { at: clock.now(), opted_out: true, source, reason, by: None })
}
