//! What an activity looks like in Marketo and in Salesforce.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::marketo_types::{self, EIGHT, ONE, TypeLayout};
use super::message::{Activity, Kind};
use super::task::{self, TaskPeople};
use crate::people::MarketoId;
use crate::ports::{NewActivity, TaskField, TaskLayout};
use crate::settings::{LogSettings, Settings};

fn parse(message: Value) -> Activity {
    Activity::parse(&message.to_string()).unwrap()
}

fn sent(subject: &str, body: &str) -> Activity {
    parse(json!({
        "activityId": "a1", "type": "emailSent", "occurredAt": "2026-11-23T23:30:00Z", "user": "rep@example.com", "marketoId": 9,
        "email": { "subject": subject, "body": body, "to": "p@example.com", "url": "https://app.example/e/1",
                   "template": { "id": "t1", "name": "Intro", "url": "https://app.example/t/1" } },
        "campaign": { "id": "c1", "name": "Spring", "url": "https://app.example/c/1", "step": "2", "day": "3" }
    }))
}

fn about_it(kind: &str) -> Activity {
    parse(json!({
        "activityId": "a2", "type": kind, "occurredAt": "2026-11-24T08:00:00Z", "user": "rep@example.com", "marketoId": 9,
        "originalActivityId": "a1", "link": "https://x.example", "bounce": { "details": "550 no", "address": "p@example.com" }
    }))
}

fn call() -> Activity {
    parse(json!({
        "activityId": "a3", "type": "callLogged", "occurredAt": "2026-11-24T08:00:00Z", "user": "rep@example.com", "marketoId": 9,
        "call": { "status": "completed", "outcome": "Interested", "reason": "Renewal", "durationSeconds": 61,
                  "recordingUrl": "https://r.example", "answeredBy": "Pat", "phone": "+1", "notes": "Call back" }
    }))
}

fn values(record: &NewActivity) -> BTreeMap<&str, &str> {
    record.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn the_eight_types_have_the_native_attributes_and_ours() {
    let counts: Vec<_> = EIGHT.iter().map(|spec| spec.attributes.len() + 1).collect();
    assert_eq!(counts, [10, 10, 11, 4, 6, 12, 7, 7], "the native ones, and the activity's id");
    assert_eq!(ONE[0].attributes.len(), 20, "what a type takes besides the primary one");
    for spec in EIGHT.iter().chain(&ONE) {
        let all: BTreeSet<_> =
            spec.attributes.iter().chain([&spec.primary]).map(|attribute| attribute.api_name).collect();
        assert_eq!(all.len(), spec.attributes.len() + 1, "{}: each once", spec.name);
        assert!(all.contains("activityId"), "{}", spec.name);
    }
    let names: BTreeSet<_> = EIGHT.iter().map(|spec| spec.api_name).collect();
    assert_eq!(names.len(), 8);
}

#[test]
fn an_open_tells_what_its_email_was() {
    let (sent, open) = (sent("Hello", "Hi"), about_it("emailOpened"));
    let record = marketo_types::record(&open, Some(&sent), MarketoId(9), TypeLayout::Eight, 100_002);
    assert_eq!((record.person, record.at, record.type_id), (MarketoId(9), open.at, 100_002));
    assert_eq!(record.primary, "Hello (SIA-a1)");
    let values = values(&record);
    assert_eq!(values["activityId"], "a2");
    assert_eq!((values["source"], values["templateId"], values["salesCampaignName"]), ("Sales App", "t1", "Spring"));
    let alone = marketo_types::record(&open, None, MarketoId(9), TypeLayout::Eight, 1);
    assert_eq!((alone.primary.as_str(), self::values(&alone)["sentBy"]), ("(none)", "rep@example.com"));
}

#[test]
fn every_kind_makes_a_record_of_known_attributes_in_both_layouts() {
    let email = sent("Hello", "Hi");
    let campaign = parse(json!({
        "activityId": "a4", "type": "campaignAdded", "occurredAt": "2026-11-24T08:00:00Z", "user": "rep@example.com", "marketoId": 9,
        "campaign": { "id": "c1", "name": "Spring", "url": null, "step": 1, "day": 1 }
    }));
    let mut all = vec![email.clone(), call(), campaign];
    all.extend(["emailOpened", "emailClicked", "emailReplied", "emailBounced"].map(about_it));
    for activity in &all {
        for layout in [TypeLayout::Eight, TypeLayout::One] {
            let record = marketo_types::record(activity, Some(&email), MarketoId(9), layout, 1);
            let spec = layout.spec(activity.what.kind());
            assert!(!record.primary.is_empty());
            let known: BTreeSet<_> = spec.attributes.iter().map(|attribute| attribute.api_name).collect();
            assert!(
                record.attributes.iter().all(|(name, value)| known.contains(name) && !value.is_empty()),
                "{record:?}"
            );
            assert_eq!(values(&record)["activityId"], activity.id.0);
        }
    }
    let bounce = marketo_types::record(&about_it("emailBounced"), None, MarketoId(9), TypeLayout::Eight, 1);
    assert!(!values(&bounce).contains_key("source"), "the native bounce has no source");
    let one = marketo_types::record(&call(), None, MarketoId(9), TypeLayout::One, 1);
    assert_eq!((one.primary.as_str(), values(&one)["salesCallDuration"]), ("Received Sales Call", "61"));
}

#[test]
fn long_values_are_cut_and_the_tag_of_a_subject_stays() {
    let long = "ü".repeat(300);
    let record = marketo_types::record(&sent(&long, ""), None, MarketoId(9), TypeLayout::Eight, 1);
    assert_eq!(record.primary.chars().count(), 255);
    assert!(record.primary.ends_with(" (SIA-a1)"));
}

/// A layout in which everything can be written.
fn layout() -> TaskLayout {
    let text = |length| TaskField { length, values: BTreeSet::new() };
    let mut fields: BTreeMap<String, TaskField> =
        task::CUSTOM.iter().map(|name| ((*name).to_owned(), text(Some(255)))).collect();
    for name in ["Subject", "Status", "ActivityDate", "WhoId", "OwnerId", "CallDurationInSeconds", "CallDisposition"] {
        fields.insert(name.to_owned(), text(Some(255)));
    }
    fields.insert("Description".to_owned(), text(Some(32_000)));
    let values = ["Email", "Call", "Reply"].map(str::to_owned).into();
    fields.insert("Type".to_owned(), TaskField { length: Some(255), values });
    TaskLayout { fields, closed_status: Some("Completed".into()), has_key: true }
}

fn settings() -> LogSettings {
    Settings::default().log().unwrap()
}

fn people() -> TaskPeople {
    TaskPeople { who: "003A".into(), owner: Some("005A".into()) }
}

#[test]
fn an_email_becomes_a_closed_task_with_plain_text() {
    let activity = sent("Hello\r\nthere", "<p>Hi <b>Pat</b></p>");
    let fields = task::task(&activity, None, &people(), &layout(), &settings()).unwrap().fields;
    for (name, value) in [
        ("Subject", "Hello there"),
        ("Type", "Email"),
        ("Status", "Completed"),
        ("ActivityDate", "2026-11-23"),
        ("WhoId", "003A"),
        ("OwnerId", "005A"),
        ("Description", "To: p@example.com\n\nHi Pat"),
        ("MSE_Campaign__c", "Spring"),
        ("MSE_Current_Campaign_Step__c", "2"),
        ("MSE_Template__c", "Intro"),
        ("MSE_Email_Status__c", "sent"),
        ("MSE_Details__c", "https://app.example/e/1"),
    ] {
        assert_eq!(fields[name], value, "{name}");
    }
    assert!(!fields.contains_key("TaskSubtype"));
}

#[test]
fn the_day_is_the_sellers_and_the_subject_the_templates() {
    let settings = LogSettings {
        time_zone: jiff::tz::TimeZone::get("Asia/Tokyo").unwrap(),
        subject_template: "{{activity_type}}: {{call_outcome}} ({{call_reason}})".to_owned(),
        ..settings()
    };
    let email = task::task(&sent("x", ""), None, &people(), &layout(), &settings).unwrap().fields;
    assert_eq!(email["ActivityDate"], "2026-11-24");
    let fields = task::task(&call(), None, &people(), &layout(), &settings).unwrap().fields;
    assert_eq!(fields["Subject"], "Call: Interested (Renewal)");
    assert_eq!(
        (&fields["CallDurationInSeconds"], &fields["mktosales_call_reason__c"]),
        (&json!(61), &json!("Renewal"))
    );
    assert_eq!(fields["Description"], "Call back");
    let plain = task::task(&call(), None, &people(), &layout(), &self::settings()).unwrap().fields;
    assert_eq!(plain["Subject"], "Call", "the default template is empty for a call");
}

#[test]
fn what_the_organisation_does_not_take_is_left_out_or_cut() {
    let mut layout = layout();
    layout.fields.remove("MSE_Campaign__c");
    layout.fields.get_mut("mktosales_call_outcome__c").unwrap().length = Some(5);
    layout.fields.get_mut("Type").unwrap().values.remove("Call");
    let fields = task::task(&call(), None, &people(), &layout, &settings()).unwrap().fields;
    assert_eq!(fields["mktosales_call_outcome__c"], "Inter");
    assert!(!fields.contains_key("Type"), "only where the picklist has the very value");
    let fields = task::task(&sent("x", ""), None, &people(), &layout, &settings()).unwrap().fields;
    assert!(!fields.contains_key("MSE_Campaign__c"));
    assert_eq!(task::unwritable(&layout), ["MSE_Campaign__c"]);
}

#[test]
fn a_seller_without_a_user_is_named_in_the_description() {
    let people = TaskPeople { owner: None, ..people() };
    let fields = task::task(&call(), None, &people, &layout(), &settings()).unwrap().fields;
    assert!(!fields.contains_key("OwnerId"));
    let description = fields["Description"].as_str().unwrap();
    assert!(
        description.starts_with("Logged for rep@example.com") && description.ends_with("Call back"),
        "{description}"
    );
}

#[test]
fn a_reply_has_a_subject_of_its_own_and_everything_else_sets_a_flag() {
    let email = sent("Hello", "Hi");
    let fields = task::task(&about_it("emailReplied"), Some(&email), &people(), &layout(), &settings()).unwrap().fields;
    assert_eq!((&fields["Subject"], &fields["Type"]), (&json!("Reply: Hello"), &json!("Reply")));
    for (kind, field, value) in [
        (Kind::EmailOpened, "MSE_Viewed__c", json!(true)),
        (Kind::EmailClicked, "MSE_Clicked__c", json!(true)),
        (Kind::EmailReplied, "MSE_Replied__c", json!(true)),
        (Kind::EmailBounced, "MSE_Email_Status__c", json!("bounced")),
    ] {
        let record = task::flags(&about_it(kind.name()), &layout()).unwrap();
        assert_eq!(record.fields, BTreeMap::from([(field.to_owned(), value)]));
    }
    assert_eq!(task::flags(&about_it("emailOpened"), &TaskLayout::default()), None);
    assert_eq!(task::flags(&email, &layout()), None);
}
