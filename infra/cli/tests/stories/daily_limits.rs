//! Limits of the day that are used up: the program says when they reset, keeps its place, and goes on the day after.

use std::time::{SystemTime, UNIX_EPOCH};

use simulator_marketo::{ChangeSet, ClockMode, Config, ExportConfig, Limits};

use crate::support::{Story, quick};

/// More than the longest day in US Central time.
const NEXT_DAY: i64 = 26 * 3_600;
const CREATE: &str = "POST /bulk/v1/leads/export/create.json";

/// Its clock is some days behind this machine's, so that what is midnight there lies in the past of both once it has come.
fn days_ago(story: &str, people: u64) -> Config {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let then = i64::try_from(now).unwrap() - 3 * NEXT_DAY;
    // The clock stands still, so an export must not take any of its time.
    let export = ExportConfig { seconds: 0.0, status_refresh_seconds: 0, ..ExportConfig::default() };
    Config { clock: ClockMode::Manual(Some(then)), export, ..quick(story, people) }
}

#[tokio::test]
async fn used_up_calls_keep_the_place() {
    // The first limit comes before the export is made, the second while opportunities are read.
    for (calls_per_day, exports) in [(2, 0), (14, 1)] {
        let story = Story::of(days_ago("daily calls", 5_000)).await;
        let limits = Limits { calls_per_day, ..story.world().limits() };
        story.world().set_limits(limits.clone());
        let made = || story.world().stats().by_endpoint.get(CREATE).copied().unwrap_or(0);
        story.sync(&[]).await.ends(1, &["API calls", "reset", "US Central", "run the same command again"]);
        assert_eq!(made(), exports, "the limit came at another moment");
        story.world().advance(NEXT_DAY);
        story.world().set_limits(Limits { calls_per_day: 50, ..limits });
        story.sync_to_truth("on the day after").await;
        assert_eq!(made(), 1, "the place was not kept");
        story.on_state(&["status"]).await.ends(0, &["Done"]);
    }
}

#[tokio::test]
async fn used_up_export_megabytes_keep_the_place() {
    let story = Story::of(days_ago("daily megabytes", 10_000)).await;
    story.world().set_limits(Limits { export_megabytes_per_day: 1, ..story.world().limits() });
    story.sync_to_truth("with the first day's megabytes").await;
    story.world().change(&ChangeSet { changed: 100, created: 50, deleted: 20, ..ChangeSet::default() });
    story.sync(&["--full"]).await.ends(1, &["megabytes", "reset", "US Central", "run the same command again"]);
    story.on_state(&["status"]).await.ends(0, &["WaitingForReset", "megabytes"]);
    story.world().advance(NEXT_DAY);
    story.sync_to_truth("on the day after").await;
    story.on_state(&["status"]).await.ends(0, &["Done"]);
}
