//! Every way in which an answer can be bad: what the caller is told, and how often the client asked.

use std::time::Duration;

use domain::people::MarketoId;
use domain::ports::MarketoPeople;
use domain::{Failure, FailureKind};
use serde_json::json;

use crate::support::{CANARY, IDENTITY, LEADS, Reply, SECRET, World, assert_harmless, at, lonely_client, names};

async fn read(world: &World) -> Result<(), Failure> {
    world.client.people_by_ids(&[MarketoId(1)], &names(&["firstName"])).await.map(drop)
}

/// One endpoint that always answers so: the kind of failure, its code, and the number of tries.
async fn check(case: &str, reply: Reply, kind: FailureKind, code: Option<&str>, tries: usize) {
    let world = World::new().await;
    world.script(LEADS, [reply]);
    let failure = read(&world).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (kind, code), "{case}: {failure}");
    assert_eq!(world.seen(LEADS).len(), tries, "{case}: tries");
    assert_eq!(*world.budget.taken.lock().unwrap() as usize, tries, "{case}: budget");
    assert_eq!(world.client.stats().calls as usize, tries, "{case}: counted");
    assert!(failure.message.starts_with(LEADS), "{case}: {failure}");
    assert_harmless(&failure);
    let waited: Duration = world.pauses().iter().sum();
    assert!(waited <= Duration::from_secs(65), "{case}: {waited:?}");
}

#[tokio::test]
async fn every_code_is_one_kind_of_failure() {
    use FailureKind as Kind;
    let table = [
        ("601", Kind::Unavailable, 3),
        ("602", Kind::Unavailable, 3),
        ("603", Kind::AccessDenied, 1),
        ("604", Kind::Unavailable, 5),
        ("605", Kind::BadRequest, 1),
        ("606", Kind::RateLimited, 5),
        ("607", Kind::DailyCalls, 1),
        ("608", Kind::Unavailable, 5),
        ("609", Kind::BadRequest, 1),
        ("610", Kind::NotFound, 1),
        ("611", Kind::Unavailable, 5),
        ("614", Kind::Unavailable, 5),
        ("615", Kind::RateLimited, 5),
        ("616", Kind::Unsupported, 1),
        ("702", Kind::BadRequest, 1),
        ("703", Kind::Unsupported, 1),
        ("713", Kind::Unavailable, 5),
        ("1003", Kind::BadRequest, 1),
        ("1006", Kind::UnknownField, 1),
        ("1013", Kind::NotFound, 1),
        ("1035", Kind::Unsupported, 1),
        ("4711", Kind::BadRequest, 1),
    ];
    for (code, kind, tries) in table {
        let message = format!("Something about 'Canary Person' {CANARY} and {SECRET}@x");
        check(code, Reply::error(code, &message), kind, Some(code), tries).await;
    }
}

#[tokio::test]
async fn a_code_may_be_a_number_and_come_with_an_http_status() {
    let body = json!({"success": false, "errors": [{"code": 603, "message": "Access denied"}]});
    check("number", Reply::json(body.clone()), FailureKind::AccessDenied, Some("603"), 1).await;
    check("status", Reply::text(403, body.to_string()), FailureKind::AccessDenied, Some("603"), 1).await;
}

#[tokio::test]
async fn every_http_status_is_one_kind_of_failure() {
    use FailureKind as Kind;
    let table = [
        (301, Kind::BadSetting, 1),
        (400, Kind::BadRequest, 1),
        (401, Kind::Unavailable, 3),
        (403, Kind::AccessDenied, 1),
        (404, Kind::NotFound, 1),
        (413, Kind::BadRequest, 1),
        (414, Kind::BadRequest, 1),
        (429, Kind::RateLimited, 5),
        (500, Kind::Unavailable, 5),
        (502, Kind::Unavailable, 5),
        (503, Kind::Unavailable, 5),
    ];
    for (status, kind, tries) in table {
        let reply = Reply::text(status, format!("<html>{CANARY}</html>"));
        check(&status.to_string(), reply, kind, Some(&status.to_string()), tries).await;
    }
}

#[tokio::test]
async fn broken_answers_are_asked_for_again() {
    let table = [
        ("empty", Reply::text(200, "")),
        ("blank", Reply::text(200, " \n")),
        ("not JSON", Reply::text(200, format!("{{\"success\": tru {CANARY}"))),
        ("not an object", Reply::text(200, "[1]")),
        ("empty object", Reply::text(200, "{}")),
        ("no result", Reply::json(json!({"requestId": "a#1", "success": true}))),
        ("result null", Reply::json(json!({"success": true, "result": null, "errors": null, "warnings": null}))),
        ("result is no list", Reply::json(json!({"success": true, "result": {"id": 1}}))),
        ("failure without a reason", Reply::json(json!({"success": false, "errors": []}))),
    ];
    for (case, reply) in table {
        check(case, reply, FailureKind::BadAnswer, None, 5).await;
    }
    check("cut", Reply::text(200, "{\"succ").broken(), FailureKind::Unavailable, None, 5).await;
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up() {
    let world = World::impatient().await;
    world.script(LEADS, [Reply::text(200, "{").silent()]);
    let failure = read(&world).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert_eq!(failure.message, "GET /rest/v1/leads.json: no answer in time");
}

#[tokio::test]
async fn nobody_listens() {
    // Port 9 is "discard", which nobody serves.
    let client = lonely_client("http://127.0.0.1:9");
    let failure = client.lead_fields().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.message.contains("127.0.0.1") && failure.message.contains("MARKETO_BASE_URL"), "{failure}");
    assert_harmless(&failure);
    assert_eq!(client.stats().calls, 0);
}

#[tokio::test]
async fn a_call_that_succeeds_in_the_end_succeeds() {
    let good = Reply::json(json!({"success": true, "result": []}));
    let world = World::new().await;
    let limit = Reply::error("606", "Max rate limit '100' exceeded with in '20' secs");
    world.script(LEADS, [limit, Reply::text(502, ""), Reply::error("615", ""), Reply::text(502, ""), good]);
    read(&world).await.unwrap();
    // The least pause and half of the jitter; each kind of refusal has its own sequence.
    let pauses: Vec<u128> = world.pauses().iter().map(|pause| pause.as_micros().div_ceil(1000)).collect();
    assert_eq!(pauses, [4500, 1250, 375, 2500]);
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_for_about_twenty_seconds() {
    let world = World::new().await;
    world.script(LEADS, [Reply::error("606", "")]);
    read(&world).await.unwrap_err();
    let waited: Duration = world.pauses().iter().sum();
    assert!((16..=21).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_a_point() {
    let world = World::new().await;
    let good = Reply::json(json!({"success": true, "result": []}));
    world.script(LEADS, [Reply::text(503, "").header("retry-after", "17"), good]);
    read(&world).await.unwrap();
    assert_eq!(world.pauses(), [Duration::from_secs(17)]);

    let world = World::new().await;
    world.script(LEADS, [Reply::text(503, "").header("retry-after", "Wed, 01 Jul 2026 12:30:00 GMT")]);
    let failure = read(&world).await.unwrap_err();
    assert_eq!((failure.kind, failure.until), (FailureKind::Unavailable, Some(at("2026-07-01T12:30:00Z"))));
    assert_eq!(world.seen(LEADS).len(), 1);
}

#[tokio::test]
async fn the_daily_limit_names_its_end_and_tells_the_budget() {
    let world = World::new().await;
    world.script(LEADS, [Reply::error("607", "Daily API request limit reached")]);
    let failure = read(&world).await.unwrap_err();
    // Midnight in Chicago, in summer.
    assert_eq!(failure.until, Some(at("2026-07-02T05:00:00Z")));
    assert_eq!(*world.budget.gone_until.lock().unwrap(), failure.until);
}

#[tokio::test]
async fn a_refusal_of_the_budget_is_passed_on_and_nothing_is_sent() {
    let world = World::new().await;
    let refusal = Failure::new(FailureKind::RateLimited, "budget: no call is free");
    *world.budget.refusal.lock().unwrap() = Some(refusal.clone());
    assert_eq!(read(&world).await.unwrap_err(), refusal);
    assert!(world.seen(LEADS).is_empty() && world.seen(IDENTITY).is_empty());
}

#[tokio::test]
async fn of_marketos_texts_only_what_helps_and_harms_nobody_gets_through() {
    let unknown = "a field is not known to this subscription";
    let refused = "Marketo refused a value in the request";
    let table = [
        ("1006", "Field 'firstName' not found for Canary", format!("{unknown}: firstName")),
        ("1006", "Field canary.person@example.com not found", unknown.to_owned()),
        ("1003", "Too many results match the filter", refused.to_owned()),
        ("1003", "Value canary.person@example.com of 'Canary' is bad", refused.to_owned()),
        ("1003", "canary.person@example.com", refused.to_owned()),
    ];
    for (code, message, wanted) in table {
        let world = World::new().await;
        world.script(LEADS, [Reply::error(code, message)]);
        let failure = read(&world).await.unwrap_err();
        assert_eq!(failure.message, format!("{LEADS}: {wanted}"));
        assert_harmless(&failure);
    }
}
