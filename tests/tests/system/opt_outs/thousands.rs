//! 20,000 people with several records each, 5,000 opt-outs on either side, on both or on neither: one pass brings both sides to the rule that
//! either side decides, a second has nothing to do, and a dry run only tells.

use std::collections::{BTreeMap, BTreeSet};

use domain::opt_outs;
use domain::ports::Clock as _;
use serde_json::{Value, json};

use super::stage::{BOX, Stage, record};

const PEOPLE: usize = 20_000;
const OPT_OUTS: usize = 5_000;
/// Records put into Salesforce at a time.
const PUT: usize = 5_000;

fn email(person: usize) -> String {
    // Written in another way at the other vendor, which is the same address.
    format!("Person.{person}@example.com")
}

/// Where a person said no: in Actions, in Salesforce, in both, in neither.
fn said(person: usize) -> (bool, bool) {
    match person % 4 {
        _ if person >= OPT_OUTS * 4 / 3 => (false, false),
        0 => (true, false),
        1 => (false, true),
        2 => (true, true),
        _ => (false, false),
    }
}

/// One to three records of a person, the box of the last one ticked where the person said no there.
fn records(person: usize) -> Vec<(&'static str, Value)> {
    let objects: &[&'static str] = match person % 5 {
        0 => &["Lead", "Contact", "Contact"],
        1 => &["Lead", "Contact"],
        2 => &["Lead"],
        _ => &["Contact"],
    };
    let last = objects.len() - 1;
    let ticked = |place: usize| place == last && said(person).1;
    let of = |(place, object): (usize, &&'static str)| {
        (*object, record(object, &email(person), json!({ BOX: ticked(place) })))
    };
    objects.iter().enumerate().map(of).collect()
}

async fn stage() -> Stage {
    let stage = Stage::set(1).await;
    let mut by_object: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (object, record) in (0..PEOPLE).flat_map(records) {
        by_object.entry(object).or_default().push(record);
    }
    for (object, records) in by_object {
        for some in records.chunks(PUT) {
            stage.salesforce.put(object, some).unwrap();
        }
    }
    let emails: Vec<String> = (0..PEOPLE).filter(|person| said(*person).0).map(email).collect();
    stage.say_no(&emails.iter().map(String::as_str).collect::<Vec<_>>()).await;
    stage
}

/// All boxes, by address in lower case.
fn boxes(stage: &Stage) -> BTreeMap<String, Vec<bool>> {
    let mut boxes: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for record in ["Lead", "Contact"].into_iter().flat_map(|object| stage.salesforce.records(object)) {
        let email = record["Email"].as_str().unwrap().to_lowercase();
        boxes.entry(email).or_default().push(record[BOX].as_bool().unwrap());
    }
    boxes
}

#[tokio::test(flavor = "multi_thread")]
async fn one_pass_brings_both_sides_in_step_and_a_second_has_nothing_to_do() {
    let stage = stage().await;
    let (before, entries_before) = (boxes(&stage), stage.entries().await);
    let state_before = stage.ports.state.load(opt_outs::KEY).await.unwrap();
    let written = stage.salesforce.stats().written;

    let dry = opt_outs::dry_run(&stage.ports, false).await.unwrap();
    assert_eq!(
        (boxes(&stage) == before, stage.salesforce.stats().written),
        (true, written),
        "a dry run writes nothing"
    );
    assert_eq!(stage.entries().await, entries_before);
    assert_eq!(stage.ports.state.load(opt_outs::KEY).await.unwrap(), state_before);

    let began = stage.clock.now();
    stage.count_anew();
    let done = stage.pass().await;
    eprintln!(
        "{done:?}, {} calls, {:.1} s",
        stage.salesforce.stats().calls,
        stage.clock.now().duration_since(began).as_secs_f64()
    );
    assert!(done.complete && done.closed.is_none() && done.rejected == 0);

    let no: BTreeSet<String> = (0..PEOPLE)
        .filter(|person| said(*person) != (false, false))
        .map(|person| email(person).to_lowercase())
        .collect();
    assert_eq!(no.len(), OPT_OUTS, "as many as the story is about");
    let only_there = (0..PEOPLE).filter(|person| said(*person) == (false, true)).count() as u64;
    let unticked: usize = before
        .iter()
        .filter(|(email, _)| no.contains(*email))
        .flat_map(|(_, boxes)| boxes)
        .filter(|ticked| !**ticked)
        .count();
    assert_eq!((done.in_actions, done.in_salesforce), (only_there, unticked as u64));
    assert_eq!((dry.in_actions, dry.in_salesforce, dry.planned), (done.in_actions, done.in_salesforce, done.planned));
    assert_eq!(dry.steps.len() as u64, dry.planned, "each step is told");

    for (email, boxes) in boxes(&stage) {
        assert!(boxes.iter().all(|ticked| *ticked == no.contains(&email)), "{email}: {boxes:?}");
    }
    let entries = stage.entries().await;
    let opted_out: BTreeSet<String> =
        entries.values().filter(|entry| entry.opted_out).map(|entry| entry.address.as_str().to_owned()).collect();
    assert_eq!(opted_out, no);

    let (written, state) = (stage.salesforce.stats().written, stage.entries().await);
    let again = stage.pass().await;
    assert_eq!((again.planned, again.in_salesforce, again.in_actions, again.complete), (0, 0, 0, true));
    assert_eq!((stage.salesforce.stats().written, stage.entries().await == state), (written, true));
    let full = opt_outs::dry_run(&stage.ports, true).await.unwrap();
    assert_eq!(full.planned, 0, "from the first record on, too");
}
