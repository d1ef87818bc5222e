//! Switching on: what comes in and what does not, what goes out and what does not, and what holds after a pause.

use std::time::Duration;

use domain::tasks::{self, Step, TaskId};
use serde_json::json;

use super::stage::{KEY, PERIOD, Stage};

const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test(flavor = "multi_thread")]
async fn tasks_from_before_the_switch_go_out_only_when_asked_for() {
    let stage = Stage::switched_off().await;
    let old = stage.add("old", json!({})).await;
    let done = stage.add("done", json!({ "status": "complete" })).await;
    assert_eq!(stage.pass().await.planned, 0, "off");
    stage.clock.jump(PERIOD);
    stage.set_to("reminders.sync", "on").await;
    let new = stage.add("new", json!({})).await;
    let pass = stage.pass().await;
    assert_eq!((pass.in_salesforce, stage.task(&old).await.sfdc_id()), (1, None), "no back-fill");
    assert!(stage.task(&new).await.sfdc_id().is_some());
    // Also what is said about it later.
    stage.say(json!({ "taskId": "old", "name": "Ring soon" })).await;
    stage.is_quiet().await;

    stage.set_to("reminders.backfill", "on").await;
    let preview = tasks::dry_run(&stage.ports).await.unwrap();
    assert_eq!(preview.steps, [Step::Create { task: old.clone() }]);
    assert_eq!(stage.task(&old).await.sfdc_id(), None, "a dry run writes nothing");
    assert_eq!(stage.pass().await.in_salesforce, 1);
    assert!(stage.task(&old).await.sfdc_id().is_some() && stage.task(&done).await.sfdc_id().is_none());
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_pairs_catch_up_and_deletions_of_fifteen_days_are_taken_over() {
    let stage = Stage::set().await;
    let mut ids = Vec::new();
    for name in ["edited", "deleted", "purged", "edited-here"] {
        ids.push(stage.add(name, json!({})).await);
    }
    stage.pass().await;
    let there: Vec<String> = {
        let tasks = stage.tasks().await;
        ids.iter().map(|id| tasks[id].sfdc_id().unwrap().to_owned()).collect()
    };
    stage.set_to("reminders.sync", "off").await;
    stage.salesforce.delete(&there[2], None).unwrap();
    stage.clock.jump(DAY * 16);
    stage.salesforce.purge();
    stage.edit(&there[0], json!({ "Subject": "Theirs" }));
    stage.salesforce.delete(&there[1], None).unwrap();
    stage.say(json!({ "taskId": "edited-here", "name": "Ours" })).await;
    let foreign = stage.put(json!({}));
    stage.clock.jump(DAY * 3);
    let recent = stage.put(json!({}));
    stage.set_to("reminders.sync", "on").await;
    let done = stage.pass().await;
    assert!(done.complete && done.closed.is_none(), "{done:?}");
    let tasks = stage.tasks().await;
    assert_eq!(tasks[&ids[0]].values.name, "Theirs");
    assert!(tasks[&ids[1]].deleted.is_some(), "deleted within the last 15 days");
    assert!(
        tasks[&ids[2]].deleted.is_none() && tasks[&ids[2]].sfdc_id().is_none(),
        "gone for longer: stays here alone"
    );
    assert_eq!(stage.there(&there[3])["Subject"], "Ours");
    assert!(!tasks.contains_key(&TaskId::imported(&foreign)), "changed before the import window");
    assert!(tasks.contains_key(&TaskId::imported(&recent)));
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_some_owners_take_part() {
    let stage = Stage::set().await;
    let (first, second) = (stage.users[0].clone(), stage.users[1].clone());
    stage.set_to("reminders.owners", &first.1.to_uppercase()).await;
    let ours = stage.add("ours", json!({})).await;
    let others = stage.add("others", json!({ "owner": second.1 })).await;
    let (theirs, foreign) = (stage.put(json!({})), stage.put(json!({ "OwnerId": second.0 })));
    stage.pass().await;
    let tasks = stage.tasks().await;
    assert!(tasks[&ours].sfdc_id().is_some() && tasks[&others].sfdc_id().is_none());
    assert!(tasks.contains_key(&TaskId::imported(&theirs)) && !tasks.contains_key(&TaskId::imported(&foreign)));
    // A pair that changes hands stays one.
    stage.edit(&theirs, json!({ "OwnerId": second.0 }));
    stage.clock.jump(PERIOD);
    stage.pass().await;
    assert_eq!(stage.task(&TaskId::imported(&theirs)).await.values.owner.as_deref(), Some(second.1.as_str()));
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logged_activities_are_nobodys_reminders() {
    let stage = Stage::set().await;
    stage.pass().await;
    let logged = stage.put(json!({ (KEY): "activity-1" }));
    stage.clock.jump(PERIOD);
    stage.is_quiet().await;
    assert_eq!((stage.tasks().await.len(), stage.there(&logged)["Subject"].clone()), (0, json!("Call")));
}
