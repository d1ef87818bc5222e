//! Reminder tasks at the client: what is read of them, and writes that respect what others did meanwhile.

use std::collections::BTreeSet;

use domain::ports::{
    ChangedSince, KEY_FIELD, NewReminder, ReminderUpdate, RowAdvice, RowOutcome, SalesforceReminders, UpdateOutcome,
};
use domain::tasks::Field;
use domain::{FailureKind, Timestamp};
use serde_json::json;
use simulator_salesforce::Access;

use crate::support::Org;

fn new(key: &str, subject: &str) -> NewReminder {
    let fields = [(Field::Name, Some(subject.to_owned())), (Field::Due, Some("2027-01-31".to_owned()))];
    NewReminder { key: key.to_owned(), fields: fields.into(), who: None }
}

#[tokio::test]
async fn tasks_are_made_once_and_read_back() {
    let org = Org::start().await;
    let client = org.client();
    let made =
        client.create_reminders(&[new("reminder/1", "a"), new("reminder/2", "b")], Timestamp::MAX).await.unwrap();
    assert!(made.iter().all(|outcome| matches!(outcome, RowOutcome::Written { .. })), "{made:?}");
    let again = client.create_reminders(&[new("reminder/1", "c")], Timestamp::MAX).await.unwrap();
    assert!(
        matches!(&again[0], RowOutcome::Refused { code, advice: RowAdvice::Retry, .. } if code == "DUPLICATE_VALUE"),
        "{again:?}"
    );
    let keys = BTreeSet::from(["reminder/1".to_owned(), "reminder/3".to_owned()]);
    let found = client.reminders_by_key(&keys).await.unwrap();
    assert_eq!(found.len(), 1);
    let record = &found[0];
    assert_eq!((record.key.as_deref(), record.values.subject.as_deref()), (Some("reminder/1"), Some("a")));
    assert_eq!(
        (record.values.status.as_deref(), record.values.closed, record.deleted),
        (Some("Not Started"), false, false)
    );
    assert_eq!(record.values.due.map(|due| due.to_string()).as_deref(), Some("2027-01-31"));
    let since = ChangedSince { at: Timestamp::UNIX_EPOCH, after: None };
    assert_eq!(client.changed_reminders(&since).await.unwrap().len(), 2);
    let behind = ChangedSince { at: record.stamp, after: Some(record.id.clone()) };
    assert_eq!(client.changed_reminders(&behind).await.unwrap().len(), 1, "of one stamp, by id");

    let gone = client.delete_reminders(std::slice::from_ref(&record.id), Timestamp::MAX).await.unwrap();
    assert!(matches!(gone[0], RowOutcome::Written { .. }));
    let gone = client.delete_reminders(std::slice::from_ref(&record.id), Timestamp::MAX).await.unwrap();
    assert!(matches!(gone[0], RowOutcome::Refused { advice: RowAdvice::Gone, .. }));
    let ids = BTreeSet::from([record.id.clone()]);
    assert!(client.reminders_by_id(&ids).await.unwrap()[0].deleted, "deleted ones are read, too");
}

#[tokio::test]
async fn whoever_changed_a_task_meanwhile_is_not_written_over() {
    let org = Org::start().await;
    let (client, world) = (org.client(), &org.world);
    let record = |n: usize| json!({ "Subject": format!("t{n}"), "Status": "Not Started", "Priority": "Normal" });
    let ids = world.put("Task", &(0..60).map(record).collect::<Vec<_>>()).unwrap();
    let seen = client.reminders_by_id(&ids.iter().cloned().collect()).await.unwrap();
    world.advance(10);
    let edit = simulator_salesforce::Edit {
        id: ids[7].clone(),
        fields: json!({ "Priority": "High" }).as_object().unwrap().clone(),
        ..Default::default()
    };
    world.edit(&edit).unwrap();
    world.delete(&ids[8], None).unwrap();
    let update = |id: &String| ReminderUpdate {
        id: id.clone(),
        seen: seen.iter().find(|record| record.id == *id).unwrap().modified,
        fields: [(Field::Name, Some("ours".to_owned())), (Field::Details, None)].into(),
    };
    world.reset_stats();
    let outcomes = client.update_reminders(&ids.iter().map(update).collect::<Vec<_>>(), Timestamp::MAX).await.unwrap();
    assert_eq!(world.stats().calls, 3, "25 a call");
    for (nth, outcome) in outcomes.iter().enumerate() {
        match (nth, outcome) {
            (7, UpdateOutcome::Changed) => {}
            (8, UpdateOutcome::Row(RowOutcome::Refused { advice: RowAdvice::Gone, .. })) => {}
            (_, UpdateOutcome::Row(RowOutcome::Written { id })) => assert_eq!(*id, ids[nth]),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.record(&ids[7]).unwrap()["Subject"], "t7");
    let late = client.update_reminders(&[update(&ids[0])], Timestamp::MIN).await.unwrap_err();
    assert_eq!(late.kind, FailureKind::Unavailable, "nothing is sent when its time is over");
}

#[tokio::test]
async fn the_layout_tells_what_can_be_written_and_a_hidden_field_is_named() {
    let org = Org::start().await;
    let (client, world) = (org.client(), &org.world);
    let layout = client.reminder_layout(false).await.unwrap();
    assert!(layout.has_key && layout.has_who && layout.writable.len() == Field::ALL.len());
    assert_eq!(
        (layout.open_status.as_deref(), layout.closed_status.as_deref()),
        (Some("Not Started"), Some("Completed"))
    );
    assert_eq!((layout.normal_priority.as_deref(), layout.high_priority.as_deref()), (Some("Normal"), Some("High")));
    world.change_field("Task.Description", Access::ReadOnly).unwrap();
    world.change_field(&format!("Task.{KEY_FIELD}"), Access::ReadOnly).unwrap();
    assert_eq!(client.reminder_layout(false).await.unwrap(), layout, "kept for some minutes");
    let fresh = client.reminder_layout(true).await.unwrap();
    assert!(!fresh.has_key && !fresh.writable.contains(&Field::Details));
    world.change_field("Task.ActivityDate", Access::Hidden).unwrap();
    let since = ChangedSince { at: Timestamp::UNIX_EPOCH, after: None };
    let failure = client.changed_reminders(&since).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadSetting);
    assert!(failure.message.contains("Task.ActivityDate is hidden"), "{failure}");
}
