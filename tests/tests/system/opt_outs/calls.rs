//! What it costs: one hop for an opt-out, two calls for a pass with nothing to do, and what tells how far behind both sides are.

use std::time::Duration;

use domain::opt_outs;
use domain::ports::Clock as _;
use serde_json::json;

use super::stage::{BOX, QUIET, Stage, address};

const ANA: &str = "ana@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn an_opt_out_is_in_salesforce_one_hop_after_its_message() {
    let stage = Stage::set(1).await;
    let records = [stage.put("Lead", ANA, json!({})), stage.put("Contact", ANA, json!({}))];
    stage.pass().await;
    stage.say_no(&[ANA]).await;
    assert!(opt_outs::lag(&*stage.ports.register, stage.ports.clock.now()).await.unwrap().as_secs() < 5);
    stage.count_anew();
    let done = opt_outs::push(&stage.ports, &[address(ANA)], None).await.unwrap();
    assert_eq!((done.in_salesforce, records.iter().all(|id| stage.is_ticked(id))), (2, true));
    assert!(stage.salesforce.stats().calls <= 4, "{:?}", stage.salesforce.stats().by_endpoint);
    assert!(opt_outs::lag(&*stage.ports.register, stage.ports.clock.now()).await.unwrap().is_zero());
    // The same message once more.
    stage.say_no(&[ANA]).await;
    let again = opt_outs::push(&stage.ports, &[address(ANA)], None).await.unwrap();
    assert_eq!(again.planned, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_box_ticked_in_salesforce_is_here_within_a_period_and_an_idle_pass_makes_two_calls() {
    let stage = Stage::set(1).await;
    let ids: Vec<String> =
        (0..300).map(|nth| stage.put("Contact", &format!("p{nth}@example.com"), json!({}))).collect();
    stage.say_no(&["p1@example.com"]).await;
    stage.pass().await;
    stage.edit(&ids[0], json!({ BOX: true }));
    stage.clock.jump(Duration::from_secs(300));
    assert_eq!(stage.tick().await.in_actions, 1);
    stage.clock.jump(QUIET);
    stage.tick().await;
    stage.count_anew();
    stage.clock.jump(Duration::from_secs(300));
    let idle = stage.tick().await;
    assert_eq!((idle.planned, idle.complete), (0, true));
    assert_eq!(stage.salesforce.stats().calls, 2, "{:?}", stage.salesforce.stats().by_endpoint);
    let asked = stage.pass().await;
    assert_eq!((asked.planned, stage.salesforce.stats().calls), (0, 4), "on request, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_told_while_salesforce_is_down() {
    use simulator_salesforce::{Fault, FaultAction};
    let stage = Stage::set(1).await;
    stage.put("Lead", ANA, json!({}));
    stage.pass().await;
    stage.salesforce.set_faults(vec![Fault::once("*", FaultAction::Status(503)).times(None)]);
    stage.say_no(&[ANA]).await;
    let push = opt_outs::push(&stage.ports, &[address(ANA)], None).await.unwrap();
    assert!(push.closed.is_some_and(|problem| !problem.needs_operator));
    for _ in 0..4 {
        stage.clock.jump(Duration::from_secs(300));
        stage.tick().await;
    }
    let now = stage.clock.now();
    let status = opt_outs::status(&*stage.ports.register, &*stage.ports.state, now).await.unwrap();
    assert!(status.lag_seconds >= 1_200 && status.read_lag_seconds >= Some(1_200), "{status:?}");
    assert_eq!(status.waiting, 1);
    stage.salesforce.set_faults(Vec::new());
    stage.clock.jump(Duration::from_secs(300));
    assert_eq!(stage.tick().await.in_salesforce, 1);
}
