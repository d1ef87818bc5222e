//! What the app is told: each completed step of a campaign, whoever completed it.

use serde_json::{Value, json};

use super::stage::{PERIOD, Stage};

fn told(stage: &Stage) -> Vec<Value> {
    let deliveries = stage.events.receive(usize::MAX);
    assert!(deliveries.iter().all(|delivery| stage.events.delete(&delivery.receipt_handle)));
    deliveries.iter().map(|delivery| serde_json::from_str(&delivery.body).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completed_step_is_told_whoever_completed_it() {
    let stage = Stage::set().await;
    let campaign = json!({ "id": "c1", "name": "Spring", "step": 2 });
    let here = stage.add("here", json!({ "campaign": campaign, "marketoId": 7 })).await;
    let there = stage.add("there", json!({ "campaign": campaign })).await;
    let plain = stage.add("plain", json!({})).await;
    stage.person(7, domain::people::Field::SfdcContactId, &contact(&stage)).await;
    stage.pass().await;
    assert_eq!(told(&stage), Vec::<Value>::new());
    stage.clock.jump(PERIOD);
    for id in [&here, &plain] {
        stage.say(json!({ "taskId": id, "status": "complete" })).await;
    }
    assert_eq!(stage.push(&[here, plain]).await.announced, 1);
    let events = told(&stage);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(
        (&event["v"], &event["event"], &event["taskId"], &event["marketoId"], &event["by"]),
        (&json!(1), &json!("taskCompleted"), &json!("here"), &json!(7), &json!("actions"))
    );
    assert_eq!((&event["campaign"]["id"], &event["campaign"]["step"]), (&json!("c1"), &json!("2")));
    assert!(event["completedAt"].as_str().is_some());

    stage.edit(stage.task(&there).await.sfdc_id().unwrap(), json!({ "Status": "Completed" }));
    assert_eq!(stage.tick().await.announced, 1);
    let events = told(&stage);
    assert_eq!((events.len(), &events[0]["taskId"], &events[0]["by"]), (1, &json!("there"), &json!("salesforce")));
    stage.is_quiet().await;
    assert_eq!(told(&stage), Vec::<Value>::new(), "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_completed_while_the_sync_is_off_is_told_too() {
    let stage = Stage::switched_off().await;
    let id = stage.add("t1", json!({ "campaign": { "id": "c1" } })).await;
    stage.say(json!({ "taskId": "t1", "status": "complete" })).await;
    assert_eq!((stage.push(&[id]).await.announced, told(&stage).len()), (1, 1));
}

fn contact(stage: &Stage) -> String {
    stage.salesforce.put("Contact", &[json!({ "LastName": "Somebody" })]).unwrap().remove(0)
}
