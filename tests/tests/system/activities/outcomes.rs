//! What comes of an activity, case by case: a line each, at Marketo and at Salesforce, and what else is to be seen.

use std::future::Future;
use std::pin::Pin;

use domain::activities;
use domain::people::{Field, MarketoId, Status};
use serde_json::json;
use simulator_salesforce::{Access, Picklist, Predicate, ValidationRule};

use super::scene::{Scene, about, call, email};

const ADDRESS: &str = "Jo@Example.com";
const BY_ADDRESS: &[(Field, &str)] = &[(Field::Email, "jo@example.com"), (Field::LastName, "Jo")];

type Line = (&'static str, &'static str, Pin<Box<dyn Future<Output = String>>>);

fn line(name: &'static str, expected: &'static str, case: impl Future<Output = String> + 'static) -> Line {
    (name, expected, Box::pin(case))
}

async fn assert_all(lines: Vec<Line>) {
    eprintln!("seed 1");
    let mut wrong = Vec::new();
    for (name, expected, case) in lines {
        let told = case.await;
        if told != expected {
            wrong.push(format!("{name}: {told} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Several contacts with one address; the one that has `more` has to be chosen.
async fn of_two_contacts(other: serde_json::Value, more: impl Fn(&Scene) -> serde_json::Value) -> String {
    let (scene, jo) = Scene::with(BY_ADDRESS).await;
    scene.put("Contact", ADDRESS, other.clone());
    let chosen = scene.put("Contact", ADDRESS, more(&scene));
    scene.put("Contact", ADDRESS, other);
    scene.email_goes_to(jo, &[("the right one", &chosen)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_activity_is_about() {
    const OLD: &str = "2020-01-01T00:00:00Z";
    const NEW: &str = "2024-01-01T00:00:00Z";
    let lines = vec![
        line("an unknown person", "later unknown-person, later unknown-person", async {
            Scene::set().await.log(&[email("e", 1)]).await
        }),
        line("a person by address", "done, done", async {
            let scene = Scene::set().await;
            let contact = scene.put("Contact", ADDRESS, json!({}));
            scene.store(0, &[(Field::Email, ADDRESS), (Field::SfdcContactId, &contact)], |_| ()).await;
            let mut call = call("c", 1);
            call["marketoId"] = json!(null);
            call["email"] = json!(" jo@example.COM ");
            scene.log(&[call]).await
        }),
        line("a merged person", "done, done: the survivor's contact, in Marketo too", async {
            let scene = Scene::set().await;
            let contact = scene.put("Contact", ADDRESS, json!({}));
            let survivor = scene.store(1, &[(Field::SfdcContactId, &contact)], |_| ()).await;
            let merged = scene.store(0, &[], |row| {
                (row.status, row.merged_into) = (Status::Merged, Some(MarketoId(survivor)));
            });
            let merged = merged.await;
            let told = scene.email_goes_to(merged, &[("the survivor's contact", &contact)]).await;
            assert_eq!(scene.stage.in_marketo(), [("e".to_owned(), survivor)]);
            format!("{told}, in Marketo too")
        }),
        line("a deleted person", "rejected deleted-person, rejected deleted-person", async {
            let scene = Scene::set().await;
            let gone = scene.store(0, &[], |row| row.status = Status::Deleted).await;
            scene.log(&[email("e", gone)]).await
        }),
        line("a converted lead", "done, done: its contact", async {
            let scene = Scene::set().await;
            let lead = scene.put("Lead", ADDRESS, json!({}));
            let converted = scene.stage.salesforce.convert(&lead, None, None).unwrap();
            let jo = scene.store(0, &[(Field::SfdcLeadId, &lead)], |_| ()).await;
            scene.email_goes_to(jo, &[("its contact", &converted.contact_id)]).await
        }),
        line("a merged contact", "done, done: the winner", async {
            let scene = Scene::set().await;
            let (winner, loser) = (scene.put("Contact", ADDRESS, json!({})), scene.put("Contact", "", json!({})));
            scene.stage.salesforce.merge(&winner, &loser).unwrap();
            let jo = scene.store(0, &[(Field::SfdcContactId, &loser)], |_| ()).await;
            scene.email_goes_to(jo, &[("the winner", &winner)]).await
        }),
        line("a deleted lead, and another record with the address", "done, done: the other", async {
            let scene = Scene::set().await;
            let (lead, other) = (scene.put("Lead", ADDRESS, json!({})), scene.put("Contact", ADDRESS, json!({})));
            scene.stage.salesforce.delete(&lead, None).unwrap();
            let jo = scene.store(0, &[(Field::SfdcLeadId, &lead), (Field::Email, ADDRESS)], |_| ()).await;
            scene.email_goes_to(jo, &[("the other", &other)]).await
        }),
        line("nobody in Salesforce", "done, rejected no-match", async {
            let (scene, jo) = Scene::with(BY_ADDRESS).await;
            scene.log(&[email("e", jo)]).await
        }),
        line("nobody, and leads are made", "done, done; done, done; done, done: 1 lead", async {
            let (scene, jo) = Scene::with(BY_ADDRESS).await;
            scene.stage.set_to("log.salesforce.onNoMatch", "createLead").await;
            let told = scene.log(&[email("e", jo), call("c", jo)]).await;
            let later = scene.log(&[call("d", jo)]).await;
            format!("{told}; {later}: {} lead", scene.stage.salesforce.records("Lead").len())
        }),
        line("a contact before a lead", "done, done: the contact", async {
            let (scene, jo) = Scene::with(BY_ADDRESS).await;
            scene.put("Lead", ADDRESS, json!({ "OwnerId": scene.seller }));
            let contact = scene.put("Contact", ADDRESS, json!({}));
            scene.email_goes_to(jo, &[("the contact", &contact)]).await
        }),
        line("the seller's before the most recently active", "done, done: the right one", async {
            of_two_contacts(json!({ "LastActivityDate": "2026-06-30" }), |scene| json!({ "OwnerId": scene.seller }))
                .await
        }),
        line("the most recently active before the oldest", "done, done: the right one", async {
            let other = json!({ "CreatedDate": OLD, "LastActivityDate": "2026-06-01" });
            of_two_contacts(other, |_| json!({ "CreatedDate": NEW, "LastActivityDate": "2026-06-30" })).await
        }),
        line("the oldest", "done, done: the right one", async {
            of_two_contacts(json!({ "CreatedDate": NEW }), |_| json!({ "CreatedDate": OLD })).await
        }),
        line("a call by address alone, where that is off", "done, done; done, rejected no-match", async {
            let (scene, jo) = Scene::with(BY_ADDRESS).await;
            scene.put("Contact", ADDRESS, json!({}));
            scene.stage.set_to("log.salesforce.matchCallsByEmail", "off").await;
            scene.log(&[email("e", jo), call("c", jo)]).await
        }),
    ];
    assert_all(lines).await;
}

/// A stage with a person who has a contact.
async fn with_contact() -> (Scene, i64) {
    let scene = Scene::set().await;
    let contact = scene.put("Contact", ADDRESS, json!({}));
    let jo = scene.store(0, &[(Field::SfdcContactId, &contact)], |_| ()).await;
    (scene, jo)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_activity_becomes() {
    let lines = vec![
        line("a long subject of several lines", "done, done: 255 characters, 1 line", async {
            let (scene, jo) = with_contact().await;
            let mut long = email("e", jo);
            long["email"]["subject"] = format!("One\r\ntwo\n{}", "ä".repeat(291)).into();
            let told = scene.log(&[long]).await;
            let subject = scene.task("e")["Subject"].as_str().unwrap().to_owned();
            format!("{told}: {} characters, {} line", subject.chars().count(), subject.lines().count())
        }),
        line("a field that cannot be written", "done, done: null, told: true", async {
            let (scene, jo) = with_contact().await;
            scene.stage.salesforce.change_field("Task.MSE_Template__c", Access::ReadOnly).unwrap();
            let told = scene.log(&[email("e", jo)]).await;
            let (notices, _) = scene.desk().await;
            format!("{told}: {}, told: {}", scene.task("e")["MSE_Template__c"], notices.contains("MSE_Template__c"))
        }),
        line("a field that becomes unwritable meanwhile", "done, done; done, done: null, told: true", async {
            let (scene, jo) = with_contact().await;
            let first = scene.log(&[email("d", jo)]).await;
            scene.stage.salesforce.change_field("Task.MSE_Template__c", Access::ReadOnly).unwrap();
            let told = scene.log(&[email("e", jo)]).await;
            let (notices, _) = scene.desk().await;
            let field = scene.task("e")["MSE_Template__c"].clone();
            format!("{first}; {told}: {field}, told: {}", notices.contains("MSE_Template__c"))
        }),
        line("no key field", "done, waits: 0 tasks, told: true", async {
            let (scene, jo) = with_contact().await;
            scene.stage.salesforce.change_field("Task.Sales_Activity_Key__c", Access::Hidden).unwrap();
            let told = scene.log(&[email("e", jo)]).await;
            let problem = scene.desk().await.1.unwrap();
            format!("{told}: {} tasks, told: {}", scene.stage.tasks().len(), problem.contains("Sales_Activity_Key__c"))
        }),
        line("a type that the picklist lacks", "done, done: null", async {
            let (scene, jo) = with_contact().await;
            let picklist = Picklist { values: vec!["Meeting".into()], default: None, restricted: true };
            scene.stage.salesforce.set_picklist("Task.Type", &picklist).unwrap();
            format!("{}: {}", scene.log(&[email("e", jo)]).await, scene.task("e")["Type"])
        }),
        line("a type that the picklist has", "done, done: \"Email\"", async {
            let (scene, jo) = with_contact().await;
            format!("{}: {}", scene.log(&[email("e", jo)]).await, scene.task("e")["Type"])
        }),
        line("an open before its email", "done, later waits-for-email; done, done, done, done: true", async {
            let (scene, jo) = with_contact().await;
            let early = scene.log(&[about("emailOpened", "o", jo, "e")]).await;
            let email = scene.log(&[email("e", jo)]).await;
            scene.stage.settle(std::slice::from_ref(&scene.stage.ports), &[activities::ActivityId("o".into())]).await;
            format!("{early}; {email}, {}: {}", scene.outcome("o").await, scene.task("e")["MSE_Viewed__c"])
        }),
        line("emails are not logged", "done, skipped; done, skipped; done, done", async {
            let (scene, jo) = with_contact().await;
            scene.stage.set_to("log.salesforce.email", "off").await;
            scene.log(&[email("e", jo), about("emailOpened", "o", jo, "e"), call("c", jo)]).await
        }),
        line("a reply with a task of its own", "done, done; done, done: \"Reply: Hello\", true", async {
            let (scene, jo) = with_contact().await;
            scene.stage.set_to("log.salesforce.reply", "on").await;
            let told = scene.log(&[email("e", jo), about("emailReplied", "r", jo, "e")]).await;
            format!("{told}: {}, {}", scene.task("r")["Subject"], scene.task("e")["MSE_Replied__c"])
        }),
        line("a validation rule", "done, rejected FIELD_CUSTOM_VALIDATION_EXCEPTION: true, then done, done", async {
            let (scene, jo) = with_contact().await;
            let (object, field) = ("Task".to_owned(), "Subject".to_owned());
            let broken_if = Predicate::Contains("Hello".into());
            let rule = ValidationRule { object, field, broken_if, message: "No greetings, please".into() };
            scene.stage.salesforce.set_validation_rules(vec![rule]);
            let told = scene.log(&[email("e", jo)]).await;
            let ledger = &*scene.stage.ports.ledger;
            let rejects = activities::rejects(ledger).await.unwrap();
            let words = rejects.iter().all(|reject| reject.message.contains("No greetings, please"));
            scene.stage.salesforce.set_validation_rules(Vec::new());
            assert_eq!(activities::retry(ledger, &*scene.stage.clock).await.unwrap(), 1);
            format!("{told}: {words}, then {}", scene.log(&[email("e", jo)]).await)
        }),
    ];
    assert_all(lines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_cannot_be_used_are_told_and_leave_nothing() {
    let scene = Scene::set().await;
    let mut newer = email("e", scene.ids[0]);
    newer["v"] = json!(2);
    let bodies = ["{", &newer.to_string(), &email("", 1).to_string()];
    let ports = &scene.stage.ports;
    let accepted = activities::accept(&*ports.ledger, &*ports.clock, &bodies).await.unwrap();
    let reasons: Vec<(usize, &str)> = accepted.unusable.iter().map(|(at, why)| (*at, why.reason.as_str())).collect();
    let version = "its version `v` is not 1, the only one this program knows";
    assert_eq!(reasons, [(0, "it is not JSON"), (1, version), (2, "activityId is missing or empty")]);
    assert_eq!((accepted.ids.len(), accepted.new), (0, 0));
}
