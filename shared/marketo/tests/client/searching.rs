//! Looking for activities, over the forms that pages are known to take.

use domain::FailureKind;
use domain::ports::{ActivitySearch, MarketoActivities};
use serde_json::{Value, json};
use simulator_marketo::FIRST_ID;

use crate::custom_activities::search;
use crate::support::{Reply, World};

const PAGES: &str = "GET /rest/v1/activities.json";
const TOKEN: &str = "GET /rest/v1/activities/pagingtoken.json";

/// Pages, each with whether there is more.
fn pages(pages: impl IntoIterator<Item = (Value, Option<bool>)>) -> Vec<Reply> {
    let page = |(rows, more): (Value, Option<bool>)| {
        let mut page = json!({"success": true, "nextPageToken": "NEXT=="});
        if !rows.is_null() {
            page["result"] = rows;
        }
        if let Some(more) = more {
            page["moreResult"] = more.into();
        }
        Reply::json(page)
    };
    pages.into_iter().map(page).collect()
}

async fn scripted(replies: Vec<Reply>) -> World {
    let world = World::new().await;
    world.script(TOKEN, [Reply::json(json!({"success": true, "nextPageToken": "FIRST=="}))]);
    world.script(PAGES, replies);
    world
}

fn row(guid: &str, attributes: Value) -> Value {
    json!({
        "id": 7, "marketoGUID": guid, "leadId": FIRST_ID, "activityDate": "2026-07-01T12:00:00Z", "activityTypeId": 100_001,
        "primaryAttributeValue": "Hello", "attributes": attributes,
    })
}

#[tokio::test]
async fn the_attribute_goes_by_its_api_name_or_by_its_name() {
    let rows = json!([
        row(
            "1",
            json!([{"name": "Source", "value": "x"}, {"name": "Activity ID", "apiName": "activityId", "value": "a"}])
        ),
        row("2", json!([{"name": "Activity ID", "value": "b"}])),
        row("3", json!([{"name": "activityId", "apiName": "", "value": "c"}])),
        row("4", json!([{"name": "Activity ID", "apiName": "another", "value": "d"}])),
        row("5", json!([{"name": "Activity ID", "value": 5}])),
        row("6", json!([])),
        row("", Value::Null),
    ]);
    let world = scripted(pages([(rows, Some(false))])).await;
    let read = world.client.find_activities(&search([0], 100_001)).await.unwrap();
    let read: Vec<_> = read.iter().map(|one| (one.guid.as_str(), one.value.as_deref())).collect();
    let wanted =
        [("1", Some("a")), ("2", Some("b")), ("3", Some("c")), ("4", None), ("5", Some("5")), ("6", None), ("7", None)];
    assert_eq!(read, wanted);
}

#[tokio::test]
async fn a_search_begins_a_little_earlier_and_goes_on_over_empty_pages() {
    let one = json!([row("1", json!([]))]);
    let replies = [
        (json!([]), Some(true)),
        (Value::Null, Some(true)),
        (Value::Null, Some(true)),
        (one.clone(), None),
        (Value::Null, None),
        (one, Some(false)),
    ];
    let world = scripted(pages(replies)).await;
    let read = world.client.find_activities(&search(0..2, 100_001)).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(world.seen(TOKEN)[0].query, "sinceDatetime=2026-07-01T11%3A59%3A00Z");
    let seen = world.seen(PAGES);
    let rest = "activityTypeIds=100001&leadIds=1000001%2C1000002&batchSize=300";
    assert_eq!(seen[0].query, format!("nextPageToken=FIRST%3D%3D&{rest}"));
    assert!(seen[1..].iter().all(|one| one.query == format!("nextPageToken=NEXT%3D%3D&{rest}")));
    // Each page without a list was asked for again.
    assert_eq!(seen.len(), 6);
}

#[tokio::test]
async fn a_search_that_does_not_end_is_ended() {
    let world = scripted(pages([(json!([]), Some(true))])).await;
    let failure = world.client.find_activities(&search([0], 100_001)).await.unwrap_err();
    assert_eq!((failure.kind, world.seen(PAGES).len()), (FailureKind::Unavailable, 300));
}

#[tokio::test]
async fn a_search_is_small_and_its_rows_make_sense() {
    let none = ActivitySearch { types: Vec::new(), ..search([0], 1) };
    let world = scripted(Vec::new()).await;
    assert_eq!(world.client.find_activities(&none).await, Ok(Vec::new()));
    assert_eq!(world.client.find_activities(&search([], 1)).await, Ok(Vec::new()));
    for large in [search(0..31, 1), ActivitySearch { types: (0..11).collect(), ..search([0], 1) }] {
        assert_eq!(world.client.find_activities(&large).await.unwrap_err().kind, FailureKind::BadRequest);
    }
    assert!(world.seen(TOKEN).is_empty());

    let whole = row("1", json!([]));
    let nameless = json!({"leadId": FIRST_ID, "activityTypeId": 100_001});
    for spoilt in [
        json!({"leadId": 1}),
        json!({"activityTypeId": 100_001}),
        nameless,
        json!("x"),
        json!({"activityTypeId": 13, "leadId": 1}),
    ] {
        let world = scripted(pages([(json!([whole, spoilt]), Some(false))])).await;
        let failure = world.client.find_activities(&search([0], 100_001)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer, "{spoilt}");
    }
}
