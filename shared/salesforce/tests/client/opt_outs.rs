//! The boxes of leads and contacts: reading what changed, looking up by address and id, ticking, and what cannot be used.

use std::collections::{BTreeMap, BTreeSet};

use domain::opt_outs::Address;
use domain::ports::{
    ChangedSince, MAX_CHANGED, OptOutRecord, PersonObject, RowAdvice, RowOutcome, SalesforceOptOuts, UnusableField,
};
use domain::{FailureKind, Timestamp};
use serde_json::{Value, json};
use simulator_salesforce::{Access, Edit};

use crate::support::Org;

const BOX: &str = "HasOptedOutOfEmail";

fn fields() -> Vec<String> {
    vec![BOX.to_owned()]
}

fn address(email: &str) -> Address {
    Address::of(email).unwrap()
}

fn contact(email: &str, more: Value) -> Value {
    let mut record = json!({ "LastName": "Somebody", "Email": email });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

fn ids(records: &[OptOutRecord]) -> Vec<String> {
    records.iter().map(|record| record.id.clone()).collect()
}

#[tokio::test]
async fn records_of_one_stamp_are_read_over_a_border_and_each_once() {
    let org = Org::start().await;
    let stamp = "2026-07-01T12:00:00Z";
    let all = (0..MAX_CHANGED + 700).map(|n| contact(&format!("p{n}@example.com"), json!({ "SystemModstamp": stamp })));
    let put: BTreeSet<String> = org.world.put("Contact", &all.collect::<Vec<_>>()).unwrap().into_iter().collect();
    org.world.put("Contact", &[json!({ "LastName": "Without an address" })]).unwrap();
    let client = org.client();
    let (mut since, mut found, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = client.changed_records(PersonObject::Contact, &fields(), since.as_ref()).await.unwrap();
        pages += 1;
        since = page.last().map(|last| ChangedSince { at: last.stamp, after: Some(last.id.clone()) }).or(since);
        let more = page.len() >= MAX_CHANGED;
        found.extend(ids(&page));
        if !more {
            break;
        }
    }
    assert_eq!((found.len(), pages), (put.len(), 2));
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), put);
    let again = ChangedSince { at: stamp.parse().unwrap(), after: None };
    let again = client.changed_records(PersonObject::Contact, &fields(), Some(&again)).await.unwrap();
    assert_eq!(again.len(), MAX_CHANGED, "from a moment on, that moment included");
    assert_eq!(client.changed_records(PersonObject::Lead, &fields(), None).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_committed_late_shows_behind_its_stamp() {
    let org = Org::start().await;
    let id = org.world.put("Contact", &[contact("a@example.com", json!({}))]).unwrap().remove(0);
    let client = org.client();
    let before = client.changed_records(PersonObject::Contact, &fields(), None).await.unwrap().remove(0).stamp;
    let tick = json!({ BOX: true }).as_object().unwrap().clone();
    org.world.edit(&Edit { id: id.clone(), fields: tick, late_seconds: 3, ..Edit::default() }).unwrap();
    let since = ChangedSince { at: before, after: None };
    let read = async || client.changed_records(PersonObject::Contact, &fields(), Some(&since)).await.unwrap();
    assert_eq!(read().await[0].ticked, 0);
    org.world.advance(4);
    let late = read().await.remove(0);
    assert!(late.ticked == 1 && late.stamp < Timestamp::from_second(org.world.now()).unwrap());
}

#[tokio::test]
async fn gone_and_converted_records_are_found_with_what_took_their_place() {
    let org = Org::start().await;
    let awkward = "o'neil+\\x@example.com";
    let lead = json!({ "LastName": "L", "Company": "Acme", "Email": awkward.to_uppercase(), BOX: true });
    let lead = org.world.put("Lead", &[lead]).unwrap().remove(0);
    let contacts = ["kept", "merged", "deleted"].map(|name| contact(&format!("{name}@example.com"), json!({})));
    let [kept, merged, deleted]: [String; 3] = org.world.put("Contact", &contacts).unwrap().try_into().unwrap();
    let converted = org.world.convert(&lead, None, None).unwrap().contact_id;
    org.world.merge(&kept, &merged).unwrap();
    org.world.delete(&deleted, None).unwrap();
    let client = org.client();
    let asked = [awkward, "merged@example.com", "deleted@example.com", "nobody@example.com"].map(address).into();
    let found = client.records_by_address(&asked, &fields()).await.unwrap();
    let told: BTreeMap<&str, _> =
        found.iter().map(|r| (r.id.as_str(), (r.ticked, r.converted, r.deleted, r.successor.clone()))).collect();
    let wanted = [
        (lead.as_str(), (1, true, false, Some(converted.clone()))),
        (converted.as_str(), (0, false, false, None)),
        (merged.as_str(), (0, false, true, Some(kept.clone()))),
        (deleted.as_str(), (0, false, true, None)),
    ];
    assert_eq!(told, wanted.into());
    let by_id = client.records_by_id(&[kept.clone(), lead.clone()].into(), &fields()).await.unwrap();
    assert_eq!(ids(&by_id).into_iter().collect::<BTreeSet<_>>(), [kept, lead].into());
}

#[tokio::test]
async fn boxes_are_set_in_one_call_and_each_record_has_its_outcome() {
    let org = Org::start().await;
    let lead = json!({ "LastName": "L", "Company": "Acme", "Email": "a@example.com" });
    let [free, fixed, locked]: [String; 3] =
        org.world.put("Lead", &[lead.clone(), lead.clone(), lead]).unwrap().try_into().unwrap();
    let contact = org.world.put("Contact", &[contact("a@example.com", json!({}))]).unwrap().remove(0);
    org.world.convert(&fixed, None, None).unwrap();
    org.world.hold_locks(&[&locked], 60).unwrap();
    let gone = domain::people::to_18_characters("0035e0000009999").into_owned();
    let records = [
        (PersonObject::Lead, free.clone()),
        (PersonObject::Contact, contact.clone()),
        (PersonObject::Lead, fixed),
        (PersonObject::Lead, locked),
        (PersonObject::Contact, gone),
    ];
    let both = vec![BOX.to_owned(), "Sales_Opt_Out__c".to_owned()];
    let client = org.client();
    let outcomes = client.set_boxes(&records, &both, true, Timestamp::MAX).await.unwrap();
    let advice = |place: usize| match &outcomes[place] {
        RowOutcome::Written { id } => id.clone(),
        RowOutcome::Refused { advice, code, .. } => format!("{advice:?} {code}"),
    };
    assert_eq!((advice(0), advice(1)), (free.clone(), contact));
    assert_eq!(advice(2), format!("{:?} CANNOT_UPDATE_CONVERTED_LEAD", RowAdvice::Rematch));
    assert_eq!(advice(3), format!("{:?} UNABLE_TO_LOCK_ROW", RowAdvice::Retry));
    assert!(matches!(outcomes[4], RowOutcome::Refused { .. }));
    assert_eq!(client.stats().calls, 1);
    let record = org.world.record(&free).unwrap();
    assert_eq!((&record[BOX], &record["Sales_Opt_Out__c"]), (&json!(true), &json!(true)));
    assert_eq!(client.records_by_id(&[free.clone()].into(), &both).await.unwrap()[0].ticked, 2);
    let late = client.set_boxes(&records[..1], &both, false, Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert!(late.kind == FailureKind::Unavailable && org.world.record(&free).unwrap()[BOX] == true, "{late}");
}

#[tokio::test]
async fn fields_that_cannot_be_used_are_named() {
    let org = Org::start().await;
    let client = org.client();
    assert_eq!(client.unusable_fields(&fields()).await.unwrap(), []);
    org.world.change_field("Lead.HasOptedOutOfEmail", Access::Hidden).unwrap();
    org.world.change_field("Contact.HasOptedOutOfEmail", Access::ReadOnly).unwrap();
    let unusable = |name: &str, readable| UnusableField { name: name.to_owned(), readable };
    let wanted = [unusable("Contact.HasOptedOutOfEmail", true), unusable("Lead.HasOptedOutOfEmail", false)];
    assert_eq!(client.unusable_fields(&fields()).await.unwrap(), wanted);
    let hidden = client.changed_records(PersonObject::Lead, &fields(), None).await.unwrap_err();
    assert_eq!(hidden.kind, FailureKind::BadSetting);
    let injected = vec!["Id FROM Lead WHERE Name != ''".to_owned()];
    let refused = client.changed_records(PersonObject::Lead, &injected, None).await.unwrap_err();
    assert!(refused.kind == FailureKind::BadSetting && refused.message.contains("API name"), "{refused}");
}
