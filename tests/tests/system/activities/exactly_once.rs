//! Each activity is logged exactly once, whatever goes wrong on the way, and at full load in few calls.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::Timestamp;
use domain::ports::Clock;
use jiff::SignedDuration;
use serde_json::Value;
use simulator_app::{Expected, Someone, day, duplicated, shuffled};
use simulator_marketo::{Fault as MarketoFault, FaultAction as Marketo};
use simulator_salesforce::{Fault as SalesforceFault, FaultAction as Salesforce};

use super::people::everybody;
use super::stage::{Stage, round};

/// Marketo's call that adds records.
pub const ADD: &str = "POST /rest/v1/activities/external.json";
/// Salesforce's calls that write tasks.
pub const UPSERT: &str = "PATCH /composite/sobjects/{object}/{field}";
pub const UPDATE: &str = "PATCH /composite/sobjects";

const SEED: u64 = 20_261_126;

/// Activities; more with `ACTIVITIES=10000` in the environment.
fn count() -> usize {
    std::env::var("ACTIVITIES").map_or(3_000, |count| count.parse().unwrap())
}

/// A day's messages that end an hour ago.
pub fn messages(stage: &Stage, seed: u64, people: &[Someone], count: usize) -> Vec<Value> {
    let seconds = i64::try_from(count).unwrap() * 9 + 3_600;
    let start: Timestamp = stage.clock.now() - SignedDuration::from_secs(seconds);
    day(seed, people, count, start)
}

fn marketo_faults() -> Vec<MarketoFault> {
    let once = |action| MarketoFault::once(ADD, action);
    vec![
        once(Marketo::Status(502, None)).after(1).after_work(),
        once(Marketo::Drop(0)).after(2).after_work(),
        once(Marketo::Status(502, None)).after(4),
        once(Marketo::Drop(30)).after(5),
        once(Marketo::Error("606".into(), "Max rate limit '100' exceeded with in '20' secs".into())).after(6).times(2),
        once(Marketo::BadJson).after(9),
        once(Marketo::FewerResults).after(10),
        once(Marketo::Error("602".into(), "Access token expired".into())).after(11),
        once(Marketo::Drop(0)).after(12),
        MarketoFault::once("*", Marketo::TokenDies(6)),
    ]
}

fn salesforce_faults() -> Vec<SalesforceFault> {
    let once = |action| SalesforceFault::once("PATCH /composite/sobjects*", action);
    let lock = || Salesforce::Record("UNABLE_TO_LOCK_ROW".into(), "unable to obtain exclusive access".into(), 7);
    vec![
        once(Salesforce::Status(502)).after(1).after_work(),
        once(Salesforce::Drop(0)).after(3).after_work(),
        once(Salesforce::Status(502)).after(5),
        once(Salesforce::Drop(30)).after(7),
        once(Salesforce::BadJson).after(9),
        once(Salesforce::Drop(0)).after(11),
        once(lock()).after(2).times(8),
        SalesforceFault::once("*", Salesforce::SessionEnds(13)),
    ]
}

/// Calls that write, at both vendors.
fn writes(stage: &Stage) -> [u64; 3] {
    let of = |calls: &BTreeMap<String, u64>, name| calls.get(name).copied().unwrap_or_default();
    let (marketo, salesforce) = (stage.marketo.stats(), stage.salesforce.stats());
    [of(&marketo.by_endpoint, ADD), of(&salesforce.by_endpoint, UPSERT), of(&salesforce.by_endpoint, UPDATE)]
}

/// Fails unless both vendors hold what must come of the messages, and nothing besides.
pub fn assert_logged(stage: &Stage, messages: &[Value]) {
    let expected = Expected::of(messages);
    assert_eq!(expected.wrong_in_marketo(&stage.in_marketo()), [""; 0]);
    assert_eq!(expected.wrong_in_salesforce(&stage.tasks()), [""; 0]);
    assert_eq!((stage.in_marketo().len(), stage.tasks().len()), (expected.activities(), expected.tasks()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_activity_is_logged_once_whatever_fails() {
    eprintln!("seed {SEED}");
    let mut config = simulator_marketo::Config { people: 200, ..simulator_marketo::Config::default() };
    (config.streams.late_custom_share, config.streams.late_custom_seconds) = (0.3, 45);
    let stage = Stage::set(config, simulator_salesforce::Config::default(), SEED).await;
    let people = everybody(&stage).await;
    let sent = messages(&stage, SEED, &people, count());
    assert_eq!(Expected::of(&sent).by_type().len(), 8, "all types");
    let queued = shuffled(SEED, duplicated(SEED, &sent, 10));
    assert!(queued.len() > sent.len());

    stage.marketo.set_faults(marketo_faults());
    stage.salesforce.set_faults(salesforce_faults());
    let contacts: Vec<Value> = stage.salesforce.records("Contact");
    let locked: Vec<&str> = contacts.iter().take(20).filter_map(|contact| contact["Id"].as_str()).collect();
    stage.salesforce.hold_locks(&locked, 90).unwrap();
    let loggers = [stage.ports.clone(), stage.logger(SEED + 1)];
    stage.feed(&loggers, &queued).await;
    let ids = stage.accept(&sent).await.ids;
    stage.settle(&loggers, &ids).await;
    assert_logged(&stage, &sent);
    let (marketo, salesforce) = (stage.marketo.stats(), stage.salesforce.stats());
    // Not to be mistaken for a quiet day.
    assert!(marketo.faults_struck > 12 && salesforce.faults_struck > 12, "{marketo:?} {salesforce:?}");
    assert!(marketo.rejected["502"] > 1 && marketo.rejected["606"] > 1, "{marketo:?}");
    assert!(salesforce.rejected_records["UNABLE_TO_LOCK_ROW"] > 100, "{salesforce:?}");

    let before = stage.entries(&ids).await;
    assert_eq!(before.len(), sent.len());
    stage.marketo.set_faults(Vec::new());
    stage.salesforce.set_faults(Vec::new());
    stage.marketo.reset_stats();
    stage.salesforce.reset_stats();
    stage.feed(&loggers, &queued).await;
    stage.clock.jump(Duration::from_secs(3_600));
    stage.settle(&loggers, &ids).await;
    assert_eq!(writes(&stage), [0, 0, 0]);
    assert!(before == stage.entries(&ids).await, "the same messages change nothing in the ledger");
    assert_logged(&stage, &sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn full_load_costs_few_calls() {
    eprintln!("seed {SEED}");
    let config = simulator_marketo::Config { people: 200, ..simulator_marketo::Config::default() };
    let stage = Stage::set(config, simulator_salesforce::Config::default(), SEED).await;
    let people = everybody(&stage).await;
    let sent = messages(&stage, SEED, &people, 1_200);
    let accepted = stage.accept(&sent).await;
    assert_eq!(accepted.new, 1_200);
    round(&stage.ports, &[]).await;
    stage.settle(std::slice::from_ref(&stage.ports), &accepted.ids).await;
    assert_logged(&stage, &sent);
    let [add, upsert, update] = writes(&stage);
    let stats = stage.salesforce.stats();
    assert!(add <= 1_200_u64.div_ceil(300), "{add}");
    assert!(upsert + update <= 1_200_u64.div_ceil(200), "{upsert} + {update}");
    // What is left is reading: describe, statuses, users.
    assert!(stats.calls - upsert - update <= 6, "{stats:?}");
}
