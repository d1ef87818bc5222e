//! Whom tasks are about: from the Marketo id to the contact or lead and back, conversions, merges and deletions followed.

use domain::people::{Field as PersonField, MarketoId, Status};
use domain::ports::RowWrite;
use domain::tasks::{self, TaskId};
use serde_json::json;

use super::stage::{PERIOD, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_about_the_same_person_on_both_sides() {
    let stage = Stage::set().await;
    let contact = stage.salesforce.put("Contact", &[json!({ "LastName": "Becker" })]).unwrap().remove(0);
    let lead = stage.salesforce.put("Lead", &[json!({ "LastName": "Adler", "Company": "Acme" })]).unwrap().remove(0);
    stage.person(1, PersonField::SfdcContactId, &contact).await;
    stage.person(2, PersonField::SfdcLeadId, &lead).await;
    let (of_contact, of_lead) =
        (stage.add("c", json!({ "marketoId": 1 })).await, stage.add("l", json!({ "marketoId": 2 })).await);
    let theirs = stage.put(json!({ "WhoId": contact }));
    let strangers =
        stage.put(json!({ "WhoId": stage.salesforce.put("Contact", &[json!({ "LastName": "X" })]).unwrap()[0] }));
    stage.pass().await;
    let tasks = stage.tasks().await;
    assert_eq!(stage.there(tasks[&of_contact].sfdc_id().unwrap())["WhoId"], contact.as_str());
    assert_eq!(stage.there(tasks[&of_lead].sfdc_id().unwrap())["WhoId"], lead.as_str());
    assert_eq!(tasks[&TaskId::imported(&theirs)].person, Some(MarketoId(1)));
    assert_eq!(tasks[&TaskId::imported(&strangers)].person, None, "taken in all the same");
    // Moved to somebody else in Salesforce.
    stage.edit(&theirs, json!({ "WhoId": lead }));
    stage.clock.jump(PERIOD);
    stage.pass().await;
    assert_eq!(stage.task(&TaskId::imported(&theirs)).await.person, Some(MarketoId(2)));
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_converted_lead_is_followed_to_its_contact() {
    let stage = Stage::set().await;
    let lead = || stage.salesforce.put("Lead", &[json!({ "LastName": "Adler", "Company": "Acme" })]).unwrap().remove(0);
    let (before, after) = (lead(), lead());
    stage.person(1, PersonField::SfdcLeadId, &before).await;
    stage.person(2, PersonField::SfdcLeadId, &after).await;
    let old = stage.add("old", json!({ "marketoId": 1 })).await;
    stage.pass().await;
    stage.salesforce.convert(&before, None, None).unwrap();
    stage.salesforce.convert(&after, None, None).unwrap();
    let contact = |lead: &str| stage.there(lead)["ConvertedContactId"].as_str().unwrap().to_owned();
    stage.clock.jump(PERIOD);
    // The task moved along, and Marketo does not know of it yet.
    stage.say(json!({ "taskId": "old", "name": "Ring again" })).await;
    let new = stage.add("new", json!({ "marketoId": 2 })).await;
    let done = stage.pass().await;
    assert_eq!((done.rejected, done.in_salesforce), (0, 2), "{done:?}");
    let tasks = stage.tasks().await;
    let old_there = stage.there(tasks[&old].sfdc_id().unwrap());
    assert_eq!(
        (old_there["WhoId"].as_str(), old_there["Subject"].as_str()),
        (Some(contact(&before).as_str()), Some("Ring again"))
    );
    assert_eq!(stage.there(tasks[&new].sfdc_id().unwrap())["WhoId"], contact(&after).as_str());
    stage.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_deleted_and_unknown_people() {
    let stage = Stage::set().await;
    let contact = |name: &str| stage.salesforce.put("Contact", &[json!({ "LastName": name })]).unwrap().remove(0);
    let (winner, gone) = (contact("Winner"), contact("Gone"));
    stage.person(1, PersonField::SfdcContactId, &winner).await;
    for (id, status, merged_into) in [(2, Status::Merged, Some(MarketoId(1))), (3, Status::Deleted, None)] {
        stage.person(id, PersonField::SfdcContactId, &gone).await;
        let mut row = stage.ports.people.get(&[MarketoId(id)]).await.unwrap().remove(0);
        (row.status, row.merged_into) = (status, merged_into);
        let seen = Some(row.rev);
        stage.ports.people.put(vec![RowWrite { row, seen }]).await.unwrap();
    }
    let mut ids = Vec::new();
    for (name, person) in [("merged", 2), ("deleted", 3), ("unknown", 4)] {
        ids.push(stage.add(name, json!({ "marketoId": person })).await);
    }
    stage.salesforce.delete(&gone, None).unwrap();
    stage.pass().await;
    let tasks = stage.tasks().await;
    let who = |id: &TaskId| stage.there(tasks[id].sfdc_id().unwrap())["WhoId"].as_str().map(str::to_owned);
    assert_eq!(who(&ids[0]), Some(winner.clone()), "merged: about who is left");
    assert_eq!(who(&ids[1]), None, "deleted on both sides: a task all the same");
    assert_eq!(tasks[&ids[2]].sfdc_id(), None, "unknown: it waits");
    let rejects = tasks::rejects(&*stage.ports.tasks).await.unwrap();
    assert_eq!((rejects.len(), rejects[0].code.as_str(), rejects[0].next_try.is_some()), (1, "unknown-person", true));
    let survivors = tasks::survivors(&*stage.ports.people, [MarketoId(2)]).await.unwrap();
    assert_eq!(survivors[&MarketoId(2)].id, MarketoId(1));
    stage.person(4, PersonField::SfdcContactId, &winner).await;
    stage.tick().await;
    assert!(stage.task(&ids[2]).await.sfdc_id().is_some(), "once the person is there");
    stage.is_quiet().await;
}
