//! The first sync of a new folder: every person, the figures, the form of the dump, and what is said meanwhile.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use simulator_marketo::Config;

use crate::support::{Story, seed};

const KEYS: [&str; 15] = [
    "marketoId",
    "status",
    "firstName",
    "lastName",
    "email",
    "phone",
    "company",
    "title",
    "source",
    "linkedInUrl",
    "sfdcLeadId",
    "sfdcContactId",
    "sfdcAccountId",
    "sfdcOpportunityId",
    "mergedInto",
];

#[tokio::test]
async fn a_new_folder_is_filled() {
    let story = Story::of(Config { people: 20_000, seed: seed("filling"), ..Config::default() }).await;
    let run = story.sync(&[]).await;
    run.ends(0, &[]);
    story.is_true("after the initial sync");
    check_figures(&story);
    check_text_of_the_dump(&story);
    let progress: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("initial sync: ")).collect();
    assert!(!progress.is_empty(), "no progress was told: {}", run.stderr);
    assert!(!run.stderr.contains(['\r', '\u{1b}']), "a pipe gets plain lines: {:?}", run.stderr);
    assert!(!run.stdout.contains("initial sync: "), "progress is no result: {}", run.stdout);
}

fn check_figures(story: &Story) {
    let figures = story.figures();
    let stats = story.world().stats();
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("a figure is missing: {figures}"));
    assert_eq!(figures["verified"], true, "{figures}");
    assert!(figures["seconds"].as_f64().unwrap() > 0.0, "{figures}");

    let mut rows = BTreeMap::new();
    for row in story.dump().into_values() {
        *rows.entry(row["status"].as_str().unwrap().to_owned()).or_insert(0_u64) += 1;
    }
    for status in ["active", "unqualified", "deleted", "merged"] {
        assert_eq!(number(&figures["people"][status]), rows.get(status).copied().unwrap_or(0), "{status}");
    }
    let active = number(&figures["people"]["active"]);
    assert!(number(&figures["writes"]["put"]) >= active, "{figures}");
    assert_eq!(number(&figures["writes"]["stale"]), 0, "{figures}");
    number(&figures["writes"]["unchanged"]);

    let calls = number(&figures["marketo"]["calls"]);
    assert_eq!(calls, stats.calls, "every answered call is counted, and no other");
    let by_endpoint: BTreeMap<String, u64> = serde_json::from_value(figures["marketo"]["by_endpoint"].clone()).unwrap();
    assert_eq!(by_endpoint, stats.by_endpoint);
    assert_eq!(number(&figures["marketo"]["export_bytes"]), stats.export_bytes_served);
    let polls = by_endpoint["GET /bulk/v1/leads/export/{exportId}/status.json"];
    assert!(calls <= 10 + polls + active.div_ceil(300), "{calls} calls for {active} people: {figures}");
    assert!(stats.rejected.is_empty(), "limits were hit: {:?}", stats.rejected);
}

fn check_text_of_the_dump(story: &Story) {
    let text = fs::read_to_string(story.path("dump")).unwrap();
    assert!(text.ends_with('\n'));
    for line in text.lines().take(100) {
        let mut from = 0;
        for key in KEYS {
            let place = line[from..].find(&format!("\"{key}\":")).unwrap_or_else(|| panic!("{key} in {line}"));
            assert!(place == 1 || from > 0, "{line}");
            from += place + key.len();
        }
    }
    let row: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(row.as_object().unwrap().len(), KEYS.len(), "{row}");
}
