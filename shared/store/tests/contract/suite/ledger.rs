//! What every ledger of activities must do about revisions, races, many entries at once and what it refuses.

use domain::activities::{Activity, ActivityId, Destination, Entry, Progress};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{FailureKind, Timestamp};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use super::people::instant;
use super::{fails, ledger_shelves, ledger_values, ok};

/// Runs the whole contract on an empty ledger.
///
/// # Panics
/// Where the ledger does not keep it.
pub async fn ledger(ledger: &dyn ActivityLedger) {
    ledger_shelves::list_by_time(ledger).await;
    ledger_shelves::follow_the_entries(ledger).await;
    inserts_once_and_replaces_what_was_seen(ledger).await;
    lets_one_racer_win(ledger).await;
    refuses_one_activity_twice(ledger).await;
    refuses_what_cannot_be_stored(ledger).await;
    puts_many_in_order(ledger).await;
    ledger_values::keep_every_value(ledger).await;
}

/// An entry that is due at both destinations from an instant on, in milliseconds since 1970.
pub(super) fn entry(id: &str, due: i64) -> Entry {
    of(json!({
        "activityId": id, "type": "emailOpened", "occurredAt": instant(due).to_string(), "user": "rep@example.com", "marketoId": 7,
        "originalActivityId": "original"
    }))
}

/// The entry of a message just taken.
pub(super) fn of(message: Value) -> Entry {
    let activity = Activity::parse(&message.to_string()).unwrap_or_else(|unusable| panic!("{unusable}"));
    Entry::accepted(activity, instant(1_900_000_000_000))
}

/// The same entry as the store gives it back after so many writes.
pub(super) fn at(rev: u64, entry: &Entry) -> Entry {
    Entry { rev, ..entry.clone() }
}

/// Writes one entry.
pub(super) async fn put(ledger: &dyn ActivityLedger, entry: &Entry, seen: Option<u64>) -> PutOutcome {
    let outcomes = ok(ledger.put(vec![EntryWrite { entry: entry.clone(), seen }]).await);
    assert_eq!(outcomes.len(), 1, "one outcome for one write");
    outcomes[0]
}

/// Reads entries, in the order of their ids.
pub(super) async fn get(ledger: &dyn ActivityLedger, ids: &[&str]) -> Vec<Entry> {
    let ids: Vec<_> = ids.iter().map(|id| ActivityId((*id).to_owned())).collect();
    let mut entries = ok(ledger.get(&ids).await);
    entries.sort_by(|a, b| a.id().cmp(b.id()));
    entries
}

async fn inserts_once_and_replaces_what_was_seen(ledger: &dyn ActivityLedger) {
    assert_eq!(ok(ledger.get(&[]).await), Vec::new());
    assert_eq!(ok(ledger.put(Vec::new()).await), Vec::new());
    let first = entry("once", 1_000);
    assert_eq!(put(ledger, &first, Some(1)).await, PutOutcome::Conflict, "there is nothing to replace");
    assert_eq!(put(ledger, &first, None).await, PutOutcome::Stored);
    assert_eq!(get(ledger, &["once", "once", "never"]).await, [at(1, &first)]);
    let second = first.clone().moved(Destination::Marketo, Progress::Done { id: "guid".into(), at: instant(5) });
    assert_eq!(put(ledger, &second, None).await, PutOutcome::Conflict, "it is there already");
    assert_eq!(put(ledger, &second, Some(2)).await, PutOutcome::Conflict, "that revision is yet to come");
    assert_eq!(get(ledger, &["once"]).await, [at(1, &first)], "a conflict writes nothing");
    assert_eq!(put(ledger, &second, Some(1)).await, PutOutcome::Stored);
    assert_eq!(put(ledger, &first, Some(1)).await, PutOutcome::Conflict, "that revision is gone");
    assert_eq!(get(ledger, &["once"]).await, [at(2, &second)]);
}

async fn lets_one_racer_win(ledger: &dyn ActivityLedger) {
    for seen in [None, Some(1), Some(2)] {
        let racers: Vec<_> = (1..=8).map(|n| entry("race", n * 1_000)).collect();
        let outcomes = join_all(racers.iter().map(|entry| put(ledger, entry, seen))).await;
        let winners: Vec<_> = outcomes.iter().zip(&racers).filter(|(o, _)| **o == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1, "of writers that saw {seen:?}, one wins: {outcomes:?}");
        assert_eq!(get(ledger, &["race"]).await, [at(seen.unwrap_or(0) + 1, winners[0].1)], "the winner's is stored");
    }
    let racer = entry("race", 9_000);
    let (a, b) = join(put(ledger, &racer, Some(3)), put(ledger, &racer, Some(2))).await;
    assert_eq!((a, b), (PutOutcome::Stored, PutOutcome::Conflict));
}

async fn refuses_one_activity_twice(ledger: &dyn ActivityLedger) {
    let write = EntryWrite { entry: entry("twice", 1_000), seen: None };
    let other = EntryWrite { entry: entry("beside", 1_000), seen: None };
    fails(ledger.put(vec![other, write.clone(), write]).await, FailureKind::BadRequest);
    assert_eq!(get(ledger, &["beside", "twice"]).await, [], "nothing of a refused put is written");
}

/// Ids that are no keys, and entries that are too large.
async fn refuses_what_cannot_be_stored(ledger: &dyn ActivityLedger) {
    let longest = "i".repeat(2_048);
    let named = |id: &str| {
        let mut entry = entry("beside", 1_000);
        entry.activity.id = ActivityId(id.to_owned());
        entry
    };
    let mut large = entry("large", 1_000);
    large.activity.user = "u".repeat(390 * 1024);
    let longer = format!("{longest}i");
    for refused in [named(""), named(&longer), large] {
        let writes = [entry("beside", 1_000), refused].map(|entry| EntryWrite { entry, seen: None });
        fails(ledger.put(writes.to_vec()).await, FailureKind::BadRequest);
        assert_eq!(get(ledger, &["beside", "large"]).await, [], "nothing of a refused put is written");
    }
    let stored = named(&longest);
    assert_eq!(put(ledger, &stored, None).await, PutOutcome::Stored);
    assert_eq!(get(ledger, &["", &longest, &longer]).await, [at(1, &stored)], "what is no key is in no ledger");
    let place = Shelved { at: instant(0), id: ActivityId(longer) };
    let listing = ledger.shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, Some(&place), 1);
    fails(listing.await, FailureKind::BadRequest);
}

/// A thousand writes of four kinds in one put, shuffled together.
async fn puts_many_in_order(ledger: &dyn ActivityLedger) {
    let id = |n: usize| format!("many-{n:04}");
    let before = (0..1_000).step_by(2).map(|n| EntryWrite { entry: entry(&id(n), 1_000), seen: None });
    assert_eq!(ok(ledger.put(before.collect()).await), vec![PutOutcome::Stored; 500]);

    // By remainder: 0 replaces, 1 inserts, 2 inserts where an entry is, 3 replaces where none is.
    let seen = |n: usize| matches!(n % 4, 0 | 3).then_some(1);
    let order: Vec<usize> = (0..1_000).map(|n| n * 7 % 1_000).collect();
    let writes = order.iter().map(|n| EntryWrite { entry: entry(&id(*n), 2_000), seen: seen(*n) });
    let outcome = |n: &usize| if n % 4 < 2 { PutOutcome::Stored } else { PutOutcome::Conflict };
    let expected: Vec<_> = order.iter().map(outcome).collect();
    assert_eq!(ok(ledger.put(writes.collect()).await), expected, "outcomes stand in the order of the writes");

    let ids: Vec<String> = (0..1_000).map(id).collect();
    let stored = get(ledger, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let expected: Vec<_> = (0..1_000)
        .filter(|n| n % 4 != 3)
        .map(|n| match n % 4 {
            0 => at(2, &entry(&id(n), 2_000)),
            1 => at(1, &entry(&id(n), 2_000)),
            _ => at(1, &entry(&id(n), 1_000)),
        })
        .collect();
    assert!(stored == expected, "stored entries are the ones whose writes were reported as stored");
}
