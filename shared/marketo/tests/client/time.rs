//! Marketo's clock, and the end of its day.

use domain::FailureKind;
use domain::people::MarketoId;
use domain::ports::{Clock, MarketoPeople};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{LEADS, Reply, World, at, http_date, names};

async fn answered_at(world: &World, date: String) {
    world.script(LEADS, [Reply::json(json!({"success": true, "result": []})).header("date", date)]);
    world.client.people_by_ids(&[MarketoId(1)], &names(&["email"])).await.unwrap();
}

#[tokio::test]
async fn the_clock_follows_the_answers_beyond_a_tolerance() {
    let world = World::new().await;
    assert_eq!(world.client.now(), world.clock.now(), "before any answer");
    // Seconds by which Marketo's clock differs from ours, and what we then take.
    for (differs, taken) in
        [(0, 0), (2, 0), (-2, 0), (3, 3), (4, 3), (2, 3), (0, 0), (-3600, -3600), (-3601, -3600), (1, 0)]
    {
        answered_at(&world, http_date(world.clock.now() + SignedDuration::from_secs(differs))).await;
        assert_eq!(world.client.now() - world.clock.now(), SignedDuration::from_secs(taken), "{differs}");
    }
    answered_at(&world, "yesterday".to_owned()).await;
    assert_eq!(world.client.now(), world.clock.now());
}

#[tokio::test]
async fn the_day_ends_by_marketos_clock_in_central_time() {
    let table = [
        ("2026-07-02T04:59:59Z", "2026-07-02T05:00:00Z"),
        ("2026-07-02T05:00:00Z", "2026-07-03T05:00:00Z"),
        ("2026-01-15T05:30:00Z", "2026-01-15T06:00:00Z"),
        // The clocks go forward in the night to the 8th of March.
        ("2026-03-08T07:00:00Z", "2026-03-09T05:00:00Z"),
    ];
    for (now, midnight) in table {
        let world = World::new().await;
        let gone = Reply::error("607", "Daily API Request Limit Reached").header("date", http_date(at(now)));
        // The local clock is wrong by days; this very answer says so.
        world.script(LEADS, [gone]);
        let failure = world.client.people_by_ids(&[MarketoId(1)], &names(&["email"])).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::DailyCalls);
        assert_eq!(failure.until, Some(at(midnight)), "{now}");
    }
}
