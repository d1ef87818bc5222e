//! The streams of changes.

use domain::FailureKind;
use domain::people::MarketoId;
use domain::ports::{ActivityKind, MarketoChanges, PagingToken};
use serde_json::{Value, json};

use crate::support::{Reply, World, assert_harmless, at, names};

const ACTIVITIES: &str = "GET /rest/v1/activities.json";
const CHANGES: &str = "GET /rest/v1/activities/leadchanges.json";
const DELETED: &str = "GET /rest/v1/activities/deletedleads.json";
const TOKEN: &str = "GET /rest/v1/activities/pagingtoken.json";

fn page(result: Value, more: bool) -> Reply {
    Reply::json(json!({"success": true, "result": result, "nextPageToken": "NEXT=", "moreResult": more}))
}

fn from() -> PagingToken {
    PagingToken("GIYDAOBNGEYS2MBWKQYDAORQGA5DAMBOGAYDAKZQGAYDALBQ=".to_owned())
}

#[tokio::test]
async fn a_position_is_asked_for_in_whole_seconds() {
    let world = World::new().await;
    world.script(TOKEN, [Reply::json(json!({"success": true, "nextPageToken": "ABC="}))]);
    let token = world.client.paging_token(at("2026-06-30T23:59:58.987Z")).await;
    assert_eq!(token, Ok(PagingToken("ABC=".to_owned())));
    assert_eq!(world.seen(TOKEN)[0].query, "sinceDatetime=2026-06-30T23%3A59%3A58Z");

    world.script(TOKEN, [Reply::json(json!({"success": true}))]);
    assert_eq!(world.client.paging_token(at("2026-06-30T23:59:58Z")).await.unwrap_err().kind, FailureKind::BadAnswer);
}

#[tokio::test]
async fn every_stream_asks_for_its_own() {
    let world = World::new().await;
    for endpoint in [ACTIVITIES, CHANGES, DELETED] {
        world.script(endpoint, [page(json!([]), false)]);
    }
    let page = world.client.field_changes(&from(), &names(&["email", "firstName"])).await.unwrap();
    assert_eq!((page.activities.len(), page.next, page.more), (0, PagingToken("NEXT=".to_owned()), false));
    world.client.person_activities(&from()).await.unwrap();
    world.client.new_people(&from()).await.unwrap();
    world.client.deletions(&from()).await.unwrap();
    let token = "nextPageToken=GIYDAOBNGEYS2MBWKQYDAORQGA5DAMBOGAYDAKZQGAYDALBQ%3D&batchSize=300";
    let queries = |endpoint| world.seen(endpoint).into_iter().map(|seen| seen.query).collect::<Vec<_>>();
    assert_eq!(queries(CHANGES), [format!("{token}&fields=email%2CfirstName")]);
    assert_eq!(
        queries(ACTIVITIES),
        [format!("{token}&activityTypeIds=23%2C32%2C34%2C35%2C36%2C100"), format!("{token}&activityTypeIds=12")]
    );
    assert_eq!(queries(DELETED), [token]);
}

#[tokio::test]
async fn activities_are_understood() {
    let world = World::new().await;
    let plain = |type_id: i64, date: &str| {
        json!({"id": 3_000_000_000_i64, "marketoGUID": "g", "leadId": 5, "activityDate": date,
        "activityTypeId": type_id, "primaryAttributeValueId": 1, "primaryAttributeValue": "Canary", "attributes": []})
    };
    let result = json!([
        plain(12, "2026-06-30T10:00:00Z"),
        plain(13, "2026-06-30T10:00:00+0000"),
        plain(23, "2026-06-30T02:00:00-08:00"),
        plain(34, "2026-06-30T10:00:00Z+0000"),
        plain(36, "2026-06-30T10:00:00.000Z"),
        plain(37, "2026-06-30T10:00:00Z"),
        plain(100, "2026-06-30T10:00:00Z"),
        {"leadId": 5, "activityDate": "2026-06-30T10:00:00Z", "activityTypeId": 46},
    ]);
    world.script(ACTIVITIES, [page(result, true)]);
    let page = world.client.person_activities(&from()).await.unwrap();
    assert!(page.more);
    assert!(page.activities.iter().all(|it| it.at == at("2026-06-30T10:00:00Z") && it.person == MarketoId(5)));
    let kinds: Vec<ActivityKind> = page.activities.iter().map(|it| it.kind.clone()).collect();
    use ActivityKind as Kind;
    let opportunity = Kind::OpportunityChange;
    let wanted = [
        Kind::NewPerson,
        Kind::FieldChange,
        Kind::OwnerChange,
        opportunity.clone(),
        opportunity,
        Kind::Deletion,
        Kind::PartitionChange,
        Kind::Other(46),
    ];
    assert_eq!(kinds, wanted);
    assert_eq!((page.activities[0].guid.as_str(), page.activities[7].guid.as_str()), ("g", ""));
}

fn merge(ids: Value) -> Value {
    json!({"leadId": 5, "activityDate": "2026-06-30T10:00:00Z", "activityTypeId": 32,
           "attributes": [{"name": "Merged in Sales", "value": false}, {"name": "Merge IDs", "value": ids}]})
}

#[tokio::test]
async fn losers_of_a_merge_come_in_many_forms() {
    let table = [
        (json!([1, 2]), vec![1, 2]),
        (json!(["1", 2]), vec![1, 2]),
        (json!("1,2"), vec![1, 2]),
        (json!("[1, 2]"), vec![1, 2]),
        (json!(3), vec![3]),
        (json!("3"), vec![3]),
    ];
    for (ids, wanted) in table {
        let world = World::new().await;
        world.script(ACTIVITIES, [page(json!([merge(ids.clone())]), false)]);
        let page = world.client.person_activities(&from()).await.unwrap();
        let wanted = ActivityKind::Merge(wanted.into_iter().map(MarketoId).collect());
        assert_eq!(page.activities[0].kind, wanted, "{ids}");
    }
}

#[tokio::test]
async fn one_bad_activity_spoils_the_page_and_is_named_without_values() {
    let table = [
        (merge(json!("Canary")), "an activity of type 32 came without readable Merge IDs"),
        (merge(json!([])), "an activity of type 32 came without readable Merge IDs"),
        (
            json!({"activityDate": "2026-06-30T10:00:00Z", "activityTypeId": 23}),
            "an activity of type 23 came without a leadId",
        ),
        (
            json!({"leadId": 5, "activityDate": "Canary", "activityTypeId": 23}),
            "an activity of type 23 came without a readable activityDate",
        ),
        (json!({"leadId": 5, "activityDate": "2026-06-30T10:00:00Z"}), "an activity came without an activityTypeId"),
        (json!("Canary"), "item 0 of the result is not as documented"),
    ];
    for (activity, wanted) in table {
        let world = World::new().await;
        world.script(ACTIVITIES, [page(json!([activity]), false)]);
        let failure = world.client.person_activities(&from()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert_eq!(failure.message, format!("{ACTIVITIES}: {wanted}"));
        assert_harmless(&failure);
    }
}

#[tokio::test]
async fn a_page_without_a_position_is_asked_for_again() {
    let world = World::new().await;
    let lost = Reply::json(json!({"success": true, "result": [], "moreResult": false}));
    world.script(DELETED, [lost.clone(), page(json!([]), false)]);
    world.client.deletions(&from()).await.unwrap();
    world.script(DELETED, [lost]);
    assert_eq!(world.client.deletions(&from()).await.unwrap_err().kind, FailureKind::BadAnswer);
}

#[tokio::test]
async fn a_page_without_a_result_is_given_on_as_not_listed() {
    let world = World::new().await;
    let bare = Reply::json(json!({"success": true, "nextPageToken": "NEXT=", "moreResult": true}));
    world.script(DELETED, [bare, page(json!([]), false)]);
    let lost = world.client.deletions(&from()).await.unwrap();
    assert_eq!((lost.activities.len(), lost.listed, lost.more), (0, false, true));
    let empty = world.client.deletions(&from()).await.unwrap();
    assert_eq!((empty.activities.len(), empty.listed, empty.more), (0, true, false));
    assert_eq!(world.seen(DELETED).len(), 2);
}

#[tokio::test]
async fn a_refused_position_is_a_bad_request() {
    for code in ["1003", "702"] {
        let world = World::new().await;
        world.script(DELETED, [Reply::error(code, "Invalid nextPageToken 'GIYDAOBN'")]);
        assert_eq!(world.client.deletions(&from()).await.unwrap_err().kind, FailureKind::BadRequest);
    }
}
