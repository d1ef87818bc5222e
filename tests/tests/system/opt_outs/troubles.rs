//! What goes wrong at Salesforce: nothing is lost, and the text says what to do.

use std::time::Duration;

use domain::opt_outs::{self, Reason};
use domain::ports::Clock as _;
use domain::status::FlowState;
use domain::{FailureKind, Timestamp};
use serde_json::json;
use simulator_salesforce::{Access, Fault, FaultAction, Limits, ValidationRule};

use super::stage::{BOX, QUIET, Stage};

const ANA: &str = "ana@example.com";
const BO: &str = "bo@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_hidden_or_read_only_is_named_and_nothing_is_written() {
    for (access, says) in [(Access::Hidden, "hidden"), (Access::ReadOnly, "read-only")] {
        let stage = Stage::set(1).await;
        let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", BO, json!({ BOX: true })));
        stage.say_no(&[ANA]).await;
        stage.salesforce.change_field("Lead.HasOptedOutOfEmail", access).unwrap();
        let (entries, written) = (stage.entries().await, stage.salesforce.stats().written);
        let done = stage.pass().await;
        let problem = done.closed.unwrap();
        assert!(
            problem.message.contains("Lead.HasOptedOutOfEmail is") && problem.message.contains(says),
            "{}",
            problem.message
        );
        assert!(!problem.message.contains("Contact.HasOptedOutOfEmail") && problem.needs_operator);
        assert_eq!((problem.kind, stage.entries().await == entries), (FailureKind::AccessDenied, true));
        assert_eq!((stage.salesforce.stats().written, stage.is_ticked(&contact)), (written, true));
        let now = stage.clock.now();
        let status = opt_outs::status(&*stage.ports.register, &*stage.ports.state, now).await.unwrap();
        assert_eq!(status.state, FlowState::NeedsOperator);

        stage.salesforce.change_field("Lead.HasOptedOutOfEmail", Access::Full).unwrap();
        let done = stage.pass().await;
        assert_eq!((done.in_salesforce, done.in_actions, stage.is_ticked(&lead)), (1, 1, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_takes_in_what_it_can_read_while_it_must_not_write() {
    let stage = Stage::set(1).await;
    stage.pass().await;
    let (lead, _) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", BO, json!({ BOX: true })));
    let contact = stage.put("Contact", ANA, json!({}));
    stage.say_no(&[ANA]).await;
    for field in ["Lead.HasOptedOutOfEmail", "Contact.HasOptedOutOfEmail"] {
        stage.salesforce.change_field(field, Access::ReadOnly).unwrap();
    }
    for _ in 0..4 {
        stage.clock.jump(Duration::from_secs(3_600));
        stage.tick().await;
    }
    assert_eq!(stage.decision(BO).await.reason, Reason::OptedOut);
    assert!(!stage.is_ticked(&lead));
    for field in ["Lead.HasOptedOutOfEmail", "Contact.HasOptedOutOfEmail"] {
        stage.salesforce.change_field(field, Access::Full).unwrap();
    }
    for _ in 0..3 {
        stage.clock.jump(Duration::from_secs(3_600));
        stage.tick().await;
    }
    assert!(stage.is_ticked(&lead) && stage.is_ticked(&contact));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_days_calls_are_gone_and_come_back() {
    let stage = Stage::set(1).await;
    let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", BO, json!({ BOX: true })));
    stage.pass().await;
    stage.say_no(&[ANA]).await;
    let used = stage.salesforce.stats().used_today;
    stage.salesforce.set_limits(Limits { calls_per_day: used, ..stage.salesforce.limits() });
    let done = opt_outs::push(&stage.ports, &[super::stage::address(ANA)], None).await.unwrap();
    let problem = done.closed.unwrap();
    assert_eq!(problem.kind, FailureKind::DailyCalls);
    assert!(problem.message.contains("24 hours") && done.closed_until.is_some_and(|until| until > stage.clock.now()));
    assert_eq!(stage.decision(ANA).await.reason, Reason::OptedOut);
    let calls = stage.salesforce.stats().calls;
    assert!(stage.tick().await.closed.is_some());
    assert_eq!(stage.salesforce.stats().calls, calls, "nobody is asked while nothing is given");
    stage.salesforce.set_limits(Limits { calls_per_day: 100_000, ..stage.salesforce.limits() });
    stage.clock.jump(Duration::from_secs(3_600));
    assert_eq!(stage.tick().await.in_salesforce, 1);
    assert!(stage.is_ticked(&lead) && stage.is_ticked(&contact));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_is_tried_again_and_holds_up_nobody() {
    let stage = Stage::set(1).await;
    let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", BO, json!({})));
    stage.say_no(&[ANA, BO]).await;
    stage.salesforce.hold_locks(&[&lead], 20).unwrap();
    let done = stage.pass().await;
    assert_eq!((done.in_salesforce, done.rejected, stage.is_ticked(&contact)), (1, 1, true));
    let rejects = opt_outs::rejects(&*stage.ports.register).await.unwrap();
    assert_eq!(rejects.len(), 1);
    assert!(rejects[0].code == "UNABLE_TO_LOCK_ROW" && rejects[0].record == lead && rejects[0].next_try.is_some());
    stage.clock.jump(Duration::from_secs(60));
    assert_eq!(stage.tick().await.in_salesforce, 1);
    assert!(stage.is_ticked(&lead));
    assert_eq!(opt_outs::rejects(&*stage.ports.register).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_waits_until_somebody_asks_or_changes_it() {
    let stage = Stage::set(1).await;
    let (lead, contact) = (stage.put("Lead", ANA, json!({})), stage.put("Contact", ANA, json!({})));
    let rule = |object: &str| -> ValidationRule {
        serde_json::from_value(
            json!({ "object": object, "field": "Title", "brokenIf": "blank", "message": "a title is needed" }),
        )
        .unwrap()
    };
    stage.salesforce.set_validation_rules(vec![rule("Lead")]);
    stage.say_no(&[ANA]).await;
    let done = stage.pass().await;
    assert_eq!((done.in_salesforce, done.rejected, stage.is_ticked(&contact)), (1, 1, true));
    let written = stage.salesforce.stats().written;
    for _ in 0..3 {
        stage.clock.jump(Duration::from_secs(3_600));
        assert_eq!(stage.tick().await.planned, 0, "it is not tried over and over");
    }
    assert_eq!(stage.salesforce.stats().written, written);
    let rejects = opt_outs::rejects(&*stage.ports.register).await.unwrap();
    assert!(rejects[0].message.contains("a title is needed") && rejects[0].next_try.is_none(), "{rejects:?}");
    // Somebody puts the record right.
    stage.edit(&lead, json!({ "Title": "Dr" }));
    assert_eq!(stage.tick().await.in_salesforce, 1);
    assert!(stage.is_ticked(&lead));
    // Or the rule, and asks.
    let other = stage.put("Lead", BO, json!({}));
    stage.say_no(&[BO]).await;
    assert_eq!(stage.pass().await.rejected, 1);
    stage.salesforce.set_validation_rules(Vec::new());
    assert_eq!(opt_outs::retry(&*stage.ports.register, &*stage.clock).await.unwrap(), 1);
    stage.pass().await;
    assert!(stage.is_ticked(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_late_is_found_behind_a_place_that_has_gone_on() {
    let stage = Stage::set(1).await;
    let ids: Vec<String> = (0..6).map(|nth| stage.put("Contact", &format!("p{nth}@example.com"), json!({}))).collect();
    stage.pass().await;
    for (nth, id) in ids.iter().enumerate() {
        // Late by three seconds, while others are seen at once.
        stage.edit_late(id, json!({ BOX: true }), if nth % 2 == 0 { 3 } else { 0 });
        stage.tick().await;
        stage.clock.jump(Duration::from_secs(1));
    }
    stage.clock.jump(Duration::from_secs(300));
    stage.tick().await;
    assert_eq!(stage.entries().await.values().filter(|entry| entry.opted_out).count(), ids.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_with_one_stamp_are_all_read() {
    let stage = Stage::set(1).await;
    stage.pass().await;
    // More than a reading holds, all changed in one second.
    let stamp = Timestamp::from_second(stage.salesforce.now()).unwrap().to_string();
    let many: Vec<_> = (0..4_500)
        .map(|nth| {
            let more = json!({ BOX: nth % 50 == 0, "SystemModstamp": stamp });
            super::stage::record("Contact", &format!("p{nth}@example.com"), more)
        })
        .collect();
    stage.salesforce.put("Contact", &many).unwrap();
    let done = stage.pass().await;
    assert_eq!((done.in_actions, done.complete), (90, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_costs_nothing() {
    let stage = Stage::set(1).await;
    let lead = stage.put("Lead", ANA, json!({}));
    stage.say_no(&[ANA]).await;
    let lost = Fault::once("PATCH /composite/sobjects", FaultAction::Status(502)).times(None).after_work();
    stage.salesforce.set_faults(vec![lost]);
    let done = stage.pass().await;
    assert!(done.closed.is_some() && stage.is_ticked(&lead));
    stage.salesforce.set_faults(Vec::new());
    stage.clock.jump(QUIET);
    let done = stage.tick().await;
    assert_eq!((done.in_salesforce, done.complete), (0, true), "it is there already");
    assert_eq!(stage.entry(ANA).await.restored, []);
}
