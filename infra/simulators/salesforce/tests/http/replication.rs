//! What was changed and deleted within a span, and changes that show late.

use serde_json::json;
use simulator_salesforce::{Config, Edit};

use crate::support::{Api, refusal, small};

const HOUR: &str = "start=2026-09-21T14:00:00%2B00:00&end=2026-09-21T15:00:00Z";

#[tokio::test]
async fn spans_tell_who_was_changed_and_who_is_gone() {
    let api = Api::start(Config { replication_lag_seconds: 5, ..small() }).await;
    let (lead, contact, _) = api.people().await;
    api.world.advance(60);
    let (status, updated) = api.get(&format!("/sobjects/Lead/updated/?{HOUR}")).await;
    assert_eq!((status, &updated["ids"]), (200, &json!([lead])));
    assert_eq!(updated["latestDateCovered"], "2026-09-21T14:14:15.000+0000");
    api.world.delete(&lead, None).unwrap();
    api.world.advance(60);
    assert_eq!(api.get(&format!("/sobjects/Lead/updated?{HOUR}")).await.1["ids"], json!([]));
    let deleted = api.get(&format!("/sobjects/Lead/deleted/?{HOUR}")).await.1;
    assert_eq!(deleted["deletedRecords"], json!([{ "id": lead, "deletedDate": "2026-09-21T14:14:20.000+0000" }]));
    assert_eq!(api.get(&format!("/sobjects/Contact/updated?{HOUR}")).await.1["ids"], json!([contact]));
    for (kind, span) in [
        ("updated", "start=2026-09-21T15:00:00Z&end=2026-09-21T15:00:59Z"),
        ("updated", "start=2026-08-01T00:00:00Z&end=2026-09-21T15:00:00Z"),
        ("deleted", "start=2026-09-01T00:00:00Z&end=2026-09-21T15:00:00Z"),
        ("deleted", "start=yesterday&end=2026-09-21T15:00:00Z"),
    ] {
        let answer = api.get(&format!("/sobjects/Lead/{kind}?{span}")).await;
        assert_eq!(refusal(&answer), (400, "INVALID_REPLICATION_DATE"), "{kind} {span}");
    }
    assert_eq!(api.world.purge(), 1);
    assert_eq!(refusal(&api.get(&format!("/sobjects/Lead/deleted?{HOUR}")).await), (400, "INVALID_REPLICATION_DATE"));
    assert!(api.world.record(&lead).is_none());
}

#[tokio::test]
async fn late_changes_show_behind_a_cursor_that_has_gone_on() {
    let api = Api::start(small()).await;
    let (lead, ..) = api.people().await;
    let edit = |city: &str, late_seconds: u64| Edit {
        id: lead.clone(),
        fields: json!({ "City": city, "Email": format!("{city}@acme.example") }).as_object().unwrap().clone(),
        late_seconds,
        ..Edit::default()
    };
    api.world.edit(&edit("Bonn", 0)).unwrap();
    api.world.advance(10);
    api.world.edit(&edit("Ulm", 3)).unwrap();
    let after = "SELECT City FROM Lead WHERE SystemModstamp > 2026-09-21T14:13:25Z";
    for (condition, expected) in [
        ("WHERE City != null", vec!["Bonn"]),
        ("WHERE Email = 'bonn@acme.example'", vec!["Bonn"]),
        ("WHERE Email = 'ulm@acme.example'", vec![]),
    ] {
        assert_eq!(api.column(&format!("SELECT City FROM Lead {condition}"), "City").await, expected, "{condition}");
    }
    assert!(api.column(after, "City").await.is_empty());
    assert_eq!(api.get(&format!("/sobjects/Lead/{lead}")).await.1["City"], "Bonn");
    api.world.advance(3);
    assert_eq!(api.column(after, "City").await, ["Ulm"]);
    // Its stamp lies before what was read already.
    let stamp = api.column("SELECT SystemModstamp FROM Lead WHERE Email = 'ulm@acme.example'", "SystemModstamp").await;
    assert_eq!(stamp, ["2026-09-21T14:13:30.000+0000"]);

    api.world.set_lateness(5, 1.0);
    let new = api.created("Task", json!({ "Subject": "late" })).await;
    assert!(api.column("SELECT Id FROM Task", "Id").await.is_empty());
    assert_eq!(api.get(&format!("/sobjects/Task/{new}")).await.0, 404);
    api.world.advance(5);
    assert_eq!(api.column("SELECT Id FROM Task", "Id").await, [new.as_str()]);
}
