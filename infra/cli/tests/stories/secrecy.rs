//! Neither people nor secrets are ever said, however talkative the logs and however bad the day.

use simulator_marketo::{ChangeSet, Config, Fault, FaultAction};

use crate::support::{Run, Story, quick};

const EMAIL: &str = "canary.person@canary.example";
const SECRET: &str = "canary-secret-4711";
const FILE: &str = "GET /bulk/v1/leads/export/{exportId}/file.json";
const STATUS: &str = "GET /bulk/v1/leads/export/{exportId}/status.json";

fn bad_day() -> Vec<Fault> {
    let error = |code: &str| FaultAction::Error(code.into(), format!("trouble with '{EMAIL}' and {SECRET} {EMAIL}"));
    vec![
        Fault::once("GET /rest/v1/opportunities/roles.json", error("606")),
        Fault::once("GET /rest/v1/opportunities/roles.json", FaultAction::BadJson),
        Fault::once("GET /rest/v1/leads.json", error("611")),
        Fault::once("GET /rest/v1/leads.json", FaultAction::BadJson),
        Fault::once("GET /rest/v1/activities/leadchanges.json", error("615")),
        Fault::once("GET /rest/v1/activities.json", FaultAction::BadJson),
        Fault::once("GET /rest/v1/activities/deletedleads.json", FaultAction::Drop(0)),
        Fault::once(FILE, FaultAction::JsonErrorAsFile("611".into())),
        Fault::once(FILE, FaultAction::Drop(10_000)),
        Fault::once(STATUS, FaultAction::JobFailed(format!("cannot export {EMAIL}"))),
    ]
}

#[tokio::test]
async fn nothing_personal_in_logs() {
    let config = quick("secrecy", 2_000);
    let config = Config { canary_email: Some(EMAIL.into()), client_secret: SECRET.into(), ..config };
    let mut story = Story::of(config).await;
    story.env("LOG_LEVEL", "debug");
    let faults = bad_day();
    let planned = faults.len() as u64;
    story.world().set_faults(faults);
    let mut runs = vec![story.sync(&[]).await];
    story.world().settle();
    let changed = story.world().change(&ChangeSet { changed: 200, created: 20, deleted: 20, ..ChangeSet::default() });
    canary_lives_on(&story, &changed.deleted);
    runs.push(story.sync(&[]).await);
    runs.push(story.sync(&[]).await);
    runs[2].ends(0, &[]);
    story.is_true("in spite of the faults");
    assert!(story.world().stats().faults_struck >= planned - 1, "the faults did not happen");
    runs.extend(questions(&story).await);
    let refused = FaultAction::Error("1003".into(), format!("{EMAIL} is not allowed for {SECRET}"));
    story.world().set_faults(vec![Fault::once("GET /rest/v1/*", refused).times(None)]);
    runs.push(story.sync(&[]).await);
    assert_ne!(runs.last().unwrap().code, 0, "the refusal did not happen");
    runs.push(story.on_state(&["status"]).await);
    story.env("MARKETO_CLIENT_ID", "somebody-else");
    runs.push(story.sync(&[]).await);
    assert!(runs.iter().any(|run| run.stderr.contains("\"DEBUG\"")), "the logs were not talkative");
    for run in &runs {
        says_nothing(run);
    }
}

/// What changes may delete the person with the watched address, or give them another one: somebody has to have it to the end.
fn canary_lives_on(story: &Story, deleted: &[i64]) {
    let rows: Vec<_> = story.dump().into_values().collect();
    let mut lives = rows.iter().filter(|row| row["marketoId"].as_i64().is_some_and(|id| !deleted.contains(&id)));
    let bearer = lives.clone().find(|row| row["email"] == EMAIL).or_else(|| lives.next()).expect("somebody lives");
    story.world().set_field(bearer["marketoId"].as_i64().unwrap(), "email", EMAIL.into());
}

async fn questions(story: &Story) -> Vec<Run> {
    let canary = story.dump().into_values().find(|row| row["email"] == EMAIL).expect("the canary is stored");
    let id = canary["marketoId"].to_string();
    let mut runs = Vec::new();
    for args in [
        vec!["status"],
        vec!["verify"],
        vec!["explain", &id],
        vec!["explain", EMAIL],
        vec!["settings", "get"],
        vec!["settings", "set", "people.overlapMinutes", SECRET],
    ] {
        runs.push(story.on_state(&args).await);
    }
    runs[2].ends(0, &[&id, "synced"]);
    runs[3].ends(0, &[&id, "synced"]);
    runs
}

/// Access tokens of the simulator end in `:sim`.
#[track_caller]
fn says_nothing(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        for canary in [EMAIL, SECRET, "canary.example", "canary%2E", "%40canary", ":sim"] {
            assert!(!text.contains(canary), "`{canary}` was said: {text}");
        }
    }
}
