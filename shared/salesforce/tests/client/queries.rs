//! Queries: pages, long lists, describe, and what a refused or lost answer means.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::ports::{KEY_FIELD, PersonObject, SalesforceDirectory, SalesforceTasks};
use domain::{Advice, FailureKind};
use serde_json::{Value, json};
use simulator_salesforce::{Access, Fault, FaultAction, Picklist};

use crate::support::Org;

const LEADS: &str = "SELECT Id FROM Lead";

#[tokio::test]
async fn all_pages_come_and_each_record_once() {
    let org = Org::start().await;
    let leads: Vec<Value> = (0..4_500).map(|n| json!({ "LastName": format!("L{n}"), "Company": "Acme" })).collect();
    let put: BTreeSet<String> = org.world.put("Lead", &leads).unwrap().into_iter().collect();
    let found = org.client().query::<Value>(LEADS, false).await.unwrap();
    let found: BTreeSet<String> = found.iter().map(|lead| lead["Id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, put);
}

#[tokio::test]
async fn people_are_found_by_many_addresses_whatever_these_hold() {
    let org = Org::start().await;
    let awkward = "o'neil+\\x@example.com";
    let contacts: Vec<Value> =
        (0..600).map(|n| json!({ "LastName": "C", "Email": format!("person.{n}@example.com") })).collect();
    org.world.put("Contact", &contacts).unwrap();
    let lead = json!({ "LastName": "L", "Company": "Acme", "Email": awkward });
    let lead = org.world.put("Lead", &[lead]).unwrap().remove(0);
    let mut emails: BTreeSet<String> = (0..600).map(|n| format!("person.{n}@example.com")).collect();
    emails.insert(awkward.to_owned());
    let client = org.client();
    let found = client.people_by_email(&emails).await.unwrap();
    assert_eq!(found.len(), 601);
    assert_eq!(
        found.iter().filter(|person| person.object == PersonObject::Lead).map(|p| &p.id).collect::<Vec<_>>(),
        [&lead]
    );
    assert!(client.stats().calls >= 4, "lists are cut: {:?}", client.stats());

    org.world.convert(&lead, None, None).unwrap();
    assert!(
        client
            .people_by_email(&BTreeSet::from([awkward.to_owned()]))
            .await
            .unwrap()
            .iter()
            .all(|p| p.object == PersonObject::Contact)
    );
    let followed = client.people_by_id(&BTreeSet::from([lead])).await.unwrap().remove(0);
    assert!(followed.converted_to.is_some_and(|contact| contact.starts_with("003")));
}

#[tokio::test]
async fn merged_and_deleted_records_say_so() {
    let org = Org::start().await;
    let contact = json!({ "LastName": "C" });
    let ids = org.world.put("Contact", &[contact.clone(), contact.clone(), contact]).unwrap();
    org.world.merge(&ids[0], &ids[1]).unwrap();
    org.world.delete(&ids[2], None).unwrap();
    let found = org.client().people_by_id(&ids.iter().cloned().collect()).await.unwrap();
    let by_id = |id: &str| found.iter().find(|person| person.id == id).unwrap();
    assert_eq!((by_id(&ids[0]).deleted, by_id(&ids[1]).merged_into.as_deref()), (false, Some(ids[0].as_str())));
    assert!(by_id(&ids[2]).deleted && by_id(&ids[2]).merged_into.is_none());
}

#[tokio::test]
async fn the_layout_tells_what_can_be_written() {
    let org = Org::start().await;
    let client = org.client();
    let layout = client.task_layout(false).await.unwrap();
    assert!(layout.has_key && layout.closed_status.as_deref() == Some("Completed"), "{layout:?}");
    assert_eq!(layout.fields["Subject"].length, Some(255));
    assert!(layout.fields["Type"].values.contains("Email") && !layout.fields["Type"].values.contains("Reply"));
    assert!(!layout.fields.contains_key("TaskSubtype"), "it can be set once only");

    org.world.change_field("Task.MSE_Campaign__c", Access::ReadOnly).unwrap();
    org.world.change_field(&format!("Task.{KEY_FIELD}"), Access::Hidden).unwrap();
    let types = Picklist { values: vec!["Reply".into()], default: None, restricted: true };
    org.world.set_picklist("Task.Type", &types).unwrap();
    let calls = client.stats().calls;
    assert_eq!(client.task_layout(false).await.unwrap(), layout, "kept for a while");
    assert_eq!(client.stats().calls, calls);
    let fresh = client.task_layout(true).await.unwrap();
    assert!(
        !fresh.has_key
            && !fresh.fields.contains_key("MSE_Campaign__c")
            && fresh.fields["Type"].values.contains("Reply")
    );
}

#[tokio::test]
async fn users_are_asked_for_once() {
    let org = Org::start().await;
    let user =
        json!({ "Username": "ana@seller.example", "LastName": "Ana", "Email": "Ana@Seller.example", "IsActive": true });
    let id = org.world.put("User", &[user]).unwrap().remove(0);
    let client = org.client();
    let emails = BTreeSet::from(["ana@seller.example".to_owned(), "nobody@seller.example".to_owned()]);
    for _ in 0..2 {
        let found = client.users(&emails).await.unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [("ana@seller.example".to_owned(), id.clone())]);
    }
    assert_eq!(client.stats().calls, 1);
}

#[tokio::test]
async fn what_passes_is_waited_out_and_what_does_not_is_told() {
    let org = Org::start().await;
    let client = org.client();
    for action in [
        FaultAction::Status(503),
        FaultAction::Error(503, "SERVER_UNAVAILABLE".into(), "busy".into()),
        FaultAction::Error(400, "QUERY_TIMEOUT".into(), "slow".into()),
        FaultAction::Drop(0),
    ] {
        org.world.set_faults(vec![Fault::once("GET /query", action.clone()).times(2)]);
        assert!(client.query::<Value>(LEADS, false).await.is_ok(), "{action:?}");
        org.world.set_faults(vec![Fault::once("GET /query", action).times(None)]);
        let failure = client.query::<Value>(LEADS, false).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    }
    org.world.set_faults(Vec::new());
    for (soql, kind) in [
        ("SELECT Nope__c FROM Lead", FailureKind::BadSetting),
        ("SELECT Id FROM Nothing", FailureKind::BadSetting),
        ("SELECT", FailureKind::BadRequest),
    ] {
        let failure = client.query::<Value>(soql, false).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{soql}: {failure}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_given_up() {
    let org = Org::start().await;
    let client = org.client_with(org.login.clone(), Duration::from_millis(300));
    client.query::<Value>(LEADS, false).await.unwrap();
    org.world.set_faults(vec![Fault::once("GET /query", FaultAction::Hang(0)).times(None)]);
    assert_eq!(client.query::<Value>(LEADS, false).await.unwrap_err().kind, FailureKind::Unavailable);
}

#[tokio::test]
async fn used_up_calls_are_waited_for_and_the_header_is_heard() {
    let org = Org::start().await;
    let client = org.client();
    client.query::<Value>(LEADS, false).await.unwrap();
    let usage = client.usage().unwrap();
    assert!(usage.used >= 1 && usage.allowed >= 15_000, "{usage:?}");
    let full = Fault::once(
        "GET /query",
        FaultAction::Error(403, "REQUEST_LIMIT_EXCEEDED".into(), "TotalRequests Limit exceeded.".into()),
    );
    org.world.set_faults(vec![full.times(None)]);
    let before = client.stats().calls;
    let failure = client.query::<Value>(LEADS, false).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::DailyCalls);
    assert!(matches!(failure.advice(), Advice::Park { .. }), "{failure:?}");
    assert_eq!(client.stats().calls, before + 1, "it is not asked again");
}
