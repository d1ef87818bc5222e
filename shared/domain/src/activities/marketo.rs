//! Logs due activities in Marketo. Marketo knows no key by which it would recognise a repeat, so what is about to be sent is written down
//! first, and looked for in Marketo where no answer came.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::desk::{self, FlyingRecord, Held, InFlight, Work};
use super::entry::{Destination, Entry, Progress};
use super::marketo_types::{self, ID_ATTRIBUTE, ID_ATTRIBUTE_NAME, TypeLayout};
use super::message::{Activity, ActivityId};
use super::people::{self, NoPerson};
use super::provision;
use crate::ports::{
    ActivitySearch, Added, LogPorts, MAX_ACTIVITIES_PER_CALL, MAX_ADDED_BYTES, MAX_PEOPLE_PER_SEARCH, NewActivity, Sent,
};
use crate::settings::{self, LogSettings};
use crate::{Failure, FailureKind, Trouble};

/// How long after the last moment of sending a request is surely carried out or not, and its records shown: Marketo's own limit for this
/// call is 90 seconds.
pub const SETTLE: Duration = Duration::from_secs(120);
/// Longest between writing down what is to be sent, and sending it.
const SEND_WITHIN: Duration = Duration::from_secs(20);
/// Activities are looked for from so long before they were sent, if not from the first of them on: a record that is dated later than Marketo's
/// clock stands in its log where it came in, and that clock and ours may differ by some minutes.
const BEFORE_SENT: SignedDuration = SignedDuration::from_mins(15);
/// And from so long before the first of them: dates are kept in whole seconds.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);
/// Bytes of a record besides its values: names, braces, quotes.
const RECORD_BYTES: usize = 200;
/// The same of a value.
const VALUE_BYTES: usize = 50;

const HERE: Destination = Destination::Marketo;

/// An entry with its record.
struct Ready {
    entry: Entry,
    record: NewActivity,
}

/// Logs what is due in Marketo, until nothing is, or time is over. `hints` are ids just taken in. `settle` is how long to wait before
/// looking for records whose answer never came, [`SETTLE`] where the far side is Marketo.
///
/// # Errors
/// Those of our own store, and `Conflict` when the desk was lost to another worker. What Marketo refuses is in the [`Work`].
pub async fn log_to_marketo(
    ports: &LogPorts,
    hints: &[ActivityId],
    settle: Duration,
    deadline: Option<Timestamp>,
) -> Result<Work, Failure> {
    if let Some(idle) = desk::is_idle(ports, HERE, hints).await? {
        return Ok(idle);
    }
    let settings = settings::load(&*ports.state).await?.log()?;
    let Some(mut held) = Held::take(ports, HERE, deadline).await? else {
        return Ok(Work { busy: true, ..Work::default() });
    };
    let mut types = None;
    while held.has_time() {
        if !settle_flight(ports, &mut held, settle).await? {
            break;
        }
        let entries = held.next(hints, MAX_ACTIVITIES_PER_CALL).await?;
        if entries.is_empty() {
            break;
        }
        let ready = prepare(ports, &mut held, entries, &settings).await?;
        if settings.dry_run {
            held.work.planned += ready.len() as u64;
            break;
        }
        let Some(ready) = with_types(ports, &mut held, ready, &mut types, settings.types).await? else { break };
        if !ready.is_empty() && !send(ports, &mut held, ready).await? {
            break;
        }
    }
    held.release().await
}

/// Settles what can be settled without Marketo, and makes records of the rest; their type is not known yet.
async fn prepare(
    ports: &LogPorts,
    held: &mut Held<'_>,
    entries: Vec<Entry>,
    settings: &LogSettings,
) -> Result<Vec<Ready>, Failure> {
    let now = ports.clock.now();
    let mut moves = Vec::new();
    let mut wanted = Vec::new();
    for entry in entries {
        match settings.skipped(HERE, entry.activity.what.kind()) {
            Some(why) => moves.push((entry, Progress::Skipped { why })),
            None => wanted.push(entry),
        }
    }
    let people = people::resolve(&*ports.people, &wanted).await?;
    let originals = originals(ports, &wanted).await?;
    let mut ready = Vec::new();
    let mut bytes = 0;
    for entry in wanted {
        let progress = entry.at(HERE);
        match people.get(entry.id()) {
            Some(Ok(person)) => {
                let original = entry.activity.what.original().and_then(|id| originals.get(id));
                let record = marketo_types::record(&entry.activity, original, person.id, settings.types, 0);
                bytes += size(&record);
                // What does not fit any more is the next batch's.
                if bytes <= MAX_ADDED_BYTES {
                    ready.push(Ready { entry, record });
                }
            }
            Some(Err(NoPerson::Deleted(trouble))) => {
                let progress = progress.rejected(now, trouble.clone());
                moves.push((entry, progress));
            }
            Some(Err(NoPerson::Unknown(trouble))) => {
                let progress = progress.later(now, trouble.clone());
                moves.push((entry, progress));
            }
            None => {}
        }
    }
    if !settings.dry_run {
        held.advance(moves).await?;
    }
    Ok(ready)
}

/// The emails that activities are about, as far as they are known here.
async fn originals(ports: &LogPorts, entries: &[Entry]) -> Result<HashMap<ActivityId, Activity>, Failure> {
    let ids: BTreeSet<_> = entries.iter().filter_map(|entry| entry.activity.what.original().cloned()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let found = ports.ledger.get(&ids.into_iter().collect::<Vec<_>>()).await?;
    Ok(found.into_iter().map(|entry| (entry.id().clone(), entry.activity)).collect())
}

/// About so many bytes of JSON: each character that has to be escaped counted as six.
fn size(record: &NewActivity) -> usize {
    let bytes =
        |value: &str| value.len() + 5 * value.bytes().filter(|b| *b < 0x20 || matches!(b, b'"' | b'\\')).count();
    let values: usize = record.attributes.iter().map(|(_, value)| bytes(value) + VALUE_BYTES).sum();
    RECORD_BYTES + bytes(&record.primary) + values
}

/// Gives each record its type; `None` when the types are not there, and the desk is closed.
async fn with_types(
    ports: &LogPorts,
    held: &mut Held<'_>,
    mut ready: Vec<Ready>,
    types: &mut Option<BTreeMap<&'static str, i64>>,
    layout: TypeLayout,
) -> Result<Option<Vec<Ready>>, Failure> {
    if types.is_none() {
        match provision::type_ids(&*ports.marketo, layout).await {
            Ok(found) => *types = Some(found),
            Err(failure) => {
                held.close(&failure);
                return Ok(None);
            }
        }
    }
    let ids = types.get_or_insert_default();
    for Ready { entry, record } in &mut ready {
        let spec = layout.spec(entry.activity.what.kind());
        record.type_id = ids.get(spec.api_name).copied().unwrap_or_default();
    }
    Ok(Some(ready))
}

/// Writes down what is about to be sent, sends it, and notes the answers. Whether to go on.
async fn send(ports: &LogPorts, held: &mut Held<'_>, ready: Vec<Ready>) -> Result<bool, Failure> {
    let within = ports.clock.now().checked_add(SEND_WITHIN).unwrap_or(Timestamp::MAX);
    let not_after = within.min(held.may_write_until());
    let flying = |Ready { entry, record }: &Ready| FlyingRecord {
        id: entry.id().clone(),
        person: record.person,
        kind: record.type_id,
        at: record.at,
    };
    held.desk().in_flight = Some(InFlight { records: ready.iter().map(flying).collect(), not_after });
    held.commit().await?;
    let (entries, records): (Vec<Entry>, Vec<NewActivity>) = ready.into_iter().map(|r| (r.entry, r.record)).unzip();
    let failure = match ports.marketo.add_activities(&records, not_after).await {
        Sent::Answered(rows) => {
            held.answered();
            let now = ports.clock.now();
            let moves = entries.into_iter().zip(rows).map(|(entry, row)| {
                let progress = after(entry.at(HERE), row, now);
                (entry, progress)
            });
            held.advance(moves.collect()).await?;
            held.desk().in_flight = None;
            return Ok(true);
        }
        Sent::NotCarriedOut(failure) => {
            held.desk().in_flight = None;
            failure
        }
        Sent::Unknown(failure) => {
            let now = ports.clock.now();
            if let Some(in_flight) = &mut held.desk().in_flight {
                in_flight.not_after = in_flight.not_after.min(now);
            }
            failure
        }
    };
    held.close(&failure);
    Ok(false)
}

/// What follows Marketo's answer about one record.
fn after(before: &Progress, row: Added, now: Timestamp) -> Progress {
    match row {
        Added::Added { guid } => Progress::Done { id: guid, at: now },
        // Deleted or merged a moment ago, or not yet there: the people flow will tell.
        Added::Refused { code, message } if code == "1004" => before.later(
            now,
            Trouble::new(
                code,
                format!("Marketo does not have this person at the moment ({message}); it is tried again"),
            ),
        ),
        Added::Refused { code, message } => {
            before.rejected(now, Trouble::new(code, format!("Marketo refuses the record: {message}")))
        }
    }
}

/// Looks for records whose answer never came. What is found is logged; the rest is due as before. Whether nothing is in flight any more.
async fn settle_flight(ports: &LogPorts, held: &mut Held<'_>, settle: Duration) -> Result<bool, Failure> {
    let Some(in_flight) = held.desk().in_flight.clone() else { return Ok(true) };
    let now = ports.clock.now();
    let from = in_flight.not_after.checked_add(settle).unwrap_or(now);
    if now < from {
        held.work.unsettled_until = Some(from);
        return Ok(false);
    }
    let ids: Vec<_> = in_flight.records.iter().map(|record| record.id.clone()).collect();
    let mut entries = ports.ledger.get(&ids).await?;
    entries.retain(|entry| !entry.at(HERE).is_settled());
    let open: BTreeSet<_> = entries.iter().map(|entry| entry.id().clone()).collect();
    let records: Vec<_> = in_flight.records.into_iter().filter(|record| open.contains(&record.id)).collect();
    let found = match find(ports, &records, in_flight.not_after).await {
        Ok(found) => found,
        Err(failure) => {
            held.close(&failure);
            return Ok(false);
        }
    };
    held.answered();
    let now = ports.clock.now();
    let moves = entries.into_iter().filter_map(|entry| {
        let guid = found.get(&entry.id().0)?.clone();
        Some((entry, Progress::Done { id: guid, at: now }))
    });
    held.advance(moves.collect()).await?;
    held.desk().in_flight = None;
    Ok(true)
}

/// Which of the records are in Marketo: `marketoGUID` by activity id.
async fn find(
    ports: &LogPorts,
    records: &[FlyingRecord],
    not_after: Timestamp,
) -> Result<HashMap<String, String>, Failure> {
    let mut found = HashMap::new();
    let Some(first) = records.iter().map(|record| record.at).min() else { return Ok(found) };
    let first = not_after.checked_sub(BEFORE_SENT).map_or(first, |sent| sent.min(first));
    let since = first
        .checked_sub(MARGIN)
        .map_err(|_| Failure::new(FailureKind::CorruptState, "an activity in flight has a date before all dates"))?;
    let types: BTreeSet<i64> = records.iter().map(|record| record.kind).collect();
    let people: BTreeSet<_> = records.iter().map(|record| record.person).collect();
    let people: Vec<_> = people.into_iter().collect();
    for some in people.chunks(MAX_PEOPLE_PER_SEARCH) {
        let search = ActivitySearch {
            people: some.to_vec(),
            types: types.iter().copied().collect(),
            since,
            attribute: ID_ATTRIBUTE,
            attribute_name: ID_ATTRIBUTE_NAME,
        };
        for activity in ports.marketo.find_activities(&search).await? {
            if let Some(value) = activity.value {
                found.insert(value, activity.guid);
            }
        }
    }
    Ok(found)
}
