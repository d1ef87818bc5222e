//! People, opportunity roles, folders, fields, usage.

use domain::FailureKind;
use domain::people::MarketoId;
use domain::ports::{MarketoPeople, OpportunityRole, Record};
use serde_json::{Value, json};

use crate::support::{LEADS, Reply, World, assert_harmless, at, names};

const ROLES: &str = "GET /rest/v1/opportunities/roles.json";
const FOLDERS: &str = "GET /rest/asset/v1/folders.json";

fn good(result: Value) -> Reply {
    Reply::json(json!({"requestId": "a#1", "success": true, "result": result}))
}

fn ids(numbers: impl IntoIterator<Item = i64>) -> Vec<MarketoId> {
    numbers.into_iter().map(MarketoId).collect()
}

#[tokio::test]
async fn values_come_as_marketo_has_them() {
    let world = World::new().await;
    let text = " Ærø\u{1}\n\"x\" ";
    world.script(
        LEADS,
        [good(json!([
            {"id": 7, "a": text, "b": "", "c": null, "e": 12, "f": 1.50, "g": true, "h": "null", "i": 9007199254740993_i64},
            {"id": 8},
            {"id": 7, "a": "again"},
        ]))],
    );
    let fields = names(&["id", "a", "b", "c", "d", "e", "f", "g", "h", "i", "a"]);
    let people = world.client.people_by_ids(&ids([7, 8, 9]), &fields).await.unwrap();
    let some = |text: &str| Some(text.to_owned());
    let first = vec![
        some("7"),
        some(text),
        None,
        None,
        None,
        some("12"),
        some("1.5"),
        some("true"),
        some("null"),
        some("9007199254740993"),
        some(text),
    ];
    let mut second = vec![None; 11];
    second[0] = some("8");
    assert_eq!(
        people,
        [
            Record { id: MarketoId(7), values: first.into_iter().collect() },
            Record { id: MarketoId(8), values: second.into_iter().collect() }
        ],
        "each person once, absent ones left out"
    );
    assert_eq!(
        world.seen(LEADS)[0].query,
        "filterType=id&filterValues=7%2C8%2C9&fields=id%2Ca%2Cb%2Cc%2Cd%2Ce%2Cf%2Cg%2Ch%2Ci%2Ca&batchSize=300"
    );
}

#[tokio::test]
async fn long_requests_go_by_post() {
    let world = World::new().await;
    world.script("POST /rest/v1/leads.json", [good(json!([{"id": 1}]))]).script(LEADS, [good(json!([]))]);
    let many: Vec<String> = (0..400).map(|n| format!("customField{n:06}")).collect();
    assert_eq!(world.client.people_by_ids(&ids([1]), &many).await.unwrap().len(), 1);
    let seen = &world.seen("POST /rest/v1/leads.json")[0];
    assert_eq!(
        (seen.query.as_str(), seen.header("content-type")),
        ("_method=GET", "application/x-www-form-urlencoded")
    );
    assert!(seen.body.starts_with("filterType=id&filterValues=1&fields=customField000000%2C"), "{}", seen.body);
    assert_eq!(world.client.stats().by_endpoint, [("POST /rest/v1/leads.json".to_owned(), 1)].into());

    // Three hundred eight-digit ids fit.
    world.client.people_by_ids(&ids(10_000_000..10_000_300), &names(&["id", "email"])).await.unwrap();
    assert_eq!(world.seen(LEADS).len(), 1);
}

#[tokio::test]
async fn answers_that_contradict_the_question_are_refused() {
    for result in [json!([{"id": 2}]), json!([{"email": "canary.person@example.com"}]), json!(["Canary"])] {
        let world = World::new().await;
        world.script(LEADS, [good(result)]);
        let failure = world.client.people_by_ids(&ids([1]), &names(&["email"])).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
        assert_harmless(&failure);
    }
    let world = World::new().await;
    assert_eq!(world.client.people_by_ids(&[], &[]).await, Ok(vec![]));
    let failure = world.client.people_by_ids(&ids(0..301), &[]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_eq!(world.client.stats().calls, 0);
}

#[tokio::test]
async fn a_second_page_of_people_is_read() {
    let world = World::new().await;
    let first = Reply::json(json!({"success": true, "result": [{"id": 1}], "nextPageToken": "A="}));
    world.script(LEADS, [first, good(json!([{"id": 2}]))]);
    assert_eq!(world.client.people_by_ids(&ids([1, 2]), &names(&["email"])).await.unwrap().len(), 2);
    assert!(world.seen(LEADS)[1].query.ends_with("&nextPageToken=A%3D"));
}

#[tokio::test]
async fn several_people_may_have_one_address() {
    let world = World::new().await;
    let first = Reply::json(json!({"success": true, "result": [{"id": 9}, {"id": 2}], "nextPageToken": "A="}));
    world.script(LEADS, [first, good(json!([{"id": 9}]))]);
    assert_eq!(world.client.ids_by_email(" a+b@example.com ").await, Ok(ids([2, 9])));
    let query = "filterType=email&filterValues=a%2Bb%40example.com&fields=id&batchSize=300";
    assert_eq!(world.seen(LEADS)[0].query, query);
    assert_eq!(world.client.ids_by_email(" ").await, Ok(vec![]));
    let failure = world.client.ids_by_email("canary.person@example.com,b@example.com").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
    assert_harmless(&failure);
}

#[tokio::test]
async fn fields_without_a_rest_name_are_left_out() {
    let world = World::new().await;
    let result =
        json!([{"id": 1, "displayName": "E", "rest": {"name": "email", "readOnly": false}}, {"id": 2, "soap": {}}]);
    world.script("GET /rest/v1/leads/describe.json", [good(result)]);
    assert_eq!(world.client.lead_fields().await, Ok(names(&["email"])));
}

#[tokio::test]
async fn warnings_come_in_two_forms() {
    for warnings in [json!(["No assets found for the given search criteria."]), json!([{"code": 100, "message": "x"}])]
    {
        let world = World::new().await;
        world.script(LEADS, [Reply::json(json!({"success": true, "result": [], "warnings": warnings}))]);
        assert_eq!(world.client.people_by_ids(&ids([1]), &names(&["email"])).await, Ok(vec![]));
        world.script(FOLDERS, [Reply::json(json!({"success": true, "warnings": warnings, "errors": []}))]);
        assert_eq!(world.client.oldest_folder().await.unwrap_err().kind, FailureKind::NotFound);
    }
}

#[tokio::test]
async fn all_pages_of_roles_are_read() {
    let world = World::new().await;
    let role = |lead: i64, primary: Value, created: Value| {
        json!({"seq": 0, "marketoGUID": "g", "externalOpportunityId": "006000000000001AAA", "leadId": lead, "role": "Buyer",
               "isPrimary": primary, "externalCreatedDate": created})
    };
    let first = json!({"success": true, "nextPageToken": "B=", "result": [role(1, json!(true), json!("2020-01-02T03:04:05Z"))]});
    let second =
        good(json!([role(1, json!("false"), json!("2020-01-02T03:04:05-0800")), role(2, json!(null), json!(null))]));
    world.script(ROLES, [Reply::json(first), second]);
    let roles = world.client.opportunity_roles(&ids([1, 2])).await.unwrap();
    let wanted = |person, primary, created| OpportunityRole {
        person: MarketoId(person),
        opportunity: "006000000000001AAA".to_owned(),
        primary,
        created,
    };
    let expected = [
        wanted(1, true, Some(at("2020-01-02T03:04:05Z"))),
        wanted(1, false, Some(at("2020-01-02T11:04:05Z"))),
        wanted(2, false, None),
    ];
    assert_eq!(roles, expected);
    assert!(
        world.seen(ROLES)[0].query.starts_with("filterType=leadId&filterValues=1%2C2&fields=externalOpportunityId%2C")
    );
}

#[tokio::test]
async fn subscriptions_that_refuse_roles_say_so() {
    let table = [
        (Reply::error("603", "Access denied"), FailureKind::AccessDenied),
        (Reply::error("610", "Requested resource not found"), FailureKind::Unsupported),
        (Reply::error("616", ""), FailureKind::Unsupported),
        (Reply::error("703", ""), FailureKind::Unsupported),
        (Reply::text(404, "Not found"), FailureKind::Unsupported),
    ];
    for (reply, kind) in table {
        let world = World::new().await;
        world.script(ROLES, [reply]);
        assert_eq!(world.client.opportunity_roles(&ids([1])).await.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn the_oldest_folder_is_on_any_page() {
    let world = World::new().await;
    let folder = |created: &str| json!({"name": "f", "createdAt": created});
    let full: Vec<Value> = (0..200).map(|_| folder("2019-05-06T07:08:09Z+0000")).collect();
    world.script(FOLDERS, [good(json!(full)), good(json!([folder("2015-01-15T22:51:03Z+0000"), {"name": "no date"}]))]);
    assert_eq!(world.client.oldest_folder().await, Ok(at("2015-01-15T22:51:03Z")));
    let queries: Vec<String> = world.seen(FOLDERS).into_iter().map(|seen| seen.query).collect();
    assert_eq!(queries, ["maxDepth=1&maxReturn=200&offset=0", "maxDepth=1&maxReturn=200&offset=200"]);
}

#[tokio::test]
async fn usage_is_todays_total() {
    let world = World::new().await;
    let result = json!([{"date": "2026-07-01", "total": 2345, "users": [{"userId": "a", "count": 2345}]}]);
    world.script("GET /rest/v1/stats/usage.json", [good(result)]);
    assert_eq!(world.client.usage().await, Ok(2345));
}
