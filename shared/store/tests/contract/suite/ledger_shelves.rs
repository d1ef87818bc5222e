//! What every ledger of activities must list: order, bounds, pages, and what has moved on.

use domain::Timestamp;
use domain::Trouble;
use domain::activities::{ActivityId, Destination, Entry, Progress};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};

use super::ledger::{entry, put};
use super::ok;
use super::people::instant;

const MARKETO: Destination = Destination::Marketo;
const SALESFORCE: Destination = Destination::Salesforce;

/// Before anything else that the contract writes, so that what is listed is what was written here.
const BASE: i64 = -1_000_000_000_000;

/// Ids and milliseconds since [`BASE`] of what is due in Marketo.
async fn due(
    ledger: &dyn ActivityLedger,
    until: Timestamp,
    from: Option<&Shelved>,
    limit: usize,
) -> Vec<(String, i64)> {
    let found = ok(ledger.shelf(MARKETO, Shelf::Due, until, from, limit).await);
    found.into_iter().map(|place| (place.id.0, place.at.as_millisecond() - BASE)).collect()
}

/// Pairs to compare with what [`due`] gives.
fn pairs(all: &[(&str, i64)]) -> Vec<(String, i64)> {
    all.iter().map(|(id, at)| ((*id).to_owned(), *at)).collect()
}

/// A place on a shelf.
fn place(at: Timestamp, id: &str) -> Shelved {
    Shelved { at, id: ActivityId(id.to_owned()) }
}

/// An instant so many nanoseconds after [`BASE`].
fn nanoseconds(n: i64) -> Timestamp {
    instant(BASE) + std::time::Duration::from_nanos(n.unsigned_abs())
}

/// What is on a shelf comes by time, from a place on, up to an instant.
pub(super) async fn list_by_time(ledger: &dyn ActivityLedger) {
    let none = ok(ledger.shelf(MARKETO, Shelf::Due, Timestamp::MAX, None, 10).await);
    assert_eq!(none, [], "the contract needs an empty ledger");

    let writes = [("c", 30), ("a", 10), ("d", 40), ("b", 20)];
    for (id, at) in writes {
        assert_eq!(put(ledger, &entry(id, BASE + at), None).await, PutOutcome::Stored);
    }
    let all = [("a", 10), ("b", 20), ("c", 30), ("d", 40)];
    assert_eq!(due(ledger, Timestamp::MAX, None, 100).await, pairs(&all), "by time");
    assert_eq!(due(ledger, Timestamp::MAX, None, usize::MAX).await, pairs(&all), "any limit may be asked for");
    assert_eq!(due(ledger, instant(BASE + 30), None, 100).await, pairs(&all[..3]), "up to the bound and at it");
    assert_eq!(due(ledger, instant(BASE + 29), None, 100).await, pairs(&all[..2]));
    assert_eq!(due(ledger, Timestamp::MIN, None, 100).await, pairs(&[]));
    assert_eq!(due(ledger, Timestamp::MAX, None, 3).await, pairs(&all[..3]), "no more than the limit");
    assert_eq!(due(ledger, Timestamp::MAX, None, 0).await, pairs(&[]));

    let (b, before_b) = (place(instant(BASE + 20), "b"), place(instant(BASE + 19), "zzz"));
    assert_eq!(due(ledger, Timestamp::MAX, Some(&b), 100).await, pairs(&all[2..]), "behind a place");
    assert_eq!(due(ledger, Timestamp::MAX, Some(&b), 1).await, pairs(&all[2..3]));
    assert_eq!(due(ledger, instant(BASE + 30), Some(&b), 100).await, pairs(&all[2..3]));
    assert_eq!(due(ledger, Timestamp::MAX, Some(&before_b), 100).await, pairs(&all[1..]), "nobody need stand there");
    assert_eq!(due(ledger, instant(BASE + 20), Some(&b), 100).await, pairs(&[]), "nothing is behind its own bound");
    assert_eq!(due(ledger, instant(BASE + 10), Some(&b), 100).await, pairs(&[]), "nor behind a bound before it");
    assert_eq!(due(ledger, Timestamp::MIN, Some(&place(Timestamp::MAX, "z")), 100).await, pairs(&[]));

    list_finer_instants(ledger).await;
    pages_are_the_whole(ledger).await;
}

/// Parts of a millisecond hide nothing that is due, nor do they lead a page astray.
async fn list_finer_instants(ledger: &dyn ActivityLedger) {
    let mut fine = entry("fine", BASE);
    fine.marketo = Progress::due(nanoseconds(1_000_900));
    put(ledger, &fine, None).await;
    let listed = pairs(&[("fine", 1)]);
    assert_eq!(due(ledger, nanoseconds(1_000_900), None, 100).await, listed, "what is due is listed");
    assert_eq!(due(ledger, nanoseconds(1_999_999), None, 100).await, listed);
    assert_eq!(due(ledger, nanoseconds(999_999), None, 100).await, pairs(&[]));
    let behind = place(nanoseconds(1_000_900), "fine");
    assert_eq!(due(ledger, nanoseconds(1_999_999), Some(&behind), 100).await, pairs(&[]), "it is not behind itself");
}

/// Many entries of few instants, in pages of every size: each once, by time.
async fn pages_are_the_whole(ledger: &dyn ActivityLedger) {
    let id = |n: i64| format!("{:02}-of-equals", n * 17 % 60);
    let writes = (0..60).map(|n| EntryWrite { entry: entry(&id(n), BASE + 100 + n / 20), seen: None });
    ok(ledger.put(writes.collect()).await);
    let whole = due(ledger, Timestamp::MAX, None, 1_000).await;
    assert!(whole.is_sorted_by_key(|(_, at)| *at), "{whole:?}");
    let mut ids: Vec<_> = whole.iter().map(|(id, _)| id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), whole.len()), (65, 65), "each once");
    for size in [1, 7, 20, 64, 65, 66] {
        let (mut paged, mut from) = (Vec::new(), None);
        loop {
            let page = due(ledger, Timestamp::MAX, from.as_ref(), size).await;
            assert!(page.len() <= size && paged.len() <= whole.len(), "pages of {size} come to their end");
            let Some((id, at)) = page.last() else { break };
            from = Some(place(instant(BASE + at), id));
            paged.extend(page);
        }
        assert_eq!(paged, whole, "pages of {size} are the whole");
    }
}

/// Where an entry is listed, and under which instant, in milliseconds since 1970.
async fn shelves_of(ledger: &dyn ActivityLedger, id: &str) -> Vec<(Destination, Shelf, i64)> {
    let mut shelves = Vec::new();
    for destination in Destination::ALL {
        for shelf in [Shelf::Due, Shelf::Rejected] {
            let found = ok(ledger.shelf(destination, shelf, Timestamp::MAX, None, 1_000).await);
            let places = found.into_iter().filter(|place| place.id.0 == id);
            shelves.extend(places.map(|place| (destination, shelf, place.at.as_millisecond())));
        }
    }
    shelves
}

/// An entry is where its progress says, and nowhere else.
pub(super) async fn follow_the_entries(ledger: &dyn ActivityLedger) {
    let done = |at: i64| Progress::Done { id: "record".to_owned(), at: instant(at) };
    let rejected = |at: i64| Progress::Rejected { attempts: 1, trouble: Trouble::new("code", "why"), at: instant(at) };
    let skipped = Progress::Skipped { why: "switched off".to_owned() };
    let mut now: Entry = entry("moving", 5_000);
    put(ledger, &now, None).await;
    let start = (SALESFORCE, Shelf::Due, 5_000);
    assert_eq!(shelves_of(ledger, "moving").await, [(MARKETO, Shelf::Due, 5_000), start]);

    let mut rev = 1;
    for (progress, expected) in [
        (Progress::due(instant(7_000)), Some((MARKETO, Shelf::Due, 7_000))),
        (rejected(6_000), Some((MARKETO, Shelf::Rejected, 6_000))),
        (rejected(8_000), Some((MARKETO, Shelf::Rejected, 8_000))),
        (Progress::due(instant(5_000)), Some((MARKETO, Shelf::Due, 5_000))),
        (skipped.clone(), None),
        (Progress::due(instant(9_000)), Some((MARKETO, Shelf::Due, 9_000))),
        (done(9_500), None),
    ] {
        now = now.moved(MARKETO, progress);
        assert_eq!(put(ledger, &now, Some(rev)).await, PutOutcome::Stored);
        rev += 1;
        let expected: Vec<_> = expected.into_iter().chain([start]).collect();
        assert_eq!(shelves_of(ledger, "moving").await, expected, "the other destination is where it was");
    }
    let lost = now.clone().moved(SALESFORCE, rejected(1_000));
    assert_eq!(put(ledger, &lost, Some(1)).await, PutOutcome::Conflict);
    assert_eq!(put(ledger, &lost, None).await, PutOutcome::Conflict);
    assert_eq!(shelves_of(ledger, "moving").await, [start], "a conflict moves nothing");

    put(ledger, &lost, Some(rev)).await;
    assert_eq!(shelves_of(ledger, "moving").await, [(SALESFORCE, Shelf::Rejected, 1_000)]);
    put(ledger, &now.moved(SALESFORCE, skipped), Some(rev + 1)).await;
    assert_eq!(shelves_of(ledger, "moving").await, [], "what is settled is on no shelf");
    let mut settled = entry("settled", 5_000);
    (settled.marketo, settled.salesforce) = (done(1), done(2));
    put(ledger, &settled, None).await;
    assert_eq!(shelves_of(ledger, "settled").await, [], "what was settled from the start neither");
}
