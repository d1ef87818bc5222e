//! The check before a mail: each reason, many addresses in few calls, and Marketo down.

use std::time::Duration;

use domain::opt_outs::{Asked, Checker, Decision, MAX_STALENESS, Reason};
use simulator_marketo::{Fault, FaultAction};

use super::stage::{Stage, address};

/// People in Marketo, and addresses that nobody there has.
const PEOPLE: u64 = 9_000;
const STRANGERS: usize = 1_000;

fn told(decisions: &[Decision]) -> Vec<(Reason, bool, Asked)> {
    decisions.iter().map(|decision| (decision.reason, decision.allowed, decision.checked.marketo)).collect()
}

/// Ids and addresses of people with an address of their own, none of whom Marketo says no of.
fn clean(stage: &Stage) -> Vec<(i64, String)> {
    let mut people: Vec<(i64, String)> = stage
        .marketo
        .truth()
        .filter_map(|person| Some((person.marketo_id, person.email.clone()?)))
        .filter(|(_, email)| domain::opt_outs::Address::of(email).is_some())
        .collect();
    // Also of people who are not synced, who may have the same addresses.
    let last = people.iter().map(|(id, _)| *id).max().unwrap() + 100;
    for id in simulator_marketo::FIRST_ID..last {
        for flag in ["unsubscribed", "blackListed", "emailInvalid"] {
            stage.marketo.set_field(id, flag, false.into());
        }
    }
    people.sort_by_key(|(_, email)| email.to_lowercase());
    people.dedup_by_key(|(_, email)| email.to_lowercase());
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_has_its_name() {
    let stage = Stage::set(60).await;
    let people = clean(&stage);
    for (nth, flag) in [(0, "unsubscribed"), (1, "blackListed"), (2, "emailInvalid")] {
        stage.marketo.set_field(people[nth].0, flag, true.into());
    }
    // Any person with the address decides.
    stage.marketo.set_field(people[3].0, "email", people[0].1.to_uppercase().into());
    stage.say_no(&["no@example.com"]).await;
    stage.set_to("unsubscribes.blockedDomains", "rival.example").await;
    let emails: Vec<String> = people[..3].iter().map(|(_, email)| email.clone()).collect();
    let more = ["no@example.com", "x@mail.rival.example", "stranger@example.com", "no address"].map(str::to_owned);
    let asked: Vec<String> = emails.into_iter().chain(more).collect();
    let checker = Checker::new(stage.check.clone());
    let decisions = checker.check(&asked, false).await.unwrap();
    let (live, off) = (Asked::Live, Asked::Off);
    assert_eq!(
        told(&decisions),
        [
            (Reason::MarketoUnsubscribed, false, live),
            (Reason::MarketoBlocklisted, false, live),
            (Reason::EmailInvalid, false, live),
            (Reason::OptedOut, false, off),
            (Reason::BlockedDomain, false, off),
            (Reason::Ok, true, live),
            (Reason::EmailInvalid, false, off),
        ]
    );
    let again = checker.check(&asked[..1], false).await.unwrap();
    assert_eq!(again[0].checked.marketo, Asked::Cache);
    let other = checker.check(&asked, true).await.unwrap();
    let allowed: Vec<bool> = other.iter().map(|decision| decision.allowed).collect();
    assert_eq!(allowed, [true, true, true, true, false, true, false], "no unsubscribe holds a non-commercial mail up");
    stage.set_to("unsubscribes.marketoCheck", "off").await;
    let off = checker.check(&asked[..1], false).await.unwrap();
    assert_eq!(told(&off), [(Reason::Ok, true, Asked::Off)]);
    let refusals = stage.entry("no@example.com").await.refusals;
    assert_eq!(refusals.iter().map(|refusal| refusal.reason.as_str()).collect::<Vec<_>>(), ["optedOut"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_addresses_take_thirty_four_calls() {
    let stage = Stage::set(PEOPLE + PEOPLE / 2).await;
    let mut emails: Vec<String> = clean(&stage).into_iter().map(|(_, email)| email).take(PEOPLE as usize).collect();
    let known = emails.len();
    emails.extend((0..STRANGERS + PEOPLE as usize - known).map(|nth| format!("stranger.{nth}@example.com")));
    assert!(known > PEOPLE as usize / 2 && emails.len() == 10_000, "{known}");
    stage.count_anew();
    let decisions = Checker::new(stage.check.clone()).check(&emails, false).await.unwrap();
    let calls = stage.marketo.stats().calls;
    eprintln!("10,000 addresses, {known} of them known to Marketo: {calls} calls");
    assert!(calls <= 34, "{calls} calls");
    assert_eq!(decisions.iter().filter(|decision| decision.allowed).count(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_at_most_a_minute_old() {
    let stage = Stage::set(60).await;
    let (id, email) = clean(&stage).remove(0);
    let checker = Checker::new(stage.check.clone());
    let ask = async || checker.check(std::slice::from_ref(&email), false).await.unwrap().remove(0);
    assert_eq!((ask().await.allowed, ask().await.checked.marketo), (true, Asked::Cache));
    stage.marketo.set_field(id, "unsubscribed", true.into());
    stage.clock.jump(Duration::try_from(MAX_STALENESS).unwrap());
    let decision = ask().await;
    assert_eq!((decision.reason, decision.checked.marketo), (Reason::MarketoUnsubscribed, Asked::Live));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_marketo_is_down_mails_are_refused_unless_the_setting_says_otherwise() {
    let stage = Stage::set(60).await;
    let (id, email) = clean(&stage).remove(0);
    stage.marketo.set_faults(vec![Fault::once("*", FaultAction::Status(503, None)).times(None)]);
    let down = stage.decision(&email).await;
    assert_eq!((down.reason, down.allowed, down.checked.marketo), (Reason::CheckUnavailable, false, Asked::Off));
    stage.set_to("unsubscribes.checkFailOpen", "on").await;
    let open = stage.decision(&email).await;
    assert_eq!((open.reason, open.allowed), (Reason::CheckUnavailable, true), "it says why it may go");
    stage.say_no(&[&email]).await;
    assert_eq!(stage.decision(&email).await.reason, Reason::OptedOut, "the register is asked all the same");
    stage.marketo.set_faults(Vec::new());
    // What Marketo said no to before, it says no to while it is down.
    let (_, other) = clean(&stage).remove(1);
    let other_id = stage.marketo.truth().find(|person| person.email.as_ref() == Some(&other)).unwrap().marketo_id;
    assert_ne!(other_id, id);
    stage.marketo.set_field(other_id, "blackListed", true.into());
    assert_eq!(stage.decision(&other).await.reason, Reason::MarketoBlocklisted);
    stage.marketo.set_faults(vec![Fault::once("*", FaultAction::Status(503, None)).times(None)]);
    assert_eq!(stage.decision(&other).await.reason, Reason::MarketoBlocklisted);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_marketo_said_no_to_stays_no_until_it_says_yes_of_the_same_person() {
    let stage = Stage::set(60).await;
    let (id, email) = clean(&stage).remove(0);
    stage.marketo.set_field(id, "unsubscribed", true.into());
    assert_eq!(stage.decision(&email).await.reason, Reason::MarketoUnsubscribed);
    // Another address, and back.
    stage.marketo.set_field(id, "email", "elsewhere@example.com".into());
    assert_eq!(stage.decision(&email).await.reason, Reason::MarketoUnsubscribed);
    stage.marketo.set_field(id, "email", email.clone().into());
    // Marketo says yes of this very person.
    stage.marketo.set_field(id, "unsubscribed", false.into());
    assert_eq!(stage.decision(&email).await.reason, Reason::Ok);
    stage.marketo.set_field(id, "unsubscribed", true.into());
    assert_eq!(stage.decision(&email).await.reason, Reason::MarketoUnsubscribed);
    stage.marketo.delete(id);
    assert_eq!(stage.decision(&email).await.reason, Reason::MarketoUnsubscribed, "the address is remembered");
    let done = domain::opt_outs::resubscribe(&stage.ports, &address(&email), "by telephone", None).await.unwrap();
    assert!(done.here);
    assert_eq!(stage.decision(&email).await.reason, Reason::Ok);
}
