//! Custom activities against the simulator: from the making of a type to reading records back, with everything that can be lost on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::FailureKind;
use domain::people::MarketoId;
use domain::ports::{
    ActivitySearch, ActivityTypeSpec, Added, AttributeSpec, Clock, FoundActivity, MarketoActivities, NewActivity, Sent,
};
use marketo::TimeLimits;
use simulator_marketo::{Config, FIRST_ID, Fault, FaultAction, StreamConfig};

use crate::simulated::{Set, set, set_with};
use crate::support::{CANARY, at};

const ADD: &str = "POST /rest/v1/activities/external.json";
const PAGES: &str = "GET /rest/v1/activities.json";

const fn attribute(api_name: &'static str, name: &'static str, data_type: &'static str) -> AttributeSpec {
    AttributeSpec { api_name, name, data_type }
}

const ATTRIBUTES: [AttributeSpec; 10] = [
    attribute("activityId", "Activity ID", "string"),
    attribute("sentBy", "Sent By", "email"),
    attribute("source", "Source", "string"),
    attribute("templateId", "Template ID", "integer"),
    attribute("templateUrl", "Sales Template URL", "link"),
    attribute("campaignUrl", "Sales Campaign URL", "link"),
    attribute("templateName", "Sales Template Name", "string"),
    attribute("emailSubject", "Email Subject", "string"),
    attribute("campaignName", "Sales Campaign Name", "string"),
    attribute("salesPersonId", "Marketo Sales Person ID", "integer"),
];

pub const SPEC: ActivityTypeSpec = ActivityTypeSpec {
    api_name: "actions_Send",
    name: "Send Sales Email by test",
    trigger: "Sends Sales Email by test",
    filter: "Sent Sales Email by test",
    primary: attribute("salesEmail", "Sales Email", "string"),
    attributes: &ATTRIBUTES,
};

/// Makes and approves the type; gives its number.
async fn provision(set: &Set) -> i64 {
    let client = &set.client;
    assert_eq!(client.activity_types().await, Ok(Vec::new()));
    client.create_activity_type(&SPEC).await.unwrap();
    client.add_activity_attributes(SPEC.api_name, SPEC.attributes).await.unwrap();
    client.approve_activity_type(SPEC.api_name).await.unwrap();
    let types = client.activity_types().await.unwrap();
    let [kind] = &types[..] else { panic!("{types:?}") };
    assert!(kind.approved && !kind.has_draft, "{kind:?}");
    kind.id
}

fn key(person: MarketoId, nth: i64) -> String {
    format!("{person}-{nth}")
}

fn record(set: &Set, type_id: i64, person: i64, nth: i64) -> NewActivity {
    let person = MarketoId(FIRST_ID + person);
    let id = key(person, nth);
    let text = |name: &str| format!("{name} of \"{id}\", naïve 🙂");
    let attributes = vec![
        ("activityId", id.clone()),
        ("sentBy", "seller@example.com".to_owned()),
        ("source", text("source")),
        ("templateId", nth.to_string()),
        ("templateUrl", "https://example.com/t/1?a=b&c=d".to_owned()),
        ("campaignUrl", "https://example.com/c/1".to_owned()),
        ("templateName", text("template")),
        ("emailSubject", text("subject")),
        ("campaignName", text("campaign")),
        ("salesPersonId", "17".to_owned()),
    ];
    NewActivity { person, at: set.clock.now(), type_id, primary: text("email"), attributes }
}

async fn add(set: &Set, records: &[NewActivity]) -> Sent<Vec<Added>> {
    let soon = set.clock.now().checked_add(Duration::from_secs(120)).unwrap();
    set.client.add_activities(records, soon).await
}

pub fn search(people: impl IntoIterator<Item = i64>, type_id: i64) -> ActivitySearch {
    ActivitySearch {
        people: people.into_iter().map(|person| MarketoId(FIRST_ID + person)).collect(),
        types: vec![type_id],
        since: at("2026-07-01T12:00:00.5Z"),
        attribute: "activityId",
        attribute_name: "Activity ID",
    }
}

async fn found(set: &Set, people: impl IntoIterator<Item = i64>, type_id: i64) -> Vec<FoundActivity> {
    set.client.find_activities(&search(people, type_id)).await.unwrap()
}

#[tokio::test]
async fn three_hundred_records_in_one_call_and_all_of_them_read_back() {
    let streams = StreamConfig { empty_page_share: 0.4, short_page_share: 0.4, ..StreamConfig::default() };
    let set = set(Config { people: 40, streams, ..Config::default() }).await;
    let type_id = provision(&set).await;
    let records: Vec<_> = (0..300).map(|nth| record(&set, type_id, nth % 30, nth)).collect();
    set.simulator.world().set_faults(vec![Fault::once(PAGES, FaultAction::NoResult).after(2)]);
    let Sent::Answered(added) = add(&set, &records).await else { panic!("not answered") };
    assert_eq!(set.simulator.world().stats().by_endpoint[ADD], 1);
    let guids = added.iter().zip(&records).map(|(added, record)| match added {
        Added::Added { guid } => (record.attributes[0].1.clone(), (guid.clone(), record.person)),
        refused => panic!("{refused:?}"),
    });
    let wanted: BTreeMap<_, _> = guids.collect();
    assert_eq!(wanted.len(), 300);

    let read = found(&set, 0..30, type_id).await;
    assert_eq!(read.len(), 300, "each once");
    assert!(read.iter().all(|activity| activity.type_id == type_id));
    let read: BTreeMap<_, _> =
        read.into_iter().map(|activity| (activity.value.unwrap(), (activity.guid, activity.person))).collect();
    assert_eq!(read, wanted);
    assert!(found(&set, 30..40, type_id).await.is_empty());
    assert!(found(&set, 0..30, type_id + 1).await.is_empty());
}

#[tokio::test]
async fn records_are_refused_one_by_one() {
    let set = set(Config { people: 10, ..Config::default() }).await;
    let type_id = provision(&set).await;
    set.client.create_activity_type(&ActivityTypeSpec { api_name: "another", ..SPEC }).await.unwrap();
    set.simulator.world().delete(FIRST_ID + 2);
    let mut unknown_attribute = record(&set, type_id, 4, 1);
    unknown_attribute.attributes[1].0 = "noSuchAttribute";
    let records = [
        record(&set, type_id, 1, 1),
        record(&set, type_id, 2, 1),
        record(&set, type_id + 1, 3, 1),
        unknown_attribute,
        record(&set, type_id, 5, 1),
    ];
    let Sent::Answered(added) = add(&set, &records).await else { panic!("not answered") };
    let told: Vec<&str> = added
        .iter()
        .map(|one| match one {
            Added::Added { .. } => "added",
            Added::Refused { code, .. } => code,
        })
        .collect();
    assert_eq!(told, ["added", "1004", "1003", "1006", "added"]);
    assert_eq!(found(&set, 0..10, type_id).await.len(), 2);
}

#[tokio::test]
async fn tokens_die_and_limits_are_hit_on_the_way() {
    let set = set(Config { people: 10, ..Config::default() }).await;
    let type_id = provision(&set).await;
    let limit = FaultAction::Error("606".to_owned(), "Max rate limit '100' exceeded with in '20' secs".to_owned());
    let faults = [Fault::once(ADD, FaultAction::TokenDies(3)), Fault::once(ADD, limit).after(3).times(2)];
    set.simulator.world().set_faults(faults.into());
    for person in 0..4 {
        assert!(matches!(add(&set, &[record(&set, type_id, person, 1)]).await, Sent::Answered(_)), "{person}");
    }
    let stats = set.simulator.world().stats();
    assert_eq!((stats.rejected["602"], stats.rejected["606"]), (2, 2), "{stats:?}");
    assert_eq!(found(&set, 0..10, type_id).await.len(), 4, "each once");
}

/// Every way in which an answer gets lost.
fn losses() -> Vec<FaultAction> {
    let mut losses: Vec<_> = ["604", "608", "611", "614", "713"]
        .map(|code| FaultAction::Error(code.to_owned(), format!("Trouble with {CANARY}")))
        .into();
    losses.extend([408, 500, 502, 503, 504].map(|status| FaultAction::Status(status, None)));
    losses.extend([FaultAction::Drop(0), FaultAction::EmptyBody]);
    losses
}

#[tokio::test]
async fn an_answer_that_gets_lost_leaves_exactly_one_record_and_is_told_as_unknown() {
    let set = set(Config { people: 30, ..Config::default() }).await;
    let type_id = provision(&set).await;
    let world = set.simulator.world();
    let mut losses = losses();
    losses.extend([FaultAction::Drop(20), FaultAction::BadJson, FaultAction::NoResult, FaultAction::FewerResults]);
    for (person, loss) in (0..).zip(losses) {
        world.set_faults(vec![Fault::once(ADD, loss.clone()).after_work()]);
        let sent = add(&set, &[record(&set, type_id, person, 1)]).await;
        assert!(matches!(sent, Sent::Unknown(_)), "{loss:?}: {sent:?}");
        let there = found(&set, [person], type_id).await;
        let keys: Vec<_> = there.into_iter().map(|activity| activity.value.unwrap()).collect();
        assert_eq!(keys, [key(MarketoId(FIRST_ID + person), 1)], "{loss:?}");
    }
}

#[tokio::test]
async fn a_request_that_gets_lost_leaves_none_and_is_told_as_unknown() {
    let set = set(Config { people: 30, ..Config::default() }).await;
    let type_id = provision(&set).await;
    for (person, loss) in (0..).zip(losses()) {
        set.simulator.world().set_faults(vec![Fault::once(ADD, loss.clone())]);
        let sent = add(&set, &[record(&set, type_id, person, 1)]).await;
        assert!(matches!(sent, Sent::Unknown(_)), "{loss:?}: {sent:?}");
        assert!(found(&set, [person], type_id).await.is_empty(), "{loss:?}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_or_never_ends_is_unknown() {
    let limits = TimeLimits { adding: Duration::from_secs(1), ..TimeLimits::default() };
    let set = set_with(Config { people: 10, ..Config::default() }, limits).await;
    let type_id = provision(&set).await;
    for (person, hang) in (0..).zip([FaultAction::Hang(0), FaultAction::Hang(20)]) {
        set.simulator.world().set_faults(vec![Fault::once(ADD, hang.clone()).after_work()]);
        let sent = add(&set, &[record(&set, type_id, person, 1)]).await;
        assert!(matches!(sent, Sent::Unknown(_)), "{hang:?}: {sent:?}");
        assert_eq!(found(&set, [person], type_id).await.len(), 1, "{hang:?}");
    }
}

#[tokio::test]
async fn nothing_reaches_marketo_when_its_time_is_over() {
    let set = set(Config { people: 10, ..Config::default() }).await;
    let type_id = provision(&set).await;
    let past = set.clock.now().checked_sub(Duration::from_secs(1)).unwrap();
    let sent = set.client.add_activities(&[record(&set, type_id, 1, 1)], past).await;
    let Sent::NotCarriedOut(failure) = sent else { panic!("{sent:?}") };
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(!set.simulator.world().stats().by_endpoint.contains_key(ADD));
    assert!(found(&set, 0..10, type_id).await.is_empty());
}

#[tokio::test]
async fn what_shows_up_late_is_found_later() {
    let streams = StreamConfig { late_custom_share: 1.0, late_custom_seconds: 45, ..StreamConfig::default() };
    let set = set(Config { people: 10, streams, ..Config::default() }).await;
    let type_id = provision(&set).await;
    set.simulator.world().set_faults(vec![Fault::once(ADD, FaultAction::Drop(0)).after_work()]);
    assert!(matches!(add(&set, &[record(&set, type_id, 1, 1)]).await, Sent::Unknown(_)));
    assert!(found(&set, 0..10, type_id).await.is_empty());
    set.simulator.world().advance(60);
    assert_eq!(found(&set, 0..10, type_id).await.len(), 1);
}
