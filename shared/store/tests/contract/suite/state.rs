//! What every state store must do about documents, versions and receipts.

use std::collections::BTreeSet;

use domain::FailureKind;
use domain::ports::{Document, SyncState};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{fails, ok};

/// Runs the whole contract on an empty store.
///
/// # Panics
/// Where the store does not keep it.
pub async fn sync_state(state: &dyn SyncState) {
    counts_versions(state).await;
    refuses_stale_saves(state).await;
    lets_one_racer_win(state).await;
    keeps_every_value(state).await;
    refuses_what_cannot_be_stored(state).await;
    keeps_receipts(state).await;
    takes_receipts_at_once(state).await;
}

async fn counts_versions(state: &dyn SyncState) {
    assert_eq!(ok(state.load("cursor").await), None);
    for version in 1..=3_u64 {
        let value = json!({ "token": version });
        let seen = (version > 1).then(|| version - 1);
        assert_eq!(ok(state.save("cursor", &value, seen).await), version);
        assert_eq!(ok(state.load("cursor").await), Some(Document { value, version }));
    }
    assert_eq!(ok(state.load("Cursor").await), None, "keys are exact");
}

async fn refuses_stale_saves(state: &dyn SyncState) {
    let before = ok(state.load("cursor").await);
    for seen in [None, Some(1), Some(2), Some(4), Some(0)] {
        fails(state.save("cursor", &json!("stale"), seen).await, FailureKind::Conflict);
    }
    assert_eq!(ok(state.load("cursor").await), before, "a refused save changes nothing");
    fails(state.save("nothing there", &json!(1), Some(1)).await, FailureKind::Conflict);
    assert_eq!(ok(state.load("nothing there").await), None);
}

async fn lets_one_racer_win(state: &dyn SyncState) {
    for seen in [None, Some(1), Some(2)] {
        let values: Vec<Value> = (0..8).map(|racer| json!({ "racer": racer, "seen": seen })).collect();
        let results = join_all(values.iter().map(|value| state.save("lease", value, seen))).await;
        let winners: Vec<_> = results.iter().zip(&values).filter(|(result, _)| result.is_ok()).collect();
        assert_eq!(winners.len(), 1, "of those that saw {seen:?}, one wins: {results:?}");
        let expected = Document { value: winners[0].1.clone(), version: seen.unwrap_or(0) + 1 };
        assert_eq!(ok(state.load("lease").await), Some(expected));
    }
}

async fn keeps_every_value(state: &dyn SyncState) {
    let values = [
        json!(null),
        json!({}),
        json!([]),
        json!(""),
        json!({ "": [null, true, -1, 0.1, 1e300, u64::MAX, i64::MIN], "text": "\"\\\n\u{1}👩‍👧\u{FFFF}" }),
        json!({ "large": vec!["äöü 0123456789"; 14_000] }),
    ];
    assert!(values[5].to_string().len() > 200_000, "the large one is large");
    for (n, value) in values.iter().enumerate() {
        let key = format!("value/{n} ü");
        assert_eq!(ok(state.save(&key, value, None).await), 1);
        assert!(ok(state.load(&key).await) == Some(Document { value: value.clone(), version: 1 }), "value {n} is kept");
    }
}

async fn refuses_what_cannot_be_stored(state: &dyn SyncState) {
    fails(state.save("huge", &json!("x".repeat(400_000)), None).await, FailureKind::BadRequest);
    assert_eq!(ok(state.load("huge").await), None);
    fails(state.save("", &json!(1), None).await, FailureKind::BadRequest);
    fails(state.save("receipt#a#0", &json!(1), None).await, FailureKind::BadRequest);
    fails(state.receipts("run", u32::MAX).await, FailureKind::BadRequest);
}

async fn keeps_receipts(state: &dyn SyncState) {
    assert_eq!(ok(state.receipts("run 1", 1_000).await), BTreeSet::new());
    for receipt in [0, 5, 255, 256, 257, 511, 70_000, 5, 5] {
        ok(state.add_receipt("run 1", receipt).await);
    }
    ok(state.add_receipt("run 2", 6).await);
    ok(state.add_receipt("run", 7).await);
    ok(state.add_receipt("run 1#0", 8).await);

    let of = |receipts: &[u32]| receipts.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(ok(state.receipts("run 1", 100_000).await), of(&[0, 5, 255, 256, 257, 511, 70_000]), "each counts once");
    assert_eq!(ok(state.receipts("run 1", 257).await), of(&[0, 5, 255, 256]), "the end is not included");
    assert_eq!(ok(state.receipts("run 1", 5).await), of(&[0]));
    assert_eq!(ok(state.receipts("run 1", 0).await), of(&[]));
    assert_eq!(ok(state.receipts("run 2", 1_000).await), of(&[6]), "groups are apart");
    assert_eq!(ok(state.receipts("run", 1_000).await), of(&[7]));
    assert_eq!(ok(state.receipts("run 1#0", 1_000).await), of(&[8]));
}

async fn takes_receipts_at_once(state: &dyn SyncState) {
    let added = join_all((0..600).chain(0..600).map(|receipt| state.add_receipt("at once", receipt))).await;
    added.into_iter().for_each(ok);
    assert_eq!(
        ok(state.receipts("at once", 1_000).await),
        (0..600).collect::<BTreeSet<_>>(),
        "none is lost to another"
    );
}
