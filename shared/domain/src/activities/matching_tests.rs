//! The order in which records are taken, and where merges and conversions lead.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::date;

use super::*;
use crate::activities::message::{About, ActivityId, Bounce, Call, CallStatus, What};
use crate::people::{Fields, MarketoId};
use crate::settings::Settings;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn activity(what: What) -> Activity {
    Activity {
        id: ActivityId("a".into()),
        at: at(0),
        user: "rep@example.com".into(),
        about: About::Id(MarketoId(1)),
        what,
    }
}

fn bounce() -> Activity {
    let bounce = Bounce { details: "550".into(), address: "p@example.com".into() };
    activity(What::EmailBounced { original: ActivityId("b".into()), bounce })
}

fn person(fields: &[(Field, &str)]) -> PersonRow {
    PersonRow {
        rev: 1,
        ..PersonRow::active(
            MarketoId(1),
            at(0),
            fields.iter().map(|(field, value)| (*field, (*value).to_owned())).collect::<Fields>(),
        )
    }
}

fn record(id: &str, object: PersonObject) -> SalesforcePerson {
    SalesforcePerson {
        id: id.to_owned(),
        object,
        email: Some("P@Example.com".into()),
        owner: None,
        converted_to: None,
        deleted: false,
        merged_into: None,
        last_activity: None,
        created: at(0),
    }
}

fn settings() -> LogSettings {
    Settings::default().log().unwrap()
}

fn by_email(candidates: Vec<SalesforcePerson>, owner: Option<&str>) -> Match {
    let mut known = Known::default();
    known.learn_emails(&BTreeSet::from(["p@example.com".to_owned()]), candidates);
    known.find(&bounce(), &person(&[(Field::Email, "p@example.com")]), owner, &settings(), false)
}

fn is(id: &str) -> Match {
    Match::Record(id.to_owned())
}

#[test]
fn a_contact_id_comes_before_a_lead_id_and_is_taken_at_its_word() {
    let both = person(&[(Field::SfdcContactId, "003A"), (Field::SfdcLeadId, "00QA"), (Field::Email, "p@example.com")]);
    assert_eq!(Known::default().find(&bounce(), &both, None, &settings(), false), is("003A"));
    assert_eq!(Known::default().find(&bounce(), &both, None, &settings(), true), Match::NeedsId("003A".into()));
    let lead = person(&[(Field::SfdcLeadId, "00QA")]);
    assert_eq!(Known::default().find(&bounce(), &lead, None, &settings(), false), is("00QA"));
}

#[test]
fn merges_and_conversions_are_followed_and_the_lost_fall_back_to_the_address() {
    let lead = person(&[(Field::SfdcLeadId, "00QA"), (Field::Email, "p@example.com")]);
    let find = |records: Vec<SalesforcePerson>, asked: &[&str]| {
        let mut known = Known::default();
        let asked: Vec<String> = asked.iter().map(|id| (*id).to_owned()).collect();
        known.learn_ids(&asked, records);
        known.find(&bounce(), &lead, None, &settings(), true)
    };
    let converted = SalesforcePerson { converted_to: Some("003B".into()), ..record("00QA", PersonObject::Lead) };
    assert_eq!(find(vec![converted.clone()], &["00QA"]), Match::NeedsId("003B".into()));
    assert_eq!(find(vec![converted.clone(), record("003B", PersonObject::Contact)], &["00QA", "003B"]), is("003B"));
    let merged =
        SalesforcePerson { deleted: true, merged_into: Some("003C".into()), ..record("003B", PersonObject::Contact) };
    let all = vec![converted, merged, record("003C", PersonObject::Contact)];
    assert_eq!(find(all, &["00QA", "003B", "003C"]), is("003C"));
    let deleted = SalesforcePerson { deleted: true, ..record("00QA", PersonObject::Lead) };
    assert_eq!(find(vec![deleted], &["00QA"]), Match::NeedsEmail("p@example.com".into()));
    assert_eq!(find(vec![], &["00QA"]), Match::NeedsEmail("p@example.com".into()));
    let circle = SalesforcePerson { merged_into: Some("00QA".into()), ..record("00QA", PersonObject::Lead) };
    assert_eq!(find(vec![circle], &["00QA"]), Match::NeedsEmail("p@example.com".into()), "a circle has no end");
}

#[test]
fn of_several_with_the_address_one_is_chosen() {
    let lead = record("00Q1", PersonObject::Lead);
    let contact = record("0031", PersonObject::Contact);
    assert_eq!(by_email(vec![lead.clone(), contact.clone()], None), is("0031"), "a contact before a lead");
    let owned = SalesforcePerson { owner: Some("005S".into()), ..record("0032", PersonObject::Contact) };
    assert_eq!(by_email(vec![contact.clone(), owned.clone()], Some("005S")), is("0032"), "owned by the seller");
    assert_eq!(by_email(vec![contact.clone(), owned], None), is("0031"), "no owner is nobody's");
    let active = SalesforcePerson { last_activity: Some(date(2026, 1, 1)), ..record("0033", PersonObject::Contact) };
    let stale = SalesforcePerson { last_activity: Some(date(2025, 1, 1)), ..record("0030", PersonObject::Contact) };
    assert_eq!(by_email(vec![contact.clone(), stale, active], None), is("0033"), "the most recently active");
    let older = SalesforcePerson { created: at(-9), ..record("0039", PersonObject::Contact) };
    assert_eq!(by_email(vec![contact, older], None), is("0039"), "the oldest");
    let converted = SalesforcePerson { converted_to: Some("003X".into()), ..lead };
    assert_eq!(by_email(vec![converted], None), Match::Nobody, "a converted lead is none");
    assert_eq!(by_email(vec![], None), Match::Nobody);
}

#[test]
fn calls_go_by_address_only_where_the_settings_let_them() {
    let call = Call {
        status: CallStatus::Completed,
        outcome: None,
        reason: None,
        duration_seconds: None,
        recording_url: None,
        answered_by: None,
        phone: None,
        notes: None,
    };
    let call = activity(What::CallLogged { call, campaign: None });
    let nowhere = person(&[(Field::Email, "p@example.com")]);
    let off = LogSettings { match_calls_by_email: false, ..settings() };
    assert_eq!(Known::default().find(&call, &nowhere, None, &off, false), Match::Nobody);
    assert_eq!(
        Known::default().find(&call, &nowhere, None, &settings(), false),
        Match::NeedsEmail("p@example.com".into())
    );
    assert_eq!(Known::default().find(&call, &person(&[]), None, &settings(), false), Match::Nobody);
}
