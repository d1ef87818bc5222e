//! Custom activity types: made, described, approved; and what is done about changes whose answer gets lost.

use domain::FailureKind;
use domain::ports::{ActivityTypeSpec, MarketoActivities};
use serde_json::{Value, json};
use simulator_marketo::{Config, Fault, FaultAction};

use crate::custom_activities::SPEC;
use crate::simulated::{Set, set};
use crate::support::{Reply, World};

const LIST: &str = "GET /rest/v1/activities/external/types.json";
const CREATE: &str = "POST /rest/v1/activities/external/type.json";
const ATTRIBUTES: &str = "POST /rest/v1/activities/external/type/{apiName}/attributes/create.json";
const APPROVE: &str = "POST /rest/v1/activities/external/type/{apiName}/approve.json";

async fn empty() -> Set {
    set(Config { people: 1, ..Config::default() }).await
}

/// Approved, and whether there is a draft.
async fn status(set: &Set) -> (bool, bool) {
    let types = set.client.activity_types().await.unwrap();
    let [kind] = &types[..] else { panic!("{types:?}") };
    assert_eq!((kind.id, kind.api_name.as_str(), kind.name.as_str()), (100_001, SPEC.api_name, SPEC.name));
    (kind.approved, kind.has_draft)
}

async fn attributes(set: &Set) -> Vec<String> {
    set.client.activity_attributes(SPEC.api_name).await.unwrap()
}

#[tokio::test]
async fn from_draft_to_approval_and_back() {
    let set = empty().await;
    let client = &set.client;
    let missing = client.activity_attributes(SPEC.api_name).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::NotFound);

    client.create_activity_type(&SPEC).await.unwrap();
    assert_eq!(status(&set).await, (false, true));
    assert_eq!(attributes(&set).await, ["salesEmail"]);
    client.add_activity_attributes(SPEC.api_name, &SPEC.attributes[..9]).await.unwrap();
    client.approve_activity_type(SPEC.api_name).await.unwrap();
    assert_eq!(status(&set).await, (true, false));
    assert_eq!(attributes(&set).await.len(), 10);

    client.add_activity_attributes(SPEC.api_name, &[]).await.unwrap();
    assert_eq!(status(&set).await, (true, false), "nothing to add is no draft");
    client.add_activity_attributes(SPEC.api_name, &SPEC.attributes[9..]).await.unwrap();
    assert_eq!(status(&set).await, (true, true));
    let names = attributes(&set).await;
    assert_eq!((names[0].as_str(), names.len()), ("salesEmail", 11), "of the draft");
    client.approve_activity_type(SPEC.api_name).await.unwrap();
    assert_eq!(status(&set).await, (true, false));
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let set = empty().await;
    let client = &set.client;
    let no_type = client.add_activity_attributes("nothing", SPEC.attributes).await.unwrap_err();
    assert_eq!(no_type.kind, FailureKind::NotFound);
    assert_eq!(client.approve_activity_type("no/path").await.unwrap_err().kind, FailureKind::BadRequest);
    client.create_activity_type(&SPEC).await.unwrap();
    let taken = client.create_activity_type(&SPEC).await.unwrap_err();
    assert_eq!((taken.kind, taken.code.as_deref()), (FailureKind::BadRequest, Some("1005")));
    let taken = client.add_activity_attributes(SPEC.api_name, &[SPEC.primary]).await.unwrap_err();
    assert_eq!((taken.kind, taken.code.as_deref()), (FailureKind::BadRequest, Some("1005")));
    client.approve_activity_type(SPEC.api_name).await.unwrap();
    let approved = client.approve_activity_type(SPEC.api_name).await.unwrap_err();
    assert_eq!((approved.kind, approved.code.as_deref()), (FailureKind::BadRequest, Some("709")));
    for api_name in ["b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        client.create_activity_type(&ActivityTypeSpec { api_name, ..SPEC }).await.unwrap();
    }
    let full = client.create_activity_type(&ActivityTypeSpec { api_name: "k", ..SPEC }).await.unwrap_err();
    assert_eq!((full.kind, full.code.as_deref()), (FailureKind::BadRequest, Some("1027")));

    let denied = FaultAction::Error("603".to_owned(), "Access denied".to_owned());
    set.simulator.world().set_faults(vec![Fault::once("*", denied).times(None)]);
    assert_eq!(client.activity_types().await.unwrap_err().kind, FailureKind::AccessDenied);
    assert_eq!(client.create_activity_type(&SPEC).await.unwrap_err().kind, FailureKind::AccessDenied);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    let dropped = FaultAction::Drop(0);
    let broken = FaultAction::Status(502, None);
    let no_list = Fault::once(LIST, FaultAction::NoResult);
    for after_work in [true, false] {
        let set = empty().await;
        let lost = |endpoint: &str, action: &FaultAction| {
            let fault = Fault::once(endpoint, action.clone());
            if after_work { fault.after_work() } else { fault }
        };
        let faults = [lost(CREATE, &dropped), lost(ATTRIBUTES, &broken), lost(APPROVE, &dropped), no_list.clone()];
        set.simulator.world().set_faults(faults.into());
        set.client.create_activity_type(&SPEC).await.unwrap();
        set.client.add_activity_attributes(SPEC.api_name, SPEC.attributes).await.unwrap();
        set.client.approve_activity_type(SPEC.api_name).await.unwrap();
        assert_eq!(set.simulator.world().stats().faults_struck, 4, "{after_work}");
        assert_eq!((status(&set).await, attributes(&set).await.len()), ((true, false), 11), "{after_work}");
    }
}

#[tokio::test]
async fn a_change_that_is_never_made_is_given_up() {
    let set = empty().await;
    set.simulator.world().set_faults(vec![Fault::once(CREATE, FaultAction::Status(502, None)).times(None)]);
    let failure = set.client.create_activity_type(&SPEC).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Unavailable, Some("502")));
    assert_eq!(set.simulator.world().stats().by_endpoint[CREATE], 3);
}

async fn listed(result: Value) -> Result<Vec<(String, bool, bool)>, FailureKind> {
    let world = World::new().await;
    world.script(LIST, [Reply::json(json!({"success": true, "result": result}))]);
    let types = world.client.activity_types().await.map_err(|failure| failure.kind)?;
    Ok(types.into_iter().map(|kind| (kind.api_name, kind.approved, kind.has_draft)).collect())
}

#[tokio::test]
async fn every_status_is_read() {
    let kind = |status: &str| json!({"id": 1, "apiName": "a", "name": "A", "status": status});
    let one = |approved, draft| Ok(vec![("a".to_owned(), approved, draft)]);
    assert_eq!(listed(json!([kind("draft")])).await, one(false, true));
    assert_eq!(listed(json!([kind("approved")])).await, one(true, false));
    assert_eq!(listed(json!([kind("Approved With Draft")])).await, one(true, true));
    assert_eq!(listed(json!([kind("deleted")])).await, Ok(Vec::new()));
    assert_eq!(listed(Value::Null).await, Ok(Vec::new()));
    for bad in [kind("new"), json!({"apiName": "a", "status": "draft"}), json!({"id": 1, "status": "draft"}), json!(1)]
    {
        assert_eq!(listed(json!([bad])).await, Err(FailureKind::BadAnswer), "{bad}");
    }
}
