//! What only the ledger in memory does: its listings lag behind on purpose.

use domain::Timestamp;
use domain::activities::{Activity, Destination, Entry, Progress};
use domain::ports::{ActivityLedger, EntryWrite, Shelf};
use serde_json::json;
use store::MemoryLedger;

fn entry(id: &str) -> Entry {
    let message = json!({
        "activityId": id, "type": "emailReplied", "occurredAt": "2026-11-24T00:00:00Z", "user": "rep@example.com", "marketoId": 7,
        "originalActivityId": "original"
    });
    Entry::accepted(Activity::parse(&message.to_string()).unwrap(), Timestamp::MAX)
}

async fn put(ledger: &MemoryLedger, entry: Entry, seen: Option<u64>) {
    ledger.put(vec![EntryWrite { entry, seen }]).await.unwrap();
}

async fn listed(ledger: &MemoryLedger) -> Vec<String> {
    let places = ledger.shelf(Destination::Marketo, Shelf::Due, Timestamp::MAX, None, 100).await.unwrap();
    places.into_iter().map(|place| place.id.0).collect()
}

#[tokio::test]
async fn listings_lag_behind_by_so_many_writes() {
    let ledger = MemoryLedger::lagging(2);
    for id in ["a", "b", "c"] {
        put(&ledger, entry(id), None).await;
    }
    assert_eq!(ledger.get(&[entry("c").id().clone()]).await.unwrap().len(), 1, "reads do not lag");
    assert_eq!(listed(&ledger).await, ["a"], "two writes are not seen yet");
    put(&ledger, entry("a").moved(Destination::Marketo, Progress::Skipped { why: String::new() }), Some(1)).await;
    assert_eq!(listed(&ledger).await, ["a", "b"], "what has moved on is still listed");
    put(&ledger, entry("d"), None).await;
    put(&ledger, entry("a"), Some(1)).await;
    assert_eq!(listed(&ledger).await, ["a", "b", "c"], "a conflict is no write");
    assert_eq!(listed(&ledger).await, ["b", "c"], "each listing lets the next see one write more");
    assert_eq!(listed(&ledger).await, ["b", "c", "d"]);
}

#[tokio::test]
async fn listings_catch_up_at_once_when_told() {
    let ledger = MemoryLedger::lagging(usize::MAX);
    let writes = ["a", "b", "c"].map(|id| EntryWrite { entry: entry(id), seen: None });
    ledger.put(writes.to_vec()).await.unwrap();
    put(&ledger, entry("b").moved(Destination::Marketo, Progress::Skipped { why: String::new() }), Some(1)).await;
    assert_eq!(listed(&ledger).await, Vec::<String>::new());
    ledger.catch_up();
    assert_eq!(listed(&ledger).await, ["a", "c"]);
    assert_eq!(ledger.all().unwrap().len(), 3);
}
