//! What it costs: one hop for a change here, next to nothing for pairs that nobody changed.

use std::collections::BTreeMap;

use domain::tasks::{self, TaskId};
use serde_json::{Value, json};

use super::stage::{QUIET, Stage};

const PAIRS: usize = 10_000;
const CHANGED: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_in_salesforce_one_hop_after_its_message() {
    let stage = Stage::set().await;
    stage.pass().await;
    let id = stage.add("t1", json!({})).await;
    assert!(tasks::lag(&*stage.ports.tasks, stage.ports.clock.now()).await.unwrap().as_secs() < 5);
    assert_eq!(stage.push(std::slice::from_ref(&id)).await.in_salesforce, 1);
    let there = stage.task(&id).await.sfdc_id().unwrap().to_owned();
    assert_eq!(stage.there(&there)["Subject"], "Ring");
    assert!(tasks::lag(&*stage.ports.tasks, stage.ports.clock.now()).await.unwrap().is_zero());
    stage.clock.jump(QUIET);
    stage.salesforce.reset_stats();
    stage.say(json!({ "taskId": "t1", "status": "complete" })).await;
    assert_eq!(stage.push(std::slice::from_ref(&id)).await.in_salesforce, 1);
    assert_eq!(stage.there(&there)["Status"], "Completed");
    let stats = stage.salesforce.stats();
    assert!(stats.calls <= 5, "{:?}", stats.by_endpoint);
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_pairs_cost_a_call_and_a_write_and_a_hundred_changes_a_side_ten_calls() {
    let stage = Stage::set().await;
    let records: Vec<Value> =
        (0..PAIRS).map(|number| stage.record(json!({ "Subject": format!("t{number}") }))).collect();
    let ids: Vec<String> = records.chunks(5_000).flat_map(|some| stage.salesforce.put("Task", some).unwrap()).collect();
    assert_eq!(stage.pass().await.in_actions, PAIRS as u64);
    stage.clock.jump(QUIET);
    stage.tick().await;

    let version = async || stage.ports.state.load(tasks::KEY).await.unwrap().unwrap().version;
    let (before, tasks_before) = (version().await, stage.tasks().await);
    stage.salesforce.reset_stats();
    stage.clock.jump(QUIET);
    let idle = tasks::reconcile(&stage.new_instance(), tasks::Occasion::Scheduled, None).await.unwrap();
    assert_eq!((idle.planned, idle.complete), (0, true));
    let calls = stage.salesforce.stats().calls;
    eprintln!("an idle pass: {calls} calls, {} writes", version().await - before);
    assert!(calls <= 3, "{:?}", stage.salesforce.stats().by_endpoint);
    let document = stage.ports.state.load(tasks::KEY).await.unwrap().unwrap();
    assert_eq!((document.version, stage.tasks().await == tasks_before), (before + 1, true), "one write");
    assert!(document.value.to_string().len() < 1_000, "which is one unit");

    // Half of them on one side, half on the other, and some on both, in different fields.
    for (nth, id) in ids.iter().take(CHANGED).enumerate() {
        stage.edit(id, json!({ "Subject": format!("s{nth}"), "OwnerId": stage.users[1].0 }));
    }
    for (nth, id) in ids.iter().skip(CHANGED / 2).take(CHANGED).enumerate() {
        stage.say(json!({ "taskId": TaskId::imported(id), "due": "2027-01-31", "owner": stage.users[2].1, "details": format!("h{nth}") })).await;
    }
    stage.clock.jump(QUIET);
    stage.salesforce.reset_stats();
    let done = tasks::reconcile(&stage.new_instance(), tasks::Occasion::Scheduled, None).await.unwrap();
    let stats = stage.salesforce.stats();
    eprintln!("100 changed on each side: {} calls, {done:?}", stats.calls);
    assert_eq!((done.in_actions, done.in_salesforce), (CHANGED as u64, CHANGED as u64));
    assert!(stats.calls <= 10, "{:?}", stats.by_endpoint);
    let there: BTreeMap<String, Value> = stage
        .salesforce
        .records("Task")
        .into_iter()
        .map(|record| (record["Id"].as_str().unwrap().to_owned(), record))
        .collect();
    let tasks = stage.tasks().await;
    for (id, record) in &there {
        let values = &tasks[&TaskId::imported(id)].values;
        assert_eq!(record["Subject"], values.name.as_str());
        assert_eq!(record["ActivityDate"].as_str().map(str::to_owned), values.due.map(|due| due.to_string()));
        assert_eq!(record["Description"].as_str(), values.details.as_deref());
    }
    let both = &tasks[&TaskId::imported(&ids[CHANGED - 1])].values;
    assert!(both.name.starts_with('s') && both.details.is_some(), "different fields of one task: {both:?}");
    stage.clock.jump(QUIET);
    stage.is_quiet().await;
}
