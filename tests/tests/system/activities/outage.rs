//! One destination is down for long: the other is current all along, and after it nothing is missing or out of order.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::activities::{ActivityId, Destination, Progress};
use domain::ports::{Clock as _, LogPorts};
use serde_json::Value;
use simulator_app::shuffled;

use super::exactly_once::{assert_logged, messages};
use super::people::everybody;
use super::stage::{Stage, round};

const SEED: u64 = 7_031;
/// Hours of a day; in each, something happens.
const WAVES: usize = 24;

/// Whether nothing waits; a bounce that was written is only looked at once more, later.
async fn is_current(stage: &Stage, ids: &[ActivityId], destination: Destination) -> bool {
    let (now, entries) = (stage.clock.now(), stage.entries(ids).await);
    entries.len() == ids.len()
        && entries.values().all(|entry| match entry.at(destination) {
            Progress::Done { .. } | Progress::Skipped { .. } => true,
            Progress::Due { at, attempts, .. } => *at > now && *attempts == 0,
            Progress::Rejected { .. } => false,
        })
}

/// Per person the records were added in the order in which the activities happened.
fn assert_in_order(stage: &Stage, sent: &[Value]) {
    let place: BTreeMap<&str, usize> =
        sent.iter().enumerate().map(|(at, message)| (message["activityId"].as_str().unwrap(), at)).collect();
    let mut last: BTreeMap<i64, usize> = BTreeMap::new();
    for (id, person) in stage.in_marketo() {
        let at = place[id.as_str()];
        let before = last.insert(person, at);
        assert!(before.is_none_or(|before| before < at), "{id} of {person} was added after a later one");
    }
}

async fn outage_of(down: Destination) {
    eprintln!("seed {SEED}, {} is down", down.as_str());
    let config = simulator_marketo::Config { people: 40, ..simulator_marketo::Config::default() };
    let stage = Stage::set(config, simulator_salesforce::Config::default(), SEED).await;
    let people = everybody(&stage).await;
    let sent = messages(&stage, SEED, &people, 600);
    let loggers: [LogPorts; 2] = [stage.ports.clone(), stage.logger(SEED + 1)];
    match down {
        Destination::Marketo => {
            use simulator_marketo::{Fault, FaultAction};
            stage.marketo.set_faults(vec![Fault::once("*", FaultAction::Status(503, None)).times(None)]);
        }
        Destination::Salesforce => {
            use simulator_salesforce::{Fault, FaultAction};
            stage.salesforce.set_faults(vec![Fault::once("*", FaultAction::Status(503)).times(None)]);
        }
    }
    let up = if down == Destination::Marketo { Destination::Salesforce } else { Destination::Marketo };
    let mut ids = Vec::new();
    for wave in sent.chunks(sent.len() / WAVES) {
        ids.extend(stage.accept(&shuffled(SEED, wave.to_vec())).await.ids);
        for logger in &loggers {
            round(logger, &[]).await;
        }
        assert!(is_current(&stage, &ids, up).await, "{} lags behind", up.as_str());
        let entries = stage.entries(&ids).await;
        let blamed = entries.values().filter(|entry| entry.at(down).attempts() > 0).count();
        assert_eq!(blamed, 0, "an outage is no activity's fault");
        stage.clock.jump(Duration::from_secs(3_600));
    }
    let (marketo, salesforce) = (stage.in_marketo().len(), stage.tasks().len());
    assert_eq!(if down == Destination::Marketo { marketo } else { salesforce }, 0);
    stage.marketo.set_faults(Vec::new());
    stage.salesforce.set_faults(Vec::new());
    stage.settle(&loggers, &ids).await;
    assert_logged(&stage, &sent);
    assert_in_order(&stage, &sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn marketo_is_down_for_a_day() {
    outage_of(Destination::Marketo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn salesforce_is_down_for_a_day() {
    outage_of(Destination::Salesforce).await;
}
