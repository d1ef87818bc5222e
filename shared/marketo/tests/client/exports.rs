//! The life of an export job, but for its file.

use domain::ports::{ExportFile, ExportFilter, ExportId, ExportStatus, MarketoExports};
use domain::{Failure, FailureKind};
use serde_json::{Value, json};

use crate::support::{Reply, World, assert_harmless, at, names};

const CREATE: &str = "POST /bulk/v1/leads/export/create.json";
const ENQUEUE: &str = "POST /bulk/v1/leads/export/ab-12/enqueue.json";
const STATUS: &str = "GET /bulk/v1/leads/export/ab-12/status.json";
const CANCEL: &str = "POST /bulk/v1/leads/export/ab-12/cancel.json";

fn job() -> ExportId {
    ExportId("ab-12".to_owned())
}

fn about(mut more: Value) -> Reply {
    more["exportId"] = json!("ab-12");
    more["format"] = json!("CSV");
    Reply::json(json!({"requestId": "a#1", "success": true, "result": [more]}))
}

#[tokio::test]
async fn a_job_is_made_with_one_filter() {
    let table = [
        (
            ExportFilter::CreatedAt { start: at("2026-01-01T00:00:00.5Z"), end: at("2026-01-31T23:59:59Z") },
            json!({"createdAt": {"startAt": "2026-01-01T00:00:00Z", "endAt": "2026-01-31T23:59:59Z"}}),
        ),
        (ExportFilter::SmartListId { id: 9 }, json!({"smartListId": 9})),
        (ExportFilter::SmartListName { name: "All \"people\"".to_owned() }, json!({"smartListName": "All \"people\""})),
    ];
    for (filter, wire) in table {
        let world = World::new().await;
        world.script(CREATE, [about(json!({"status": "Created"}))]);
        assert_eq!(world.client.create_export(&filter, &names(&["id", "email"])).await, Ok(job()));
        let seen = &world.seen(CREATE)[0];
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body, json!({"fields": ["id", "email"], "format": "CSV", "filter": wire}));
        assert_eq!((seen.header("content-type"), seen.header("accept-encoding")), ("application/json", ""));
    }
}

#[tokio::test]
async fn a_create_that_answers_nothing_is_repeated() {
    let world = World::new().await;
    let bare = Reply::json(json!({"requestId": "a#1", "success": true}));
    world.script(CREATE, [bare.clone(), Reply::error("713", ""), about(json!({"status": "Created"}))]);
    let filter = ExportFilter::SmartListId { id: 9 };
    assert_eq!(world.client.create_export(&filter, &names(&["id"])).await, Ok(job()));

    for reply in [
        bare,
        Reply::json(json!({"success": true, "result": []})),
        Reply::json(json!({"success": true, "result": [{}]})),
    ] {
        world.script(CREATE, [reply]);
        let failure = world.client.create_export(&filter, &names(&["id"])).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadAnswer);
    }
    world.script(CREATE, [Reply::error("1035", "Unsupported filter type for target subscription: updatedAt")]);
    let failure = world.client.create_export(&filter, &names(&["id"])).await.unwrap_err();
    assert_eq!((failure.kind, failure.code.as_deref()), (FailureKind::Unsupported, Some("1035")));
}

async fn enqueue(reply: Reply) -> Result<(), Failure> {
    let world = World::new().await;
    world.script(ENQUEUE, [reply]);
    let answer = world.client.enqueue_export(&job()).await;
    assert_eq!(world.seen(ENQUEUE).len(), 1);
    assert_eq!(world.seen(ENQUEUE)[0].body, "");
    assert_eq!(
        world.client.stats().by_endpoint,
        [("POST /bulk/v1/leads/export/{exportId}/enqueue.json".to_owned(), 1)].into()
    );
    answer
}

#[tokio::test]
async fn code_1029_has_three_meanings() {
    assert_eq!(enqueue(about(json!({"status": "Queued"}))).await, Ok(()));
    assert_eq!(enqueue(Reply::error("1029", "Job already queued")).await, Ok(()));

    let failure = enqueue(Reply::error("1029", "Too many jobs in queue")).await.unwrap_err();
    assert_eq!((failure.kind, failure.until), (FailureKind::ExportQueueFull, None));

    let failure = enqueue(Reply::error("1029", "Export daily quota 500MB exceeded")).await.unwrap_err();
    assert_eq!((failure.kind, failure.until), (FailureKind::DailyExport, Some(at("2026-07-02T05:00:00Z"))));
    assert!(failure.message.contains("{exportId}"), "{failure}");
}

#[tokio::test]
async fn only_daily_calls_concern_the_call_budget() {
    let world = World::new().await;
    world.script(ENQUEUE, [Reply::error("1029", "Export daily quota 500MB exceeded")]);
    world.client.enqueue_export(&job()).await.unwrap_err();
    assert_eq!(*world.budget.gone_until.lock().unwrap(), None);
}

async fn status(more: Value) -> Result<ExportStatus, Failure> {
    let world = World::new().await;
    world.script(STATUS, [about(more)]);
    world.client.export_status(&job()).await
}

#[tokio::test]
async fn every_status_is_known() {
    for pending in ["Created", "Queued", "Processing"] {
        assert_eq!(status(json!({"status": pending, "fileSize": null})).await, Ok(ExportStatus::Pending));
    }
    for cancelled in ["Canceled", "Cancelled"] {
        let wanted = ExportStatus::Failed("the job was cancelled".to_owned());
        assert_eq!(status(json!({"status": cancelled})).await, Ok(wanted));
    }
    let sum = "AB".repeat(32);
    let done =
        json!({"status": "Completed", "numberOfRecords": 3, "fileSize": 99, "fileChecksum": format!("sha256:{sum}")});
    let file = ExportFile { records: 3, bytes: 99, sha256: Some(sum.to_lowercase()) };
    assert_eq!(status(done).await, Ok(ExportStatus::Completed(file)));
    for odd in [json!(null), json!("md5:00"), json!("sha256:xyz")] {
        let done = json!({"status": "Completed", "numberOfRecords": 0, "fileSize": 9, "fileChecksum": odd});
        let file = ExportFile { records: 0, bytes: 9, sha256: None };
        assert_eq!(status(done).await, Ok(ExportStatus::Completed(file)));
    }
    for lacking in
        [json!({"status": "Completed", "fileSize": 9}), json!({"status": "Completed", "numberOfRecords": 9}), json!({})]
    {
        assert_eq!(status(lacking).await.unwrap_err().kind, FailureKind::BadAnswer);
    }
}

#[tokio::test]
async fn a_failed_job_says_so_without_data() {
    let failed = json!({"status": "Failed", "errorMsg": "Row 'Canary' of canary.person@example.com is broken"});
    let wanted = || ExportStatus::Failed("Marketo says the job failed".to_owned());
    assert_eq!(status(failed).await, Ok(wanted()));
    assert_eq!(status(json!({"status": "Failed"})).await, Ok(wanted()));
}

#[tokio::test]
async fn answers_about_another_job_or_none() {
    let world = World::new().await;
    let other = json!({"success": true, "result": [{"exportId": "cd-34", "status": "Completed"}]});
    world.script(STATUS, [Reply::json(other)]);
    assert_eq!(world.client.export_status(&job()).await.unwrap_err().kind, FailureKind::BadAnswer);

    for reply in
        [Reply::text(404, "HTTP 404 Not Found"), Reply::error("1013", "Export not found"), Reply::error("610", "")]
    {
        world.script(STATUS, [reply]);
        let failure = world.client.export_status(&job()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::NotFound);
        assert_harmless(&failure);
    }
    let failure = world.client.export_status(&ExportId("../../rest".to_owned())).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadRequest);
}

#[tokio::test]
async fn a_job_can_be_cancelled() {
    let world = World::new().await;
    world.script(CANCEL, [about(json!({"status": "Cancelled"}))]);
    assert_eq!(world.client.cancel_export(&job()).await, Ok(()));
}
