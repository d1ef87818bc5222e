//! The benchmark: what it measures, how its figures are written, and that it fails only where a target is missed.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use simulator_marketo::Config;

use crate::support::Story;

/// Longest quick run, with the everyday profile on a machine that runs other tests meanwhile.
const LONGEST: Duration = Duration::from_secs(90);

fn figures(report: &Value) -> &Vec<Value> {
    report["figures"].as_array().unwrap_or_else(|| panic!("no figures: {report}"))
}

#[tokio::test]
async fn a_quick_benchmark_measures_everything_and_meets_its_targets() {
    // The benchmark has simulators of its own; this one gives the story its folder.
    let story = Story::of(Config { people: 1, ..Config::default() }).await;
    let (json, no_peers) = (story.path("figures"), story.path("venvs"));
    fs::create_dir(&no_peers).unwrap();
    let args = ["bench", "--quick", "--venvs", no_peers.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let run = story.run(&args).await;
    run.ends(0, &["every target that was judged is met", "tap-marketo is not installed", "tests/peers/run"]);
    assert!(run.took < LONGEST, "a quick run took {:?}", run.took);

    let all = story.json("figures");
    assert_eq!((&all["quick"], &all["missed"]), (&Value::Bool(true), &Value::Array(Vec::new())), "{all}");
    for key in ["cores", "system", "profile"] {
        assert!(!all["machine"][key].is_null(), "{key} in {}", all["machine"]);
    }
    let mut judged = 0;
    for report in ["pipeline", "endToEnd", "calls", "memory", "cost"] {
        for figure in figures(&all[report]) {
            assert!(figure["value"].is_number() || cfg!(not(target_os = "linux")), "{report}: {figure}");
            assert_ne!(figure["holds"], false, "{report}: {figure}");
            judged += u32::from(figure["holds"] == true);
        }
    }
    assert!(judged >= 8, "only {judged} targets were judged: {all}");
    let readings = all["peers"]["readings"].as_array().unwrap();
    let syncs: Vec<_> = readings.iter().map(|reading| (&reading["client"], &reading["sync"])).collect();
    assert_eq!(syncs, [(&"actions-sync".into(), &"full".into()), (&"actions-sync".into(), &"incremental".into())]);
    assert!(readings.iter().all(|reading| reading["people"].as_u64() > Some(0)), "{readings:?}");
}

#[tokio::test]
async fn only_what_is_named_is_measured() {
    let story = Story::of(Config { people: 1, ..Config::default() }).await;
    let json = story.path("figures");
    let args = ["bench", "--quick", "--only", "calls", "--json", json.to_str().unwrap()];
    story.run(&args).await.ends(0, &["write units of an idle pull"]);
    let all = story.json("figures");
    assert!(all["pipeline"].is_null() && all["memory"].is_null() && !all["calls"].is_null(), "{all}");
    story.run(&["bench", "--only", "luck"]).await.ends(2, &["luck"]);
}
