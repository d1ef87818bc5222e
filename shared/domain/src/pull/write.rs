//! Reads the changed people again in full and writes what was seen of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::streams::Changes;
use crate::Failure;
use crate::people::{
    Field, FieldPlan, MarketoId, Observation, Observed, Person, Seen, SeenOpportunity, Status, WriteCounts, apply,
};
use crate::ports::{MAX_IDS_PER_CALL, OptOutRegister, PeoplePorts};
use crate::{opportunities, opt_outs};

/// Writes everything that one pass of the streams told of; gives what was written and how many people were read.
///
/// # Errors
/// The first failure; a repeat of the pass finds what was written unchanged.
pub async fn write(
    ports: &PeoplePorts,
    opt_outs: &dyn OptOutRegister,
    plan: &FieldPlan,
    changes: Changes,
    older_data_may_follow: bool,
) -> Result<(WriteCounts, u64), Failure> {
    // Gone is gone: nothing asked for before this moment can tell otherwise, so the tombstones carry the time after the answers.
    let gone_as_of = ports.marketo.now();
    let gone = changes
        .deleted
        .iter()
        .filter(|id| !changes.merged.contains_key(id))
        .map(|id| (*id, Observation::Deleted))
        .chain(changes.merged.iter().map(|(loser, into)| (*loser, Observation::Merged(*into))));
    let mut seen: Vec<Seen> = gone
        .map(|(id, what)| Seen {
            person: Observed { id, as_of: gone_as_of, changed_at: None, older_data_may_follow, what },
            opportunity: None,
        })
        .collect();
    let to_read = changes.to_read();
    let read = to_read.len() as u64;
    for chunk in to_read.chunks(MAX_IDS_PER_CALL) {
        seen.extend(read_chunk(ports, plan, chunk, &changes, older_data_may_follow).await?);
    }
    add_opportunities(ports, &mut seen, &changes).await?;
    let address = |id: MarketoId| seen.iter().find_map(|seen| address_of(seen, id));
    opt_outs::merged(opt_outs, &*ports.people, &*ports.clock, &changes.merged, address).await?;
    Ok((apply(&*ports.people, seen, false).await?, read))
}

/// The address of this person, where that is who was read.
fn address_of(seen: &Seen, id: MarketoId) -> Option<String> {
    match &seen.person.what {
        Observation::Read(person) if seen.person.id == id => person.fields.get(Field::Email).map(str::to_owned),
        _ => None,
    }
}

async fn read_chunk(
    ports: &PeoplePorts,
    plan: &FieldPlan,
    chunk: &[(MarketoId, Timestamp)],
    changes: &Changes,
    older_data_may_follow: bool,
) -> Result<Vec<Seen>, Failure> {
    let ids: Vec<MarketoId> = chunk.iter().map(|(id, _)| *id).collect();
    let as_of = ports.marketo.now();
    let records = ports.marketo.people_by_ids(&ids, plan.names()).await?;
    let mut people: HashMap<MarketoId, Person> = records.iter().map(|r| (r.id, plan.person(r))).collect();
    let seen = chunk.iter().filter_map(|(id, changed_at)| {
        let what = match people.remove(id) {
            Some(person) => Observation::Read(person),
            // Moved to a partition that this API user cannot see: to us, that person is not synced any more.
            None if changes.moved.contains(id) => Observation::OutOfSight,
            // Not there: its deletion or merge is in the log, and if it is not visible yet, the overlap will find it.
            None => return None,
        };
        let person = Observed { id: *id, as_of, changed_at: Some(*changed_at), older_data_may_follow, what };
        Some(Seen { person, opportunity: None })
    });
    Ok(seen.collect())
}

/// Reads the opportunity roles of those who need it: their opportunities changed, or they were not stored as active before.
async fn add_opportunities(ports: &PeoplePorts, seen: &mut [Seen], changes: &Changes) -> Result<(), Failure> {
    let qualifying: Vec<MarketoId> = seen
        .iter()
        .filter(|s| matches!(&s.person.what, Observation::Read(person) if person.qualifies))
        .map(|s| s.person.id)
        .collect();
    if qualifying.is_empty() {
        return Ok(());
    }
    let rows = ports.people.get(&qualifying).await?;
    let known: HashSet<MarketoId> = rows.iter().filter(|r| r.status == Status::Active).map(|r| r.id).collect();
    let wanted: Vec<MarketoId> =
        qualifying.into_iter().filter(|id| changes.opportunities.contains_key(id) || !known.contains(id)).collect();
    let mut opportunities: BTreeMap<MarketoId, SeenOpportunity> = BTreeMap::new();
    for chunk in wanted.chunks(MAX_IDS_PER_CALL) {
        opportunities.extend(opportunities::read(ports, chunk, &changes.opportunities).await?);
    }
    for one in seen {
        one.opportunity = opportunities.remove(&one.person.id);
    }
    Ok(())
}
