//! 5,000 tasks on each side at the first switch, with a window of 24 hours: what comes in is exactly what the documentation says, nothing that was
//! here goes out, and a dry run tells the same.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::ports::TaskWrite;
use domain::tasks::{self, Progress, Side, Step, Task, TaskId};
use serde_json::{Value, json};

use super::stage::{KEY, Stage};

const TASKS: usize = 5_000;

/// What a task in Salesforce is like; `true` = it comes in.
fn kind(number: usize, stage: &Stage, queue: &str) -> (Value, bool) {
    let recent = number.is_multiple_of(2);
    match number % 25 {
        0 => (json!({ "Status": "Completed" }), false),
        1 => (json!({ "ActivityDate": null }), false),
        2 => (json!({ "IsRecurrence": true }), false),
        3 => (json!({ (KEY): format!("activity-{number}") }), false),
        4 => (json!({ "OwnerId": queue }), false),
        5 => (json!({ "Status": "Waiting on someone else", "Priority": "Low" }), recent),
        6 => (json!({ "OwnerId": stage.users[1].0, "Priority": "High" }), recent),
        _ => (json!({}), recent),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_switch_takes_in_what_changed_within_the_window_and_sends_nothing() {
    let stage = Stage::switched_off().await;
    let now = domain::ports::Clock::now(&*stage.clock);
    let here = (0..TASKS).map(|number| {
        let mut task = Task::new(TaskId::of(&format!("here-{number}")).unwrap(), Side::Actions, now);
        task.values.name = format!("here {number}");
        task.values.status = if number % 5 == 0 { Progress::Complete } else { Progress::Open };
        TaskWrite { task, seen: None }
    });
    for some in here.collect::<Vec<_>>().chunks(500) {
        stage.ports.tasks.put(some.to_vec()).await.unwrap();
    }
    let queue = stage.salesforce.put("Group", &[json!({ "Name": "Queue", "Type": "Queue" })]).unwrap().remove(0);
    let (mut expected, mut older, mut newer) = (BTreeSet::new(), Vec::new(), Vec::new());
    for number in 0..TASKS {
        let (more, comes_in) = kind(number, &stage, &queue);
        let record = stage.record(more);
        if number.is_multiple_of(2) { newer.push((record, comes_in)) } else { older.push((record, comes_in)) }
    }
    for (records, wait) in [(older, 25 * 3_600), (newer, 3_600)] {
        let wanted: Vec<bool> = records.iter().map(|(_, comes_in)| *comes_in).collect();
        let records: Vec<Value> = records.into_iter().map(|(record, _)| record).collect();
        let ids = stage.salesforce.put("Task", &records).unwrap();
        expected.extend(ids.into_iter().zip(wanted).filter(|(_, comes_in)| *comes_in).map(|(id, _)| id));
        stage.clock.jump(Duration::from_secs(wait));
    }
    stage.set_to("reminders.sync", "on").await;
    let before = (stage.tasks().await, stage.salesforce.stats().written);

    let dry = tasks::dry_run(&stage.ports).await.unwrap();
    let told: BTreeSet<String> = dry
        .steps
        .iter()
        .map(|step| match step {
            Step::Import { record } => record.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, expected);
    assert_eq!((stage.tasks().await, stage.salesforce.stats().written), before, "a dry run writes nothing");

    stage.salesforce.reset_stats();
    let done = stage.pass().await;
    eprintln!("{done:?}, {} calls", stage.salesforce.stats().calls);
    assert_eq!((done.in_actions, done.in_salesforce, done.rejected), (expected.len() as u64, 0, 0));
    let tasks = stage.tasks().await;
    let taken: BTreeSet<String> = tasks
        .values()
        .filter(|task| task.origin == Side::Salesforce)
        .map(|task| task.sfdc_id().unwrap().to_owned())
        .collect();
    assert_eq!((taken == expected, tasks.len()), (true, TASKS + expected.len()));
    assert!(tasks.values().filter(|task| task.origin == Side::Actions).all(|task| task.sfdc_id().is_none()));
    stage.is_quiet().await;
}
