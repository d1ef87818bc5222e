//! Adding records: what is known of a call after everything that can become of it, and that nothing is sent twice in doubt.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use domain::people::MarketoId;
use domain::ports::{Added, MAX_ACTIVITIES_PER_CALL, MarketoActivities, NewActivity, Sent};
use domain::{Failure, FailureKind, Timestamp};
use marketo::{Credentials, TimeLimits};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{CANARY, FakeClock, IDENTITY, Reply, SECRET, World, assert_harmless, at, lonely_client};

const ADD: &str = "POST /rest/v1/activities/external.json";

fn records(count: i64) -> Vec<NewActivity> {
    let record = |person| NewActivity {
        person: MarketoId(person),
        at: at("2026-07-01T11:59:59.987Z"),
        type_id: 100_001,
        primary: format!("To {CANARY}"),
        attributes: vec![("activityId", format!("act-{person}")), ("emailSubject", "Tea & \"cake\"".to_owned())],
    };
    (1..=count).map(record).collect()
}

fn soon(world: &World) -> Timestamp {
    use domain::ports::Clock;
    world.clock.now().checked_add(Duration::from_secs(120)).unwrap()
}

fn result(rows: Value) -> Reply {
    Reply::json(json!({"requestId": "a#1", "success": true, "result": rows}))
}

/// Two records, and an endpoint that always answers so.
async fn add(reply: Reply) -> (World, Sent<Vec<Added>>) {
    let world = World::new().await;
    world.script(ADD, [reply]);
    let sent = world.client.add_activities(&records(2), soon(&world)).await;
    (world, sent)
}

#[derive(Debug, PartialEq)]
enum Known {
    NotCarriedOut,
    Unknown,
}

fn told(sent: Sent<Vec<Added>>) -> (Known, Failure) {
    match sent {
        Sent::NotCarriedOut(failure) => (Known::NotCarriedOut, failure),
        Sent::Unknown(failure) => (Known::Unknown, failure),
        Sent::Answered(added) => panic!("{added:?}"),
    }
}

async fn check(case: &str, reply: Reply, known: Known, kind: FailureKind, tries: usize) {
    let (world, sent) = add(reply).await;
    let (told, failure) = told(sent);
    assert_eq!((&told, failure.kind), (&known, kind), "{case}: {failure}");
    assert_eq!(world.seen(ADD).len(), tries, "{case}: tries");
    assert_eq!(*world.budget.taken.lock().unwrap() as usize, tries, "{case}: budget");
    assert!(failure.message.starts_with(ADD), "{case}: {failure}");
    assert_harmless(&failure);
}

#[tokio::test]
async fn records_are_sent_as_documented_and_outcomes_come_in_their_order() {
    let long = "x".repeat(400);
    let rows = json!([
        {"id": 50, "marketoGUID": "50", "status": "added"},
        {"status": "skipped", "errors": [{"code": "1004", "message": "Lead not found"}, {"code": "1", "message": ""}]},
        {"id": 52, "status": "added", "errors": []},
        {"status": "skipped", "reasons": [{"code": 1003, "message": long}]},
        {"status": "skipped"},
    ]);
    let world = World::new().await;
    world.script(ADD, [result(rows)]);
    let refused = |code: &str, message: &str| Added::Refused { code: code.to_owned(), message: message.to_owned() };
    let added = |guid: &str| Added::Added { guid: guid.to_owned() };
    let expected =
        [added("50"), refused("1004", "Lead not found"), added("52"), refused("1003", &long[..200]), refused("", "")];
    assert_eq!(world.client.add_activities(&records(5), soon(&world)).await, Sent::Answered(expected.into()));

    let [seen] = &world.seen(ADD)[..] else { panic!("one call") };
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(seen.header("authorization"), "Bearer token-1");
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["input"].as_array().unwrap().len(), 5);
    let second = json!({
        "leadId": 2,
        "activityDate": "2026-07-01T11:59:59Z",
        "activityTypeId": 100_001,
        "primaryAttributeValue": format!("To {CANARY}"),
        "attributes": [
            {"apiName": "activityId", "value": "act-2"},
            {"apiName": "emailSubject", "value": "Tea & \"cake\""},
        ],
    });
    assert_eq!(body["input"][1], second);
}

#[tokio::test]
async fn nothing_to_send_and_too_much_to_send_are_not_sent() {
    let world = World::new().await;
    assert_eq!(world.client.add_activities(&[], soon(&world)).await, Sent::Answered(Vec::new()));
    let many = records(MAX_ACTIVITIES_PER_CALL as i64 + 1);
    let (known, failure) = told(world.client.add_activities(&many, soon(&world)).await);
    assert_eq!((known, failure.kind), (Known::NotCarriedOut, FailureKind::BadRequest));
    let mut long = records(300);
    long.iter_mut().for_each(|record| record.attributes[1].1 = "\n".repeat(2_000));
    let (known, failure) = told(world.client.add_activities(&long, soon(&world)).await);
    assert_eq!((known, failure.kind), (Known::NotCarriedOut, FailureKind::BadRequest));
    assert!(world.seen(ADD).is_empty());
}

#[tokio::test]
async fn every_code_says_whether_something_was_carried_out() {
    use FailureKind as Kind;
    use Known::{NotCarriedOut, Unknown};
    let table = [
        ("601", NotCarriedOut, Kind::Unavailable, 3),
        ("602", NotCarriedOut, Kind::Unavailable, 3),
        ("603", NotCarriedOut, Kind::AccessDenied, 1),
        ("604", Unknown, Kind::Unavailable, 1),
        ("605", NotCarriedOut, Kind::BadRequest, 1),
        ("606", NotCarriedOut, Kind::RateLimited, 5),
        ("607", NotCarriedOut, Kind::DailyCalls, 1),
        ("608", Unknown, Kind::Unavailable, 1),
        ("609", NotCarriedOut, Kind::BadRequest, 1),
        ("610", NotCarriedOut, Kind::NotFound, 1),
        ("611", Unknown, Kind::Unavailable, 1),
        ("612", NotCarriedOut, Kind::BadRequest, 1),
        ("614", Unknown, Kind::Unavailable, 1),
        ("615", NotCarriedOut, Kind::RateLimited, 5),
        ("616", NotCarriedOut, Kind::Unsupported, 1),
        ("500", Unknown, Kind::Unavailable, 1),
        ("502", Unknown, Kind::Unavailable, 1),
        ("703", NotCarriedOut, Kind::Unsupported, 1),
        ("709", NotCarriedOut, Kind::BadRequest, 1),
        ("713", Unknown, Kind::Unavailable, 1),
        ("719", Unknown, Kind::BadRequest, 1),
        ("1002", NotCarriedOut, Kind::BadRequest, 1),
        ("1003", NotCarriedOut, Kind::BadRequest, 1),
        ("1004", Unknown, Kind::BadRequest, 1),
        ("1006", NotCarriedOut, Kind::UnknownField, 1),
        ("1022", Unknown, Kind::Unavailable, 1),
        ("1049", Unknown, Kind::BadRequest, 1),
        ("4711", Unknown, Kind::BadRequest, 1),
    ];
    for (code, known, kind, tries) in table {
        let message = format!("Something about 'Canary Person' {CANARY} and {SECRET}@x");
        check(code, Reply::error(code, &message), known, kind, tries).await;
    }
}

#[tokio::test]
async fn every_http_status_says_so_too() {
    use FailureKind as Kind;
    use Known::{NotCarriedOut, Unknown};
    let table = [
        (302, NotCarriedOut, Kind::BadSetting, 1),
        (400, NotCarriedOut, Kind::BadRequest, 1),
        (401, NotCarriedOut, Kind::Unavailable, 3),
        (403, NotCarriedOut, Kind::AccessDenied, 1),
        (404, NotCarriedOut, Kind::NotFound, 1),
        (408, Unknown, Kind::Unavailable, 1),
        (413, NotCarriedOut, Kind::BadRequest, 1),
        (429, NotCarriedOut, Kind::RateLimited, 5),
        (499, Unknown, Kind::BadRequest, 1),
        (500, Unknown, Kind::Unavailable, 1),
        (502, Unknown, Kind::Unavailable, 1),
        (503, Unknown, Kind::Unavailable, 1),
        (504, Unknown, Kind::Unavailable, 1),
    ];
    for (status, known, kind, tries) in table {
        check(&status.to_string(), Reply::text(status, format!("<html>{CANARY}</html>")), known, kind, tries).await;
    }
}

#[tokio::test]
async fn an_answer_that_does_not_tell_each_outcome_tells_none() {
    let ok = json!({"marketoGUID": "1", "status": "added"});
    let error = json!([{"code": "1003", "message": format!("Canary {CANARY}")}]);
    let contradiction = json!({"success": true, "result": [ok, ok], "errors": error});
    let table = [
        ("empty", Reply::text(200, "")),
        ("not JSON", Reply::text(200, format!("{{\"success\": tru {CANARY}"))),
        ("half", Reply::text(200, "{\"success\": true, \"result\": [{\"status\": \"added\"")),
        ("empty object", Reply::text(200, "{}")),
        ("no result", Reply::json(json!({"requestId": "a#1", "success": true}))),
        ("result is no list", Reply::json(json!({"success": true, "result": {"status": "added"}}))),
        ("failure without a reason", Reply::json(json!({"success": false, "errors": []}))),
        ("fewer", result(json!([ok]))),
        ("more", result(json!([ok, ok, ok]))),
        ("none", result(json!([]))),
        ("no object", result(json!([ok, CANARY]))),
        ("no status", result(json!([ok, {"marketoGUID": "2"}]))),
        ("another status", result(json!([ok, {"marketoGUID": "2", "status": "updated"}]))),
        ("added without a GUID", result(json!([ok, {"status": "added"}]))),
        ("added with errors", result(json!([ok, {"marketoGUID": "2", "status": "added", "errors": error}]))),
        ("skipped with a GUID", result(json!([ok, {"marketoGUID": "2", "status": "skipped", "errors": error}]))),
    ];
    for (case, reply) in table {
        check(case, reply, Known::Unknown, FailureKind::BadAnswer, 1).await;
    }
    check("failure and success", Reply::json(contradiction), Known::Unknown, FailureKind::BadRequest, 1).await;
    check("cut", Reply::text(200, "{\"succ").broken(), Known::Unknown, FailureKind::Unavailable, 1).await;
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up_after_the_time_for_adding() {
    let limits = TimeLimits { adding: Duration::from_millis(100), ..TimeLimits::default() };
    let world = World::with(5, limits).await;
    world.script(ADD, [Reply::text(200, "{").silent()]);
    let (records, soon) = (records(1), soon(&world));
    let sent = tokio::time::timeout(Duration::from_secs(20), world.client.add_activities(&records, soon));
    let (known, failure) = told(sent.await.expect("the usual time is for other calls"));
    assert_eq!((known, failure.message), (Known::Unknown, format!("{ADD}: no answer in time")));
    assert_eq!(world.seen(ADD).len(), 1);
}

#[tokio::test]
async fn what_was_certainly_not_carried_out_is_tried_again() {
    let world = World::new().await;
    let good = result(json!([{"marketoGUID": "1", "status": "added"}]));
    let busy = Reply::text(429, "").header("retry-after", "7");
    world.script(ADD, [Reply::error("602", ""), Reply::error("606", ""), Reply::error("615", ""), busy, good]);
    let sent = world.client.add_activities(&records(1), soon(&world)).await;
    assert_eq!(sent, Sent::Answered(vec![Added::Added { guid: "1".to_owned() }]));
    let seen = world.seen(ADD);
    assert_eq!((seen.len(), world.seen(IDENTITY).len()), (5, 2));
    assert!(seen.iter().all(|one| one.body == seen[0].body));
    assert_eq!(
        (seen[0].header("authorization"), seen[4].header("authorization")),
        ("Bearer token-1", "Bearer token-2")
    );
    assert_eq!(world.pauses().last(), Some(&Duration::from_secs(7)));
}

#[tokio::test]
async fn doubt_ends_the_tries_wherever_it_comes_up() {
    let world = World::new().await;
    world.script(ADD, [Reply::error("606", ""), Reply::text(503, "").header("retry-after", "30")]);
    let (known, failure) = told(world.client.add_activities(&records(1), soon(&world)).await);
    assert_eq!((known, failure.code.as_deref()), (Known::Unknown, Some("503")));
    assert_eq!(failure.until, Some(at("2026-07-01T12:00:34.5Z")));
    assert_eq!(world.seen(ADD).len(), 2);
}

#[tokio::test]
async fn a_day_without_calls_is_told_to_the_budget() {
    let (world, sent) = add(Reply::error("607", "Daily API request limit reached")).await;
    let (known, failure) = told(sent);
    assert_eq!((known, failure.until), (Known::NotCarriedOut, Some(at("2026-07-02T05:00:00Z"))));
    assert_eq!(*world.budget.gone_until.lock().unwrap(), failure.until);
}

#[tokio::test]
async fn what_fails_before_the_sending_was_not_carried_out() {
    let world = World::new().await;
    let refusal = Failure::new(FailureKind::RateLimited, "budget: no call is free");
    *world.budget.refusal.lock().unwrap() = Some(refusal.clone());
    assert_eq!(world.client.add_activities(&records(1), soon(&world)).await, Sent::NotCarriedOut(refusal));
    assert!(world.seen(ADD).is_empty() && world.seen(IDENTITY).is_empty());

    for (status, kind) in
        [(401, FailureKind::BadCredentials), (404, FailureKind::BadSetting), (502, FailureKind::Unavailable)]
    {
        let world = World::new().await;
        world.script(IDENTITY, [Reply::text(status, "")]);
        let (known, failure) = told(world.client.add_activities(&records(1), soon(&world)).await);
        assert_eq!((known, failure.kind), (Known::NotCarriedOut, kind));
        assert!(world.seen(ADD).is_empty());
    }
    let client = lonely_client("http://127.0.0.1:9");
    let (known, failure) = told(client.add_activities(&records(1), at("2026-07-01T13:00:00Z")).await);
    assert_eq!((known, failure.kind), (Known::NotCarriedOut, FailureKind::Unreachable));
}

#[tokio::test]
async fn nothing_is_sent_when_its_time_is_over() {
    let good = result(json!([{"marketoGUID": "1", "status": "added"}]));
    let world = World::new().await;
    world.script(ADD, [good.clone()]);
    let (known, failure) = told(world.client.add_activities(&records(1), at("2026-07-01T11:59:59.999Z")).await);
    assert_eq!((known, failure.kind), (Known::NotCarriedOut, FailureKind::Unavailable));
    assert!(world.seen(ADD).is_empty());
    let now = at("2026-07-01T12:00:00Z");
    assert!(matches!(world.client.add_activities(&records(1), now).await, Sent::Answered(_)), "not over yet");

    // A pause of four seconds and a half takes the second try beyond it.
    let world = World::new().await;
    world.script(ADD, [Reply::error("606", ""), good]);
    let (known, failure) = told(world.client.add_activities(&records(1), at("2026-07-01T12:00:04Z")).await);
    assert_eq!((known, failure.code), (Known::NotCarriedOut, None), "{}", failure.message);
    assert_eq!(world.seen(ADD).len(), 1);
}

/// Credentials that take ten seconds.
#[derive(Default)]
struct Slow(OnceLock<Arc<FakeClock>>);

#[async_trait]
impl Credentials for Slow {
    async fn get(&self) -> Result<(String, SecretString), Failure> {
        self.0.get().unwrap().advance(Duration::from_secs(10));
        Ok(("client-id".to_owned(), SecretString::from(SECRET)))
    }

    fn place(&self) -> String {
        "a test".to_owned()
    }
}

impl std::fmt::Debug for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slow")
    }
}

#[tokio::test]
async fn the_clock_is_looked_at_after_everything_that_can_take_time() {
    let slow = Arc::new(Slow::default());
    let world = World::with_credentials(slow.clone()).await;
    assert!(slow.0.set(world.clock.clone()).is_ok());
    world.script(ADD, [result(json!([{"marketoGUID": "1", "status": "added"}]))]);
    let (known, failure) = told(world.client.add_activities(&records(1), at("2026-07-01T12:00:09Z")).await);
    assert_eq!((known, failure.kind), (Known::NotCarriedOut, FailureKind::Unavailable));
    assert_eq!((world.seen(IDENTITY).len(), world.seen(ADD).len()), (1, 0));
}
