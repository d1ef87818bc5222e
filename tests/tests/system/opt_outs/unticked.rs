//! A box that is unticked in Salesforce alone resubscribes nobody; an admin does, on both sides in one act.

use std::time::Duration;

use domain::FailureKind;
use domain::opt_outs::{self, Reason};
use domain::ports::Clock as _;
use serde_json::json;

use super::stage::{BOX, QUIET, Stage, address};

const ANA: &str = "ana@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn an_unticked_box_is_restored_and_listed() {
    let stage = Stage::set(1).await;
    let records = [stage.put("Lead", ANA, json!({})), stage.put("Contact", ANA, json!({ BOX: true }))];
    stage.pass().await;
    assert!(records.iter().all(|id| stage.is_ticked(id)));
    stage.edit(&records[0], json!({ BOX: false }));
    let done = stage.pass().await;
    assert_eq!((done.planned, done.in_salesforce, done.in_actions, done.restored), (1, 1, 0, 1));
    assert!(stage.is_ticked(&records[0]));
    let listed = stage.entry(ANA).await.restored;
    assert_eq!(listed.iter().map(|one| one.record.as_str()).collect::<Vec<_>>(), [records[0].as_str()]);
    let status = opt_outs::status(&*stage.ports.register, &*stage.ports.state, stage.clock.now()).await.unwrap();
    assert_eq!(status.restored, 1);
    assert!(status.notices.iter().any(|notice| notice.contains("optout remove")), "{:?}", status.notices);
    // A record that comes later is ticked, and was unticked by nobody.
    let later = stage.put("Contact", ANA, json!({}));
    assert_eq!(stage.pass().await.restored, 0);
    assert!(stage.is_ticked(&later));
    assert_eq!(stage.decision(ANA).await.reason, Reason::OptedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_resubscribe_clears_both_sides_and_they_stay_clear() {
    let stage = Stage::set(1).await;
    let lead = stage.put("Lead", ANA, json!({ BOX: true }));
    let contact = stage.salesforce.convert(&lead, None, None).unwrap().contact_id;
    let second = stage.put("Contact", ANA, json!({}));
    let deleted = stage.put("Lead", ANA, json!({ BOX: true }));
    stage.salesforce.delete(&deleted, None).unwrap();
    stage.pass().await;
    assert!(stage.is_ticked(&contact) && stage.is_ticked(&second));

    let nobody = opt_outs::resubscribe(&stage.ports, &address(ANA), " ", None).await.unwrap_err();
    assert!(nobody.kind == FailureKind::BadRequest && nobody.message.contains("reason"));
    let done =
        opt_outs::resubscribe(&stage.ports, &address(ANA), "new consent on paper", Some("ada".into())).await.unwrap();
    assert_eq!((done.here, done.in_salesforce, done.settled), (true, 2, 2));
    for _ in 0..3 {
        let after = stage.pass().await;
        assert_eq!((after.planned, after.complete), (0, true));
        stage.clock.jump(Duration::from_secs(300));
    }
    assert!(!stage.is_ticked(&contact) && !stage.is_ticked(&second));
    assert!(stage.is_ticked(&lead), "a converted lead cannot be changed, and says nothing any more");
    let entry = stage.entry(ANA).await;
    assert!(!entry.opted_out);
    let events: Vec<(bool, Option<&str>)> =
        entry.history.iter().map(|event| (event.opted_out, event.by.as_deref())).collect();
    assert_eq!(events, [(true, None), (false, Some("ada"))], "history is kept");
    assert_eq!(stage.decision(ANA).await.reason, Reason::Ok);

    // A new word counts again.
    stage.edit(&second, json!({ BOX: true }));
    stage.clock.jump(QUIET);
    assert_eq!(stage.pass().await.in_actions, 1);
    assert!(stage.is_ticked(&contact));
    assert_eq!(stage.decision(ANA).await.reason, Reason::OptedOut);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_hour_after_the_switch_only_counts_what_would_be_written() {
    let stage = Stage::set(1).await;
    let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", ANA, json!({ BOX: true })));
    let other = stage.put("Contact", "bo@example.com", json!({}));
    stage.say_no(&["bo@example.com"]).await;
    let first = stage.tick().await;
    assert_eq!((first.in_actions, first.in_salesforce, first.held_back), (1, 0, 2));
    assert!(!stage.is_ticked(&lead) && !stage.is_ticked(&other) && stage.is_ticked(&contact));
    assert_eq!(
        stage.decision(ANA).await.reason,
        Reason::OptedOut,
        "who said no in Salesforce gets no mail from now on"
    );
    let now = stage.clock.now();
    let status = opt_outs::status(&*stage.ports.register, &*stage.ports.state, now).await.unwrap();
    assert_eq!(status.first_look.map(|look| (look.in_salesforce, look.in_actions)), Some((2, 1)));
    // Who says no within the hour is pushed at once all the same.
    stage.say_no(&[ANA]).await;
    let third = stage.put("Lead", "cy@example.com", json!({}));
    stage.say_no(&["cy@example.com"]).await;
    let pushed = opt_outs::push(&stage.ports, &[address("cy@example.com")], None).await.unwrap();
    assert_eq!((pushed.in_salesforce, stage.is_ticked(&third), stage.is_ticked(&lead)), (1, true, false));
    for _ in 0..11 {
        stage.clock.jump(Duration::from_secs(300));
        let held = stage.tick().await;
        assert_eq!((held.in_salesforce, held.held_back), (0, 0), "nothing is counted twice: {held:?}");
    }
    stage.clock.jump(Duration::from_secs(600));
    assert_eq!(stage.tick().await.in_salesforce, 2);
    assert!(stage.is_ticked(&lead) && stage.is_ticked(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_box_is_filled_without_blaming_anybody() {
    let stage = Stage::set(1).await;
    let id = stage.put("Contact", ANA, json!({ BOX: true }));
    stage.pass().await;
    stage.set_to("unsubscribes.salesField", "Sales_Opt_Out__c").await;
    stage.set_to("unsubscribes.field", "both").await;
    let done = stage.pass().await;
    assert_eq!((done.in_salesforce, done.restored, done.in_actions), (1, 0, 0));
    assert_eq!(stage.salesforce.record(&id).unwrap()["Sales_Opt_Out__c"], true);
    stage.edit(&id, json!({ "Sales_Opt_Out__c": false }));
    assert_eq!(stage.pass().await.restored, 1, "one of two boxes is enough");
}
