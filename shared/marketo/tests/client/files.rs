//! The bytes of export files: parts, errors in place of a file, broken connections.

use std::time::Duration;

use domain::ports::{ExportId, MarketoExports, MarketoPeople};
use domain::{Failure, FailureKind};
use futures_util::{StreamExt, TryStreamExt};
use marketo::TimeLimits;
use serde_json::json;

use crate::support::{Reply, World, assert_harmless};

const FILE: &str = "GET /bulk/v1/leads/export/ab-12/file.json";
const TEXT: &str = "id,email\n1,a\n2,null\n";

async fn fetch(world: &World, from: u64) -> Result<String, Failure> {
    let chunks = world.client.export_file(&ExportId("ab-12".to_owned()), from).await?.try_collect::<Vec<_>>().await?;
    Ok(String::from_utf8(chunks.concat()).unwrap())
}

fn csv(text: &'static str) -> Reply {
    Reply::text(200, text).header("content-type", "text/csv;charset=UTF-8")
}

fn part(from: usize) -> Reply {
    let range = format!("bytes {from}-{}/{}", TEXT.len() - 1, TEXT.len());
    Reply::text(206, &TEXT[from..]).header("content-range", range)
}

#[tokio::test]
async fn a_whole_file() {
    let world = World::new().await;
    world.script(FILE, [csv(TEXT)]);
    assert_eq!(fetch(&world, 0).await.unwrap(), TEXT);
    let seen = &world.seen(FILE)[0];
    assert_eq!((seen.header("range"), seen.header("accept-encoding")), ("", ""));
    let stats = world.client.stats();
    assert_eq!((stats.calls, stats.export_bytes), (1, TEXT.len() as u64));
    assert_eq!(stats.by_endpoint, [("GET /bulk/v1/leads/export/{exportId}/file.json".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_part_of_a_file() {
    let world = World::new().await;
    world.script(FILE, [part(9)]);
    assert_eq!(fetch(&world, 9).await.unwrap(), TEXT[9..]);
    assert_eq!(world.seen(FILE)[0].header("range"), "bytes=9-");

    // A server that knows no ranges sends all of it.
    world.script(FILE, [csv(TEXT)]);
    assert_eq!(fetch(&world, 9).await.unwrap(), TEXT[9..]);
    assert_eq!(fetch(&world, 1000).await.unwrap(), "");
}

#[tokio::test]
async fn the_end_of_a_file() {
    let world = World::new().await;
    let end = TEXT.len() as u64;
    world.script(FILE, [Reply::text(416, "").header("content-range", format!("bytes */{end}"))]);
    assert_eq!(fetch(&world, end).await.unwrap(), "");
    assert_eq!(fetch(&world, end - 1).await.unwrap_err().kind, FailureKind::BadAnswer);
    world.script(FILE, [Reply::text(416, "")]);
    assert_eq!(fetch(&world, end).await.unwrap(), "");
}

#[tokio::test]
async fn the_wrong_part_is_asked_for_again() {
    let world = World::new().await;
    world.script(FILE, [part(8), Reply::text(206, "x"), part(9)]);
    assert_eq!(fetch(&world, 9).await.unwrap(), TEXT[9..]);
    world.script(FILE, [part(8)]);
    assert_eq!(fetch(&world, 9).await.unwrap_err().kind, FailureKind::BadAnswer);
}

#[tokio::test]
async fn errors_in_place_of_a_file() {
    use FailureKind as Kind;
    let error = json!({"requestId": "a#1", "success": false, "errors": [{"code": "603", "message": "canary.person@example.com"}]});
    let table = [
        ("typed", Reply::json(error.clone()), Kind::AccessDenied, 1),
        (
            "untyped",
            csv(
                "{\"requestId\":\"a#1\",\"success\":false,\"errors\":[{\"code\":\"1029\",\"message\":\"Export daily quota 500MB exceeded\"}]}",
            ),
            Kind::DailyExport,
            1,
        ),
        ("busy", csv("\n {\"success\":false,\"errors\":[{\"code\":606}]}"), Kind::RateLimited, 5),
        ("cut short", csv("{\"requestId\":\"a#"), Kind::BadAnswer, 5),
        ("success", Reply::json(json!({"success": true, "result": []})), Kind::BadAnswer, 5),
        ("not there", Reply::text(404, "HTTP 404 Not Found"), Kind::NotFound, 1),
        ("server error", Reply::text(500, "canary.person@example.com"), Kind::Unavailable, 5),
        ("empty", csv(""), Kind::BadAnswer, 5),
    ];
    for (case, reply, kind, tries) in table {
        let world = World::new().await;
        world.script(FILE, [reply]);
        let failure = fetch(&world, 0).await.unwrap_err();
        assert_eq!((failure.kind, world.seen(FILE).len()), (kind, tries), "{case}: {failure}");
        assert_harmless(&failure);
    }
    let world = World::new().await;
    world.script(FILE, [Reply::error("602", "Access token expired"), Reply::error("606", ""), csv(TEXT)]);
    assert_eq!(fetch(&world, 0).await.unwrap(), TEXT);
}

#[tokio::test]
async fn a_connection_that_drops_can_be_taken_up_where_it_broke() {
    for cut in [csv(&TEXT[..12]).broken(), csv(&TEXT[..12]).silent()] {
        let world = World::impatient().await;
        world.script(FILE, [cut, part(12)]);
        let mut file = world.client.export_file(&ExportId("ab-12".to_owned()), 0).await.unwrap();
        assert_eq!(file.next().await.unwrap().unwrap(), TEXT[..12]);
        let failure = file.next().await.unwrap().unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_harmless(&failure);
        assert!(file.next().await.is_none());
        assert_eq!(fetch(&world, 12).await.unwrap(), TEXT[12..]);
    }
}

#[tokio::test]
async fn a_file_that_is_being_read_counts_as_a_request_in_flight() {
    let world = World::with(1, TimeLimits::default()).await;
    world.script(FILE, [csv(TEXT)]).script("GET /rest/v1/leads/describe.json", [Reply::error("603", "")]);
    let file = world.client.export_file(&ExportId("ab-12".to_owned()), 0).await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_millis(50), world.client.lead_fields()).await;
    assert!(waiting.is_err());
    drop(file);
    assert_eq!(world.client.lead_fields().await.unwrap_err().kind, FailureKind::AccessDenied);
}
