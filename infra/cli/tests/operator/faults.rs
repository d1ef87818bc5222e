//! One fault at a time, limits that are used up, and what may be said while things go wrong.

use simulator_marketo::{ChangeSet, Config, Fault, FaultAction, Limits};

use crate::support::{Story, people};

const FILE: &str = "GET /bulk/v1/leads/export/{exportId}/file.json";
const STATUS: &str = "GET /bulk/v1/leads/export/{exportId}/status.json";

#[tokio::test]
async fn a_damaged_export_is_never_taken_for_a_whole_one() {
    for (name, endpoint, action) in [
        ("ends early", FILE, FaultAction::Truncate(0.5)),
        ("breaks off", FILE, FaultAction::Drop(20_000)),
        ("is a JSON error", FILE, FaultAction::JsonErrorAsFile("606".into())),
        ("is not there", STATUS, FaultAction::CompletedButMissing),
        ("has another checksum", STATUS, FaultAction::WrongChecksum),
        ("was not made", STATUS, FaultAction::JobFailed("system error".into())),
        ("comes with an empty status", STATUS, FaultAction::EmptyBody),
    ] {
        let story = Story::of(people(1_000)).await;
        story.world().set_faults(vec![Fault::once(endpoint, action)]);
        story.sync_to_truth(name).await;
        assert!(story.world().stats().faults_struck > 0, "{name}: the fault did not happen");
    }
}

#[tokio::test]
async fn used_up_limits_keep_the_place_until_they_reset() {
    const DAY: i64 = 24 * 3_600;
    let story = Story::of(people(2_000)).await;
    let limits = story.world().limits();
    story.world().set_limits(Limits { calls_per_day: 7, ..limits.clone() });
    story.sync(&[]).await.ends(1, &["reset", "US Central"]);
    story.on_state(&["status"]).await.ends(0, &["WaitingForReset"]);
    story.world().set_limits(Limits { export_megabytes_per_day: 0, ..limits.clone() });
    story.world().advance(DAY);
    story.sync(&["--full"]).await;
    story.world().set_limits(limits);
    story.world().advance(DAY);
    // The program's own clock has not moved, so what it remembers of the limit has to be forgotten with the folder.
    std::fs::remove_dir_all(story.state()).unwrap();
    story.sync_to_truth("after the reset").await;
}

#[tokio::test]
async fn nothing_personal_and_no_secret_is_logged() {
    const EMAIL: &str = "canary.person@canary.example";
    const SECRET: &str = "canary-secret-4711";
    let config = Config { canary_email: Some(EMAIL.into()), client_secret: SECRET.into(), ..people(2_000) };
    let mut story = Story::of(config).await;
    story.env("LOG_LEVEL", "debug");
    let error = |code: &str| FaultAction::Error(code.into(), format!("trouble with {EMAIL} and {SECRET}"));
    story.world().set_faults(vec![
        Fault::once("GET /rest/v1/leads.json", error("1003")),
        Fault::once("GET /rest/v1/opportunities/roles.json", error("606")).times(2),
        Fault::once("GET /rest/v1/activities/leadchanges.json", error("611")),
        Fault::once("GET /rest/v1/activities.json", FaultAction::BadJson),
        Fault::once(FILE, FaultAction::JsonErrorAsFile("608".into())),
        Fault::once(FILE, FaultAction::Drop(1_000)).after(1),
        Fault::once(STATUS, FaultAction::JobFailed(format!("cannot export {EMAIL}"))),
    ]);
    let mut runs = vec![story.sync(&[]).await, story.sync(&[]).await];
    story.world().change(&ChangeSet { changed: 200, ..ChangeSet::default() });
    runs.push(story.sync(&["--full"]).await);
    // A refused request ends a run, so the last one has none left to meet.
    let run = story.sync(&[]).await;
    run.ends(0, &[]);
    runs.push(run);
    story.assert_truth("in spite of the faults");
    let id = story.dump().into_values().find(|row| row["email"] == EMAIL).unwrap()["marketoId"].to_string();
    runs.push(story.on_state(&["explain", &id]).await);
    runs.push(story.on_state(&["explain", EMAIL]).await);
    runs.push(story.on_state(&["verify"]).await);
    runs.push(story.on_state(&["status"]).await);
    runs.push(story.on_state(&["settings", "set", "people.overlapMinutes", SECRET]).await);
    story.env("MARKETO_CLIENT_ID", "canary-id");
    runs.push(story.sync(&[]).await);
    assert!(runs.iter().any(|run| run.stderr.contains("\"level\":\"DEBUG\"")), "debug logs are on");
    for run in runs {
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(EMAIL) && !text.contains(SECRET), "a canary was said: {text}");
        }
    }
}
