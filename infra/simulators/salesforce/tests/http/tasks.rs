//! What Salesforce does to tasks by itself, and the locks that they take.

use std::time::Duration;

use serde_json::{Value, json};
use simulator_salesforce::{Config, Edit, TaskStatus};

use crate::support::{Api, refusal, small};

#[tokio::test]
async fn completion_follows_the_status() {
    let statuses = vec![
        TaskStatus::new("Open", false, true),
        TaskStatus::new("Done", true, true),
        TaskStatus::new("Cancelled", true, false),
    ];
    let api = Api::start(Config { task_statuses: statuses, ..small() }).await;
    let id = api.created("Task", json!({ "Priority": "High" })).await;
    let seen = |api: &Api| {
        let task = api.truth(&id);
        (task["IsClosed"].clone(), task["CompletedDateTime"].as_str().map(|at| at[17..19].to_owned()))
    };
    assert_eq!((api.truth(&id)["Status"].as_str(), &api.truth(&id)["IsHighPriority"]), (Some("Open"), &json!(true)));
    for (status, closed, completed) in
        [("Done", true, Some("30")), ("Done", true, Some("30")), ("Cancelled", true, Some("50")), ("Open", false, None)]
    {
        api.world.advance(10);
        assert_eq!(api.send("PATCH", &format!("/sobjects/Task/{id}"), json!({ "Status": status })).await.0, 204);
        assert_eq!(seen(&api), (json!(closed), completed.map(str::to_owned)), "{status}");
    }
    let known = api.query("SELECT MasterLabel FROM TaskStatus WHERE IsClosed = true ORDER BY SortOrder").await.1;
    assert_eq!(known["records"][0]["MasterLabel"], "Done");
}

#[tokio::test]
async fn whom_a_task_may_be_about() {
    let api = Api::start(small()).await;
    let (lead, contact, account) = api.people().await;
    let gone = api.created("Contact", json!({ "LastName": "Gone" })).await;
    api.world.delete(&gone, None).unwrap();
    let (winner, loser) = (
        api.created("Contact", json!({ "LastName": "W" })).await,
        api.created("Contact", json!({ "LastName": "L" })).await,
    );
    api.world.merge(&winner, &loser).unwrap();
    let converted = api.created("Lead", json!({ "LastName": "Conv", "Company": "x" })).await;
    api.world.convert(&converted, None, None).unwrap();
    let retired = json!([{ "Username": "r@x.example", "LastName": "R", "Email": "r@x.example", "IsActive": false }]);
    let retired = api.world.put("User", retired.as_array().unwrap()).unwrap().remove(0);
    for (fields, code) in [
        (json!({ "WhoId": lead, "WhatId": account }), "FIELD_INTEGRITY_EXCEPTION"),
        (json!({ "WhoId": account }), "FIELD_INTEGRITY_EXCEPTION"),
        (json!({ "WhoId": gone }), "ENTITY_IS_DELETED"),
        (json!({ "WhoId": loser }), "INVALID_CROSS_REFERENCE_KEY"),
        (json!({ "WhoId": converted }), "CANNOT_UPDATE_CONVERTED_LEAD"),
        (json!({ "OwnerId": retired }), "INACTIVE_OWNER_OR_USER"),
        (json!({ "TaskSubtype": "Cadence" }), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
    ] {
        assert_eq!(refusal(&api.send("POST", "/sobjects/Task", fields.clone()).await).1, code, "{fields}");
    }
    let about = api.created("Task", json!({ "WhoId": contact })).await;
    assert_eq!(api.truth(&about)["AccountId"], account);
    let fixed = api.send("PATCH", &format!("/sobjects/Task/{about}"), json!({ "TaskSubtype": "Call" })).await;
    assert_eq!(refusal(&fixed), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"));
}

#[tokio::test]
async fn recurring_tasks_and_fired_reminders() {
    let api = Api::start(small()).await;
    let id = api.created("Task", json!({ "IsReminderSet": true, "ReminderDateTime": "2026-09-21T14:14:00Z" })).await;
    assert_eq!(api.truth(&id)["IsReminderSet"], true);
    let before = api.truth(&id)["SystemModstamp"].clone();
    api.world.advance(41);
    assert_eq!((&api.truth(&id)["IsReminderSet"], &api.truth(&id)["SystemModstamp"]), (&json!(false), &before));
    let recurring = json!({ "IsRecurrence": true }).as_object().unwrap().clone();
    api.world.edit(&Edit { id: id.clone(), fields: recurring, ..Edit::default() }).unwrap();
    for (field, value) in [("ActivityDate", "2026-10-01"), ("Status", "Completed")] {
        let change = api.send("PATCH", &format!("/sobjects/Task/{id}"), json!({ (field): value })).await;
        assert_eq!(refusal(&change), (400, "INVALID_FIELD_FOR_INSERT_UPDATE"), "{field}");
    }
    assert_eq!(api.send("PATCH", &format!("/sobjects/Task/{id}"), json!({ "Subject": "fine" })).await.0, 204);
}

#[tokio::test]
async fn locks_that_somebody_else_holds_refuse_what_needs_them() {
    let api = Api::start(small()).await;
    let (_, contact, account) = api.people().await;
    let open = json!({ "WhoId": contact, "ActivityDate": "2026-10-01" });
    let done = json!({ "WhoId": contact, "ActivityDate": "2026-10-01", "Status": "Completed" });
    let id = api.created("Task", done.clone()).await;
    api.world.hold_locks(&[&account], 10).unwrap();
    let path = format!("/sobjects/Task/{id}");
    assert_eq!(refusal(&api.send("POST", "/sobjects/Task", open.clone()).await), (400, "UNABLE_TO_LOCK_ROW"));
    assert_eq!(refusal(&api.send("PATCH", &path, json!({ "Subject": "x" })).await), (400, "UNABLE_TO_LOCK_ROW"));
    assert_eq!(refusal(&api.delete(&path).await), (400, "UNABLE_TO_LOCK_ROW"));
    // A task that is done, or has no date, does not roll up.
    api.created("Task", done).await;
    api.created("Task", json!({ "WhoId": contact })).await;
    api.world.advance(10);
    api.created("Task", open).await;
    assert_eq!(api.delete(&path).await.0, 204);
}

#[tokio::test]
async fn of_two_writes_at_once_about_one_account_the_later_is_refused() {
    let api = Api::start(Config { lock_hold_ms: 400, ..small() }).await;
    let (_, contact, _) = api.people().await;
    let open = json!({ "WhoId": contact, "ActivityDate": "2026-10-01" });
    let (left, right) = tokio::join!(
        api.send("POST", "/sobjects/Task", open.clone()),
        api.send("POST", "/sobjects/Task", open.clone())
    );
    let mut statuses = [left.0, right.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 400], "{left:?} {right:?}");
    // A caller who gives up lets go of the locks.
    let given_up = api.request("POST", "/sobjects/Task").json(&open).timeout(Duration::from_millis(50)).send().await;
    assert!(given_up.is_err());
    let mut answer: (u16, Value) = (400, Value::Null);
    while answer.0 != 201 {
        answer = api.send("POST", "/sobjects/Task", open.clone()).await;
    }
}

#[tokio::test]
async fn writes_that_hold_no_locks_never_meet() {
    let api = Api::start(small()).await;
    let (_, contact, _) = api.people().await;
    let open = json!({ "WhoId": contact, "ActivityDate": "2026-10-01" });
    let sent: Vec<_> =
        (0..40).map(|_| tokio::spawn(api.request("POST", "/sobjects/Task").json(&open).send())).collect();
    for answer in sent {
        assert_eq!(answer.await.unwrap().unwrap().status().as_u16(), 201);
    }
}
