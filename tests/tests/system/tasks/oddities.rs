//! What organisations do: statuses and priorities of their own, queues, users who left, fields that cannot be written, archived and recurring
//! tasks, subjects that cannot be read back.

use std::time::Duration;

use domain::tasks::{self, Priority, Progress, TaskId};
use serde_json::json;
use simulator_salesforce::Access;

use super::stage::{PERIOD, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn foreign_statuses_and_priorities_are_understood_and_left_alone() {
    let stage = Stage::set().await;
    let theirs = stage.put(json!({ "Status": "Deferred", "Priority": "Low" }));
    stage.pass().await;
    let id = TaskId::imported(&theirs);
    let values = stage.task(&id).await.values;
    assert_eq!((values.status, values.priority), (Progress::Open, Priority::Normal));
    // An edit of another field touches neither.
    stage.clock.jump(PERIOD);
    stage.say(json!({ "taskId": id, "name": "Ring", "details": "soon" })).await;
    stage.pass().await;
    let there = stage.there(&theirs);
    assert_eq!(
        (&there["Subject"], &there["Status"], &there["Priority"]),
        (&json!("Ring"), &json!("Deferred"), &json!("Low"))
    );
    stage.is_quiet().await;
    // Completing and opening it again uses the organisation's own defaults.
    for (status, expected) in [("complete", "Completed"), ("open", "Not Started")] {
        stage.clock.jump(PERIOD);
        stage.say(json!({ "taskId": id, "status": status })).await;
        stage.pass().await;
        assert_eq!(stage.there(&theirs)["Status"], expected);
    }
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_or_a_user_who_left_owns_it() {
    let stage = Stage::set().await;
    let queue = stage.salesforce.put("Group", &[json!({ "Name": "Queue", "Type": "Queue" })]).unwrap().remove(0);
    let left = &stage.users[2];
    let of_queue = stage.put(json!({ "OwnerId": queue }));
    let pair = stage.put(json!({}));
    stage.pass().await;
    assert!(!stage.tasks().await.contains_key(&TaskId::imported(&of_queue)), "a queue's is not taken in");
    stage
        .salesforce
        .put(
            "User",
            &[json!({ "Id": left.0, "IsActive": false, "Email": left.1, "LastName": "Left", "Username": left.1 })],
        )
        .unwrap();
    stage.clock.jump(PERIOD * 3);
    let of_left = stage.put(json!({ "OwnerId": left.0 }));
    // A pair that is given to a queue keeps the owner that it has here.
    stage.edit(&pair, json!({ "OwnerId": queue }));
    let id = TaskId::imported(&pair);
    let unowned = stage.add("unowned", json!({ "owner": left.1 })).await;
    stage.pass().await;
    let tasks = stage.tasks().await;
    assert!(!tasks.contains_key(&TaskId::imported(&of_left)), "that of a user who left is not taken in");
    assert_eq!(tasks[&id].values.owner.as_deref(), Some(stage.users[0].1.as_str()));
    // Salesforce gives it to the integration user, and here it stays whose it was.
    assert_eq!(tasks[&unowned].values.owner.as_deref(), Some(left.1.as_str()));
    assert_ne!(stage.there(tasks[&unowned].sfdc_id().unwrap())["OwnerId"], left.0.as_str());
    stage.tick().await;
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_cannot_be_written_goes_one_way() {
    let stage = Stage::set().await;
    let theirs = stage.put(json!({ "Description": "theirs" }));
    stage.pass().await;
    stage.salesforce.change_field("Task.Description", Access::ReadOnly).unwrap();
    let id = TaskId::imported(&theirs);
    // Longer than the layout is kept.
    stage.clock.jump(PERIOD * 3);
    stage.say(json!({ "taskId": id, "details": "ours", "name": "Ring" })).await;
    let done = stage.pass().await;
    assert_eq!((done.rejected, done.in_salesforce), (0, 1), "{done:?}");
    let there = stage.there(&theirs);
    assert_eq!((&there["Description"], &there["Subject"]), (&json!("theirs"), &json!("Ring")));
    assert_eq!(stage.task(&id).await.values.details.as_deref(), Some("ours"));
    stage.is_quiet().await;
    stage.edit(&theirs, json!({ "Description": "theirs again" }));
    stage.clock.jump(PERIOD);
    stage.pass().await;
    assert_eq!(stage.task(&id).await.values.details.as_deref(), Some("theirs again"));
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn archived_and_recurring_tasks() {
    let stage = Stage::set().await;
    let (archived, series) =
        (stage.put(json!({ "ActivityDate": "2026-08-01" })), stage.put(json!({ "IsRecurrence": true })));
    stage.pass().await;
    let id = TaskId::imported(&archived);
    assert!(!stage.tasks().await.contains_key(&TaskId::imported(&series)), "a series stays in Salesforce alone");
    stage.clock.jump(PERIOD);
    stage.edit(&archived, json!({ "Status": "Completed" }));
    stage.pass().await;
    stage.clock.jump(Duration::from_secs(800 * 24 * 3_600));
    assert_eq!(stage.there(&archived)["IsArchived"], true);
    // It is seen, and can be changed, all the same.
    stage.say(json!({ "taskId": id, "details": "late word" })).await;
    let done = stage.pass().await;
    assert!(done.closed.is_none() && done.rejected == 0, "{done:?}");
    assert_eq!(stage.there(&archived)["Description"], "late word");
    assert!(stage.task(&id).await.deleted.is_none());
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_that_fired_is_no_edit_and_a_date_is_a_date() {
    let stage = Stage::set().await;
    let theirs = stage.put(
        json!({ "IsReminderSet": true, "ReminderDateTime": "2026-12-01T09:00:00Z", "ActivityDate": "2026-12-31" }),
    );
    stage.pass().await;
    let before = stage.task(&TaskId::imported(&theirs)).await;
    assert_eq!(before.values.due.unwrap().to_string(), "2026-12-31");
    stage.clock.jump(Duration::from_secs(40 * 24 * 3_600));
    assert_eq!(stage.there(&theirs)["IsReminderSet"], false);
    stage.pass().await;
    assert_eq!(stage.task(&before.id).await.values, before.values);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subject_goes_through_the_template_and_back_where_it_can() {
    let stage = Stage::set().await;
    stage.set_to("log.salesforce.subjectTemplate", "{{activity_type}}: {{activity_subject}}").await;
    let id = stage.add("t1", json!({ "kind": "call" })).await;
    stage.pass().await;
    let there = stage.task(&id).await.sfdc_id().unwrap().to_owned();
    assert_eq!(stage.there(&there)["Subject"], "Call: Ring");
    stage.clock.jump(PERIOD);
    stage.edit(&there, json!({ "Subject": "Call: Ring twice" }));
    stage.pass().await;
    assert_eq!(stage.task(&id).await.values.name, "Ring twice");
    stage.is_quiet().await;

    stage.set_to("log.salesforce.subjectTemplate", "{{activity_type}}").await;
    stage.edit(&there, json!({ "Subject": "Something else" }));
    stage.clock.jump(PERIOD);
    stage.pass().await;
    assert_eq!(stage.task(&id).await.values.name, "Ring twice", "one way");
    let now = domain::ports::Clock::now(&*stage.clock);
    let status = tasks::status(&*stage.ports.tasks, &*stage.ports.state, now).await.unwrap();
    assert!(status.notices.iter().any(|notice| notice.contains("subjectTemplate")), "{:?}", status.notices);
    stage.is_quiet().await;
}
