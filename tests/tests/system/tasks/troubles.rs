//! What goes wrong: somebody is faster, answers get lost, changes are committed late, the key or a field is missing, records are refused.

use domain::tasks::{self, TaskId};
use serde_json::json;
use simulator_salesforce::{Access, Fault, FaultAction, ValidationRule};

use super::stage::{PERIOD, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_makes_no_second_task_and_no_echo() {
    let stage = Stage::set().await;
    stage.pass().await;
    let lost = |place: &str| vec![Fault::once(place, FaultAction::Status(502)).times(20).after_work()];
    let id = stage.add("t1", json!({})).await;
    stage.salesforce.set_faults(lost("POST /composite/sobjects"));
    assert!(stage.push(std::slice::from_ref(&id)).await.closed.is_some());
    stage.salesforce.set_faults(Vec::new());
    assert_eq!(stage.salesforce.records("Task").len(), 1, "it was made");
    // Meanwhile both sides go on.
    let there = stage.salesforce.records("Task")[0]["Id"].as_str().unwrap().to_owned();
    stage.edit(&there, json!({ "Priority": "High" }));
    stage.say(json!({ "taskId": "t1", "name": "Ring soon" })).await;
    stage.tick().await;
    assert_eq!(stage.salesforce.records("Task").len(), 1);
    assert_eq!(stage.there(&there)["Subject"], "Ring soon");
    assert_eq!(stage.task(&id).await.values.priority, tasks::Priority::High);

    // A completion whose answer is lost, and that is taken back here before anybody looks.
    stage.clock.jump(PERIOD);
    stage.say(json!({ "taskId": "t1", "status": "complete" })).await;
    stage.salesforce.set_faults(lost("POST /composite"));
    assert!(stage.push(std::slice::from_ref(&id)).await.closed.is_some());
    stage.salesforce.set_faults(Vec::new());
    assert_eq!(stage.there(&there)["Status"], "Completed");
    stage.clock.jump(PERIOD);
    stage.say(json!({ "taskId": "t1", "status": "open" })).await;
    stage.tick().await;
    assert_eq!(stage.there(&there)["Status"], "Not Started", "our own echo is nobody's completion");
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_faster_is_read_again() {
    let stage = Stage::set().await;
    let theirs = stage.put(json!({}));
    stage.pass().await;
    let id = TaskId::imported(&theirs);
    stage.clock.jump(PERIOD);
    stage.say(json!({ "taskId": id, "name": "Ours" })).await;
    // Committed behind its stamp: nobody sees it when the task is read, and the write is refused.
    stage.edit_late(&theirs, json!({ "ActivityDate": "2027-05-05" }), 2);
    let done = stage.pass().await;
    assert_eq!((done.in_salesforce, done.in_actions), (1, 1), "{done:?}");
    assert_eq!(
        (&stage.there(&theirs)["Subject"], &stage.there(&theirs)["ActivityDate"]),
        (&json!("Ours"), &json!("2027-05-05"))
    );
    assert_eq!(stage.task(&id).await.values.due.unwrap().to_string(), "2027-05-05");
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_or_a_field_is_missing() {
    let stage = Stage::set().await;
    stage.pass().await;
    stage.salesforce.change_field("Task.Sales_Activity_Key__c", Access::ReadOnly).unwrap();
    let id = stage.add("t1", json!({})).await;
    let done = tasks::push(&stage.new_instance(), std::slice::from_ref(&id), None).await.unwrap();
    let problem = done.closed.unwrap();
    assert!(problem.needs_operator && problem.message.contains("Task.Sales_Activity_Key__c"), "{problem:?}");
    assert_eq!(stage.salesforce.records("Task").len(), 0);
    stage.salesforce.change_field("Task.Sales_Activity_Key__c", Access::Full).unwrap();
    stage.salesforce.change_field("Task.Description", Access::Hidden).unwrap();
    stage.clock.jump(PERIOD);
    let problem = stage.pass().await.closed.unwrap();
    assert!(problem.needs_operator && problem.message.contains("Task.Description"), "{problem:?}");
    stage.salesforce.change_field("Task.Description", Access::Full).unwrap();
    stage.clock.jump(PERIOD);
    assert_eq!(tasks::reconcile(&stage.new_instance(), tasks::Occasion::Asked, None).await.unwrap().in_salesforce, 1);
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_salesforce_refuses_is_told_and_tried_again() {
    let stage = Stage::set().await;
    stage.pass().await;
    let rule =
        json!({ "object": "Task", "field": "Subject", "brokenIf": { "contains": "Ring" }, "message": "no ringing" });
    let rule: ValidationRule = serde_json::from_value(rule).unwrap();
    stage.salesforce.set_validation_rules(vec![rule]);
    let id = stage.add("t1", json!({})).await;
    let other = stage.add("t2", json!({ "name": "Write" })).await;
    let done = stage.push(&[id.clone(), other.clone()]).await;
    assert_eq!((done.in_salesforce, done.rejected, done.closed), (1, 1, None), "one does not keep the other");
    let rejects = tasks::rejects(&*stage.ports.tasks).await.unwrap();
    assert_eq!((rejects.len(), &rejects[0].key, rejects[0].next_try), (1, &id, None));
    assert!(rejects[0].message.contains("no ringing"), "{}", rejects[0].message);
    stage.is_quiet().await;
    stage.salesforce.set_validation_rules(Vec::new());
    tasks::retry(&*stage.ports.tasks, &*stage.ports.clock).await.unwrap();
    assert_eq!(stage.push(&[id]).await.in_salesforce, 1);
    assert_eq!(tasks::rejects(&*stage.ports.tasks).await.unwrap(), []);

    // A lock passes by itself.
    stage.clock.jump(PERIOD);
    stage.say(json!({ "taskId": "t2", "name": "Write soon" })).await;
    stage.salesforce.set_faults(vec![Fault::once(
        "POST /composite",
        FaultAction::Record("UNABLE_TO_LOCK_ROW".into(), "locked".into(), 1),
    )]);
    assert_eq!(stage.push(std::slice::from_ref(&other)).await.rejected, 1);
    assert!(tasks::rejects(&*stage.ports.tasks).await.unwrap()[0].next_try.is_some());
    assert_eq!(stage.tick().await.in_salesforce, 1);
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_and_no_text_is_in_a_failure() {
    let stage = Stage::set().await;
    stage.add("t1", json!({ "name": "canary", "details": "canary", "owner": "canary@example.com" })).await;
    stage.salesforce.set_faults(vec![Fault::once("*", FaultAction::Status(503)).times(None)]);
    let problem = stage.pass().await.closed.unwrap();
    assert!(!format!("{problem:?}").contains("canary"), "{problem:?}");
}
