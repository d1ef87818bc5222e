//! What every ledger of activities must do about revisions, races, values and shelves.

use domain::activities::{Activity, ActivityId, Destination, Entry, Progress, Trouble};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome, Shelf, Shelved};
use domain::{FailureKind, Timestamp};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::people::instant;
use super::{fails, ok};

const MARKETO: Destination = Destination::Marketo;
const SALESFORCE: Destination = Destination::Salesforce;

/// Runs the whole contract on an empty ledger.
///
/// # Panics
/// Where the ledger does not keep it.
pub async fn ledger(ledger: &dyn ActivityLedger) {
    inserts_once_and_replaces_what_was_seen(ledger).await;
    lets_one_racer_win(ledger).await;
    refuses_one_activity_twice(ledger).await;
    keeps_every_value(ledger).await;
    puts_many_in_order(ledger).await;
    shelves_by_time(ledger).await;
    moves_between_shelves(ledger).await;
}

fn entry(id: &str, due: i64) -> Entry {
    of(json!({
        "activityId": id, "type": "emailOpened", "occurredAt": instant(due).to_string(), "user": "rep@example.com", "marketoId": 7,
        "originalActivityId": "original"
    }))
}

fn of(message: Value) -> Entry {
    let activity = Activity::parse(&message.to_string()).unwrap_or_else(|unusable| panic!("{unusable}"));
    Entry::accepted(activity, instant(1_900_000_000_000))
}

fn at(rev: u64, entry: &Entry) -> Entry {
    Entry { rev, ..entry.clone() }
}

async fn put(ledger: &dyn ActivityLedger, entry: &Entry, seen: Option<u64>) -> PutOutcome {
    let outcomes = ok(ledger.put(vec![EntryWrite { entry: entry.clone(), seen }]).await);
    assert_eq!(outcomes.len(), 1, "one outcome for one write");
    outcomes[0]
}

async fn get(ledger: &dyn ActivityLedger, ids: &[&str]) -> Vec<Entry> {
    let ids: Vec<_> = ids.iter().map(|id| ActivityId((*id).to_owned())).collect();
    let mut entries = ok(ledger.get(&ids).await);
    entries.sort_by(|a, b| a.id().cmp(b.id()));
    entries
}

async fn shelf(ledger: &dyn ActivityLedger, destination: Destination, shelf: Shelf, until: i64) -> Vec<String> {
    let found = ok(ledger.shelf(destination, shelf, instant(until), None, 1_000).await);
    found.into_iter().map(|place| place.id.0).collect()
}

async fn inserts_once_and_replaces_what_was_seen(ledger: &dyn ActivityLedger) {
    assert_eq!(ok(ledger.get(&[]).await), Vec::new());
    assert_eq!(ok(ledger.put(Vec::new()).await), Vec::new());
    let first = entry("once", 1_000);
    assert_eq!(put(ledger, &first, Some(1)).await, PutOutcome::Conflict, "there is nothing to replace");
    assert_eq!(put(ledger, &first, None).await, PutOutcome::Stored);
    assert_eq!(get(ledger, &["once", "once", "never"]).await, [at(1, &first)]);
    let second = first.clone().moved(MARKETO, Progress::Done { id: "guid".into(), at: instant(5) });
    assert_eq!(put(ledger, &second, None).await, PutOutcome::Conflict, "it is there already");
    assert_eq!(put(ledger, &second, Some(2)).await, PutOutcome::Conflict, "that revision is yet to come");
    assert_eq!(get(ledger, &["once"]).await, [at(1, &first)], "a conflict writes nothing");
    assert_eq!(put(ledger, &second, Some(1)).await, PutOutcome::Stored);
    assert_eq!(put(ledger, &first, Some(1)).await, PutOutcome::Conflict, "that revision is gone");
    assert_eq!(get(ledger, &["once"]).await, [at(2, &second)]);
}

async fn lets_one_racer_win(ledger: &dyn ActivityLedger) {
    for seen in [None, Some(1)] {
        let racers: Vec<_> = (1..=8).map(|n| entry("race", n * 1_000)).collect();
        let outcomes = join_all(racers.iter().map(|entry| put(ledger, entry, seen))).await;
        let winners: Vec<_> = outcomes.iter().zip(&racers).filter(|(o, _)| **o == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1, "of writers that saw {seen:?}, one wins: {outcomes:?}");
        assert_eq!(get(ledger, &["race"]).await, [at(seen.unwrap_or(0) + 1, winners[0].1)]);
    }
}

async fn refuses_one_activity_twice(ledger: &dyn ActivityLedger) {
    let write = EntryWrite { entry: entry("twice", 1_000), seen: None };
    fails(ledger.put(vec![write.clone(), write]).await, FailureKind::BadRequest);
    assert_eq!(get(ledger, &["twice"]).await, []);
}

async fn keeps_every_value(ledger: &dyn ActivityLedger) {
    let text = "Zoë 🚀 \"quoted\" \\ \u{1}\u{7f}\r\n\t end";
    let head = |id: &str, kind: &str| json!({ "activityId": id, "type": kind, "occurredAt": "2026-11-23T15:44:36.123456Z", "user": "rep@example.com", "email": "p@example.com" });
    let with = |id: &str, kind: &str, key: &str, value: Value| {
        let mut message = head(id, kind);
        message["originalActivityId"] = "original".into();
        message[key] = value;
        of(message)
    };
    let email = json!({ "subject": text, "body": "x".repeat(200_000), "to": "p@example.com", "url": null, "template": { "id": 1, "name": text, "url": "" } });
    let call = json!({ "status": "no answer", "outcome": text, "reason": null, "durationSeconds": 0, "notes": "" });
    let campaign = json!({ "id": "c", "name": text, "url": null, "step": 1, "day": "x" });
    let trouble = Trouble::new("CODE", text);
    let due = Progress::Due { at: instant(77), attempts: 3, trouble: Some(trouble.clone()) };
    let entries = [
        with("v1", "emailSent", "email", email),
        with("v2", "emailOpened", "link", Value::Null).moved(MARKETO, due),
        with("v3", "emailClicked", "link", text.into())
            .moved(SALESFORCE, Progress::Done { id: "00T".into(), at: instant(5) }),
        with("v4", "emailReplied", "link", Value::Null).moved(MARKETO, Progress::Skipped { why: text.into() }),
        with("v5", "emailBounced", "bounce", json!({ "details": text, "address": "a" }))
            .moved(SALESFORCE, Progress::Rejected { attempts: 9, trouble, at: instant(8) }),
        with("v6", "callLogged", "call", call),
        with("v7", "campaignAdded", "campaign", campaign.clone()),
        with("v8", "campaignRemoved", "campaign", campaign),
    ];
    for entry in &entries {
        assert_eq!(put(ledger, entry, None).await, PutOutcome::Stored);
        assert_eq!(get(ledger, &[&entry.id().0]).await, [at(1, entry)]);
    }
}

async fn puts_many_in_order(ledger: &dyn ActivityLedger) {
    let id = |n: usize| format!("many-{n:04}");
    put(ledger, &entry(&id(60), 1_000), None).await;
    let writes = (0..330).map(|n| EntryWrite { entry: entry(&id(n), 2_000), seen: None }).collect();
    let outcomes = ok(ledger.put(writes).await);
    let refused: Vec<_> =
        outcomes.iter().enumerate().filter(|(_, o)| **o == PutOutcome::Conflict).map(|(n, _)| n).collect();
    assert_eq!((outcomes.len(), refused), (330, vec![60]));
    let ids: Vec<String> = (0..330).map(id).collect();
    assert_eq!(get(ledger, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await.len(), 330);
}

async fn shelves_by_time(ledger: &dyn ActivityLedger) {
    const BASE: i64 = 1_700_000_000_000;
    let before = shelf(ledger, MARKETO, Shelf::Due, BASE - 1).await.len();
    for (id, due) in [("s3", 3), ("s1", 1), ("s2b", 2), ("s2a", 2), ("s4", 4)] {
        put(ledger, &entry(id, BASE + due), None).await;
    }
    let all = shelf(ledger, MARKETO, Shelf::Due, BASE + 3).await;
    let mut ours = all[before..].to_vec();
    assert_eq!(
        (ours.first().map(String::as_str), ours.last().map(String::as_str)),
        (Some("s1"), Some("s3")),
        "by time, the bound included"
    );
    ours.sort_unstable();
    assert_eq!(ours, ["s1", "s2a", "s2b", "s3"]);

    let mut paged = Vec::new();
    let mut from: Option<Shelved> = None;
    loop {
        let page = ok(ledger.shelf(SALESFORCE, Shelf::Due, Timestamp::MAX, from.as_ref(), 2).await);
        assert!(page.len() <= 2);
        let Some(last) = page.last().cloned() else { break };
        paged.extend(page.into_iter().map(|place| place.id.0));
        from = Some(last);
    }
    let whole = ok(ledger.shelf(SALESFORCE, Shelf::Due, Timestamp::MAX, None, 10_000).await);
    assert_eq!(paged, whole.into_iter().map(|place| place.id.0).collect::<Vec<_>>(), "pages are the whole, each once");
}

async fn moves_between_shelves(ledger: &dyn ActivityLedger) {
    let first = of(json!({
        "activityId": "moving", "type": "emailOpened", "occurredAt": "2001-01-01T00:00:00.0009Z", "user": "rep@example.com",
        "marketoId": 7, "originalActivityId": "original"
    }));
    let due = first.activity.at.as_millisecond();
    let is_on =
        async |destination, on| shelf(ledger, destination, on, 4_000_000_000_000).await.contains(&"moving".to_owned());
    put(ledger, &first, None).await;
    assert!(
        shelf(ledger, MARKETO, Shelf::Due, due).await.contains(&"moving".to_owned()),
        "parts of a millisecond hide nothing that is due"
    );
    assert!(is_on(SALESFORCE, Shelf::Due).await);

    let rejected = first.clone().moved(MARKETO, first.marketo.rejected(instant(9_000), Trouble::new("c", "m")));
    put(ledger, &rejected, Some(1)).await;
    assert!(!is_on(MARKETO, Shelf::Due).await && is_on(MARKETO, Shelf::Rejected).await);
    assert!(is_on(SALESFORCE, Shelf::Due).await, "the other destination is where it was");

    let again = rejected.moved(MARKETO, Progress::due(instant(10_000)));
    put(ledger, &again, Some(2)).await;
    assert!(is_on(MARKETO, Shelf::Due).await && !is_on(MARKETO, Shelf::Rejected).await);

    let done = again.moved(MARKETO, Progress::Done { id: "g".into(), at: instant(1) });
    let done = done.moved(SALESFORCE, Progress::Skipped { why: "off".into() });
    put(ledger, &done, Some(3)).await;
    for destination in Destination::ALL {
        assert!(!is_on(destination, Shelf::Due).await && !is_on(destination, Shelf::Rejected).await);
    }
}
