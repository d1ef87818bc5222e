//! Writes: results record by record, keys that make a repeat harmless, and creations that are never repeated.

use domain::ports::{RowAdvice, RowOutcome, SalesforceTasks};
use domain::{FailureKind, Timestamp};
use serde_json::{Value, json};
use simulator_salesforce::{Access, Fault, FaultAction, ValidationRule};

use crate::support::{KEY, Org, UPSERT, values};

fn task(subject: &str) -> serde_json::Map<String, Value> {
    values(json!({ "Subject": subject, "Status": "Completed" }))
}

fn tasks(count: usize) -> Vec<(String, serde_json::Map<String, Value>)> {
    (0..count).map(|n| (format!("key-{n}"), task("S"))).collect()
}

fn refused(outcome: &RowOutcome) -> (&str, &RowAdvice) {
    let RowOutcome::Refused { code, advice, .. } = outcome else { panic!("{outcome:?}") };
    (code, advice)
}

#[tokio::test]
async fn upserts_go_by_two_hundred_and_leave_one_record_each() {
    let org = Org::start().await;
    let client = org.client();
    let ids = client.upsert("Task", KEY, &tasks(450)).await.unwrap();
    assert_eq!((ids.len(), client.stats().calls, org.world.records("Task").len()), (450, 3, 450));
    assert_eq!(client.upsert("Task", KEY, &tasks(450)).await.unwrap(), ids, "the same records, in the order asked");
    assert_eq!(org.world.records("Task").len(), 450);

    let twice = [tasks(1), tasks(1)].concat();
    assert_eq!(client.upsert("Task", KEY, &twice).await.unwrap_err().kind, FailureKind::BadRequest);
}

#[tokio::test]
async fn an_answer_lost_after_the_work_leaves_one_record() {
    let org = Org::start().await;
    let client = org.client();
    for (n, action) in [FaultAction::Status(502), FaultAction::Drop(0), FaultAction::BadJson, FaultAction::EmptyBody]
        .into_iter()
        .enumerate()
    {
        let key = format!("lost-{n}");
        org.world.set_faults(vec![Fault::once(UPSERT, action.clone()).after_work()]);
        let written = client.upsert("Task", KEY, &[(key.clone(), task("S"))]).await;
        // What came but cannot be read is the caller's to repeat, which does no harm either.
        if written.is_err() {
            client.upsert("Task", KEY, &[(key.clone(), task("S"))]).await.unwrap();
        }
        assert_eq!(org.with_key(&key).len(), 1, "{action:?}");

        let creation = Fault::once("POST /composite/sobjects", action.clone()).after_work();
        org.world.set_faults(vec![creation]);
        let before = (org.world.records("Lead").len(), client.stats().calls);
        let lead = values(json!({ "LastName": "L", "Company": "Acme" }));
        let failure = client.create("Lead", &[lead]).await.unwrap_err();
        assert!(matches!(failure.kind, FailureKind::Unavailable | FailureKind::BadAnswer), "{failure}");
        let after = (org.world.records("Lead").len(), client.stats().calls);
        assert_eq!(after.0, before.0 + 1, "{action:?}: a creation is never sent twice");
        assert!(after.1 <= before.1 + 1);
    }
}

#[tokio::test]
async fn each_refusal_says_what_to_do_with_its_record() {
    let org = Org::start().await;
    let client = org.client();
    let lead = json!({ "LastName": "L", "Company": "Acme" });
    let leads = org.world.put("Lead", &[lead.clone(), lead]).unwrap();
    org.world.convert(&leads[0], None, None).unwrap();
    org.world.delete(&leads[1], None).unwrap();
    org.world.change_field("Task.MSE_Campaign__c", Access::ReadOnly).unwrap();
    let rule = json!({ "object": "Task", "field": "Subject", "brokenIf": { "contains": "forbidden" }, "message": "Not like this" });
    org.world.set_validation_rules(vec![serde_json::from_value::<ValidationRule>(rule).unwrap()]);
    let with = |more: Value| {
        let mut task = task("S");
        task.extend(values(more));
        task
    };
    let records: Vec<(String, _)> = [
        with(json!({})),
        with(json!({ "WhoId": leads[0] })),
        with(json!({ "WhoId": leads[1] })),
        with(json!({ "WhoId": "003000000000000AAA" })),
        with(json!({ "MSE_Campaign__c": "x" })),
        with(json!({ "Type": "Nonsense" })),
        with(json!({ "Subject": "forbidden" })),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, record)| (format!("k{n}"), record))
    .collect();
    let outcomes = client.upsert("Task", KEY, &records).await.unwrap();
    assert!(matches!(outcomes[0], RowOutcome::Written { .. }));
    assert_eq!(refused(&outcomes[1]), ("CANNOT_UPDATE_CONVERTED_LEAD", &RowAdvice::Rematch));
    assert!(matches!(refused(&outcomes[2]).1, RowAdvice::Rematch | RowAdvice::Gone), "{:?}", outcomes[2]);
    assert_eq!(refused(&outcomes[3]).1, &RowAdvice::Rematch);
    assert!(
        matches!(refused(&outcomes[4]).1, RowAdvice::Reshape(fields) if fields == &["MSE_Campaign__c"]),
        "{:?}",
        outcomes[4]
    );
    assert!(matches!(refused(&outcomes[5]).1, RowAdvice::Reshape(_)), "{:?}", outcomes[5]);
    assert_eq!(refused(&outcomes[6]), ("FIELD_CUSTOM_VALIDATION_EXCEPTION", &RowAdvice::Reject));
    let RowOutcome::Refused { message, .. } = &outcomes[6] else { panic!() };
    assert!(message.contains("validation rule") && message.contains("Not like this"), "{message}");
    assert_eq!(org.world.records("Task").len(), 1);
}

#[tokio::test]
async fn a_lock_passes_and_a_record_that_is_gone_does_not_come_back() {
    let org = Org::start().await;
    let client = org.client();
    let account = org.world.put("Account", &[json!({ "Name": "Acme" })]).unwrap().remove(0);
    let contact = org.world.put("Contact", &[json!({ "LastName": "C", "AccountId": account })]).unwrap().remove(0);
    let task =
        org.world.put("Task", &[json!({ "Subject": "S", "Status": "Completed", "WhoId": contact })]).unwrap().remove(0);
    let flags = |id: &str| vec![(id.to_owned(), values(json!({ "MSE_Viewed__c": true })))];
    org.world.hold_locks(&[&contact], 3_600).unwrap();
    let outcomes = client.update("Task", &flags(&task)).await.unwrap();
    assert_eq!(refused(&outcomes[0]), ("UNABLE_TO_LOCK_ROW", &RowAdvice::Retry));
    org.world.hold_locks(&[&contact], 0).unwrap();
    assert!(matches!(client.update("Task", &flags(&task)).await.unwrap()[0], RowOutcome::Written { .. }));
    assert_eq!(org.world.record(&task).unwrap()["MSE_Viewed__c"], true);

    org.world.delete(&task, None).unwrap();
    let outcomes = client.update("Task", &flags(&task)).await.unwrap();
    assert!(matches!(refused(&outcomes[0]).1, RowAdvice::Gone | RowAdvice::Rematch), "{outcomes:?}");
    let deleted = client.delete(&[task]).await.unwrap();
    assert!(matches!(refused(&deleted[0]).1, RowAdvice::Gone | RowAdvice::Rematch), "{deleted:?}");
}

#[tokio::test]
async fn tasks_of_the_port_carry_the_key() {
    let org = Org::start().await;
    let client = org.client();
    let record = domain::ports::TaskRecord { fields: task("S").into_iter().collect() };
    let outcomes = client.put_tasks(&[("act-1".to_owned(), record.clone())], Timestamp::MAX).await.unwrap();
    let RowOutcome::Written { id } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((id.len(), org.with_key("act-1").len()), (18, 1));
    let late = client.put_tasks(&[("act-2".to_owned(), record)], Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!((late.kind, org.with_key("act-2").len()), (FailureKind::Unavailable, 0), "{late}");
}
