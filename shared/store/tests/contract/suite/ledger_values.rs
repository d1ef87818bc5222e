//! What every ledger of activities must keep of an entry.

use domain::Timestamp;
use domain::Trouble;
use domain::activities::{ActivityId, Destination, Entry, Kind, Progress};
use domain::ports::{ActivityLedger, EntryWrite, PutOutcome};
use serde_json::{Value, json};

use super::ledger::{at, get, of, put};
use super::people::instant;
use super::{ok, people_values};

/// Every value comes back as it was written, byte for byte.
pub(super) async fn keep_every_value(ledger: &dyn ActivityLedger) {
    let mut texts = people_values::texts();
    texts.push("nothing \u{0} and more".to_owned());
    for (n, text) in texts.iter().enumerate() {
        let mut kinds = Vec::new();
        for (k, entry) in every_kind(&format!("value-{n}"), text).into_iter().enumerate() {
            kinds.push(entry.activity.what.kind());
            keep(ledger, entry.moved(Destination::ALL[k % 2], every_progress(text).swap_remove(k % 5))).await;
        }
        assert_eq!(kinds, Kind::ALL, "no kind is left out");
    }
    for (n, progress) in every_progress("text").into_iter().enumerate() {
        for destination in Destination::ALL {
            let [.., entry] = every_kind(&format!("progress-{n}-{}", destination.as_str()), "text");
            keep(ledger, entry.moved(destination, progress.clone())).await;
        }
    }
    for text in texts.iter().filter(|text| !text.is_empty()) {
        let [.., mut entry] = every_kind("id", "text");
        entry.activity.id = ActivityId(format!("{text} as an id"));
        keep(ledger, entry).await;
    }
    keep_large_bodies(ledger).await;
}

/// Checks that an entry is kept, inserted and replaced.
async fn keep(ledger: &dyn ActivityLedger, entry: Entry) {
    for (seen, rev) in [(None, 1), (Some(1), 2)] {
        assert_eq!(put(ledger, &entry, seen).await, PutOutcome::Stored);
        assert_eq!(get(ledger, &[&entry.id().0]).await, [at(rev, &entry)]);
    }
}

/// An entry of each kind, with this text wherever one may stand; instants are finer than milliseconds.
fn every_kind(id: &str, text: &str) -> [Entry; 8] {
    let campaign = json!({ "id": text, "name": text, "url": text, "step": text, "day": text });
    let short = json!({ "id": 12, "name": null, "step": 1 });
    let email =
        json!({ "subject": text, "body": text, "to": text, "url": text, "template": { "id": text, "name": text } });
    let call = json!({
        "status": "no answer", "outcome": text, "reason": null, "durationSeconds": u32::MAX, "recordingUrl": text,
        "answeredBy": text, "phone": text, "notes": text
    });
    let link = format!("https://example.com/{text}.");
    let parts = json!({
        "emailSent": { "email": email, "campaign": campaign, "marketoId": i64::MAX },
        "emailOpened": { "originalActivityId": format!("{text}.") },
        "emailClicked": { "originalActivityId": "original", "link": link },
        "emailReplied": { "originalActivityId": "original" },
        "emailBounced": { "originalActivityId": "original", "bounce": { "details": text, "address": text } },
        "callLogged": { "call": call, "campaign": null },
        "campaignAdded": { "campaign": campaign },
        "campaignRemoved": { "campaign": short },
    });
    Kind::ALL.map(|kind| {
        let mut message = json!({
            "activityId": format!("{id}-{}", kind.name()), "type": kind.name(), "occurredAt": "2026-11-23T15:44:36.123456789Z",
            "user": format!("{text}@example.com"), "email": format!("{text}@example.com")
        });
        for (key, value) in parts[kind.name()].as_object().into_iter().flatten() {
            message[key] = Value::clone(value);
        }
        of(message)
    })
}

/// Each way in which an entry may be at a destination.
fn every_progress(text: &str) -> Vec<Progress> {
    let trouble = Trouble::new(text, text);
    let fine: Timestamp = "1969-12-31T23:59:59.999999999Z".parse().unwrap_or_else(|error| panic!("{error}"));
    vec![
        Progress::due(fine),
        Progress::Due { at: Timestamp::MAX, attempts: u32::MAX, trouble: Some(trouble.clone()) },
        Progress::Done { id: text.to_owned(), at: fine },
        Progress::Rejected { attempts: 9, trouble, at: Timestamp::MIN },
        Progress::Skipped { why: text.to_owned() },
    ]
}

/// Emails as long as messages may be, more of them at once than one request takes.
async fn keep_large_bodies(ledger: &dyn ActivityLedger) {
    let large = |n: usize| {
        let email = json!({ "subject": "s", "body": "\"<p>\"\n".repeat(40_000), "to": "p@example.com" });
        of(json!({
            "activityId": format!("large-{n:02}"), "type": "emailSent", "occurredAt": instant(1_000).to_string(),
            "user": "rep@example.com", "email": email
        }))
    };
    let entries: Vec<_> = (0..30).map(large).collect();
    let writes = entries.iter().map(|entry| EntryWrite { entry: entry.clone(), seen: None }).collect();
    assert_eq!(ok(ledger.put(writes).await), vec![PutOutcome::Stored; 30]);
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id().0.as_str()).collect();
    let expected: Vec<_> = entries.iter().map(|entry| at(1, entry)).collect();
    assert!(get(ledger, &ids).await == expected, "large entries are kept");
}
