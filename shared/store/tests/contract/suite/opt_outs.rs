//! What every register of opt-outs must do: revisions, races, what it refuses, what it keeps, and what it lists.

use std::collections::BTreeSet;

use domain::opt_outs::{Address, Event, Known, MarketoMark, OptOut, Source};
use domain::people::MarketoId;
use domain::ports::{OptOutRegister, OptOutWrite, PutOutcome, Shelf, ShelvedAddress};
use domain::settings::OptOutField;
use domain::{FailureKind, Push, Timestamp, Trouble};
use futures_util::future::join_all;

use super::people::instant;
use super::{fails, ok, people_values};

/// Runs the whole contract on an empty register.
///
/// # Panics
/// Where the register does not keep it.
pub async fn opt_outs(register: &dyn OptOutRegister) {
    lists_by_time(register).await;
    inserts_once_and_replaces_what_was_seen(register).await;
    lets_one_racer_win(register).await;
    refuses_what_cannot_be_stored(register).await;
    keeps_every_value(register).await;
    follows_the_entries(register).await;
    puts_and_scans_many(register).await;
}

fn address(name: &str) -> Address {
    Address::of(&format!("{name}@example.com")).unwrap_or_else(|| panic!("{name}"))
}

/// An entry that is due from an instant on, in milliseconds since 1970.
fn entry(name: &str, due: i64) -> OptOut {
    let mut entry = OptOut::unknown(address(name));
    entry.opt_out(Event { at: instant(due), opted_out: true, source: Source::Manual, reason: None, by: None }, None);
    entry
}

async fn put(register: &dyn OptOutRegister, entry: &OptOut, seen: Option<u64>) -> PutOutcome {
    ok(register.put(vec![OptOutWrite { entry: entry.clone(), seen }]).await)[0]
}

/// Reads entries, in the order of their addresses.
async fn get(register: &dyn OptOutRegister, names: &[&str]) -> Vec<OptOut> {
    let addresses: Vec<_> = names.iter().map(|name| address(name)).collect();
    let mut entries = ok(register.get(&addresses).await);
    entries.sort_by(|a, b| a.address.cmp(&b.address));
    entries
}

/// The same entry as the store gives it back after so many writes.
fn at(rev: u64, entry: &OptOut) -> OptOut {
    OptOut { rev, ..entry.clone() }
}

async fn listed(register: &dyn OptOutRegister, shelf: Shelf, until: Timestamp, limit: usize) -> Vec<(String, i64)> {
    let found = ok(register.shelf(shelf, until, None, limit).await);
    found.into_iter().map(|place| (place.address.as_str().to_owned(), place.at.as_millisecond())).collect()
}

async fn lists_by_time(register: &dyn OptOutRegister) {
    assert_eq!(listed(register, Shelf::Due, Timestamp::MAX, 10).await, [], "the contract needs an empty register");
    for (name, due) in [("c", 30), ("a", 10), ("b", 20)] {
        assert_eq!(put(register, &entry(name, due), None).await, PutOutcome::Stored);
    }
    let all = [("a", 10), ("b", 20), ("c", 30)].map(|(name, due)| (format!("{name}@example.com"), due));
    assert_eq!(listed(register, Shelf::Due, Timestamp::MAX, usize::MAX).await, all);
    assert_eq!(listed(register, Shelf::Due, instant(20), 10).await, all[..2], "up to the bound and at it");
    assert_eq!(listed(register, Shelf::Due, instant(9), 10).await, []);
    assert_eq!(listed(register, Shelf::Due, Timestamp::MAX, 2).await, all[..2]);
    assert_eq!(listed(register, Shelf::Rejected, Timestamp::MAX, 10).await, []);

    let equals = (0..60).map(|n| OptOutWrite { entry: entry(&format!("equal-{n:02}"), 100 + n / 20), seen: None });
    ok(register.put(equals.collect()).await);
    let whole = listed(register, Shelf::Due, Timestamp::MAX, 1_000).await;
    assert!(whole.len() == 63 && whole.is_sorted_by_key(|(_, due)| *due), "{whole:?}");
    for size in [1, 7, 20, 62, 63, 64] {
        let (mut paged, mut from): (Vec<ShelvedAddress>, Option<ShelvedAddress>) = (Vec::new(), None);
        loop {
            let page = ok(register.shelf(Shelf::Due, Timestamp::MAX, from.as_ref(), size).await);
            assert!(page.len() <= size && paged.len() <= whole.len(), "pages of {size} come to their end");
            let Some(last) = page.last().cloned() else { break };
            from = Some(last);
            paged.extend(page);
        }
        let paged: Vec<_> = paged.iter().map(|p| (p.address.as_str().to_owned(), p.at.as_millisecond())).collect();
        assert_eq!(paged, whole, "pages of {size} are the whole");
    }
    let behind = ShelvedAddress { at: instant(500), address: address("z") };
    assert_eq!(ok(register.shelf(Shelf::Due, instant(400), Some(&behind), 5).await), [], "behind its own bound");
}

async fn inserts_once_and_replaces_what_was_seen(register: &dyn OptOutRegister) {
    assert_eq!(ok(register.get(&[]).await), []);
    assert_eq!(ok(register.put(Vec::new()).await), []);
    let first = entry("once", 1_000);
    assert_eq!(put(register, &first, Some(1)).await, PutOutcome::Conflict, "there is nothing to replace");
    assert_eq!(put(register, &first, None).await, PutOutcome::Stored);
    assert_eq!(get(register, &["once", "once", "never"]).await, [at(1, &first)]);
    let mut second = first.clone();
    second.pushed(instant(5), false, false);
    assert_eq!(put(register, &second, None).await, PutOutcome::Conflict, "it is there already");
    assert_eq!(put(register, &second, Some(2)).await, PutOutcome::Conflict, "that revision is yet to come");
    assert_eq!(get(register, &["once"]).await, [at(1, &first)], "a conflict writes nothing");
    assert_eq!(put(register, &second, Some(1)).await, PutOutcome::Stored);
    assert_eq!(put(register, &first, Some(1)).await, PutOutcome::Conflict, "that revision is gone");
    assert_eq!(get(register, &["once"]).await, [at(2, &second)]);
}

async fn lets_one_racer_win(register: &dyn OptOutRegister) {
    for seen in [None, Some(1), Some(2)] {
        let racers: Vec<_> = (1..=8).map(|n| entry("race", n * 1_000)).collect();
        let outcomes = join_all(racers.iter().map(|entry| put(register, entry, seen))).await;
        let winners: Vec<_> = outcomes.iter().zip(&racers).filter(|(o, _)| **o == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1, "of writers that saw {seen:?}, one wins: {outcomes:?}");
        assert_eq!(get(register, &["race"]).await, [at(seen.unwrap_or(0) + 1, winners[0].1)]);
    }
}

async fn refuses_what_cannot_be_stored(register: &dyn OptOutRegister) {
    let beside = || OptOutWrite { entry: entry("beside", 1_000), seen: None };
    let twice = OptOutWrite { entry: entry("twice", 1_000), seen: None };
    fails(register.put(vec![beside(), twice.clone(), twice]).await, FailureKind::BadRequest);
    let mut large = entry("large", 1_000);
    large.history[0].reason = Some("r".repeat(390 * 1024));
    fails(register.put(vec![beside(), OptOutWrite { entry: large, seen: None }]).await, FailureKind::BadRequest);
    assert_eq!(get(register, &["beside", "twice", "large"]).await, [], "nothing of a refused put is written");
}

async fn keeps_every_value(register: &dyn OptOutRegister) {
    let mut texts = people_values::texts();
    texts.push("nothing \u{0} and more".to_owned());
    for (n, text) in texts.iter().enumerate() {
        let mut entry = entry(&format!("value-{n}"), 1_000);
        let source = Source::ALL[n % Source::ALL.len()];
        let reason = Some(text.clone());
        entry.history.push(Event { at: Timestamp::MIN, opted_out: n % 2 == 0, source, by: reason.clone(), reason });
        let trouble = Trouble::new(text, text);
        entry.know("00Q5e0000000001AAA", Known::Refused { stamp: Timestamp::MAX, trouble, passing: n % 2 == 0 });
        entry.know("0035e0000000001AAA", Known::Ticked { field: OptOutField::Both });
        entry.know(&format!("{text} as an id"), Known::Settled);
        entry.messages.push_back(text.clone());
        entry.restored(text, instant(7));
        entry.refused(text, instant(8));
        entry.marketo = Some(MarketoMark { blocklisted: true, people: vec![MarketoId(i64::MAX)], at: instant(9) });
        entry.push = Push::Rejected { at: instant(10), attempts: u32::MAX };
        for (seen, rev) in [(None, 1), (Some(1), 2)] {
            assert_eq!(put(register, &entry, seen).await, PutOutcome::Stored);
            assert_eq!(get(register, &[&format!("value-{n}")]).await, [at(rev, &entry)]);
        }
    }
    let odd =
        OptOut { address: Address::of("\"o'neil\\ü\"@exämple.com").unwrap_or_else(|| panic!()), ..entry("x", 1) };
    assert_eq!(put(register, &odd, None).await, PutOutcome::Stored);
    assert_eq!(ok(register.get(std::slice::from_ref(&odd.address)).await), [at(1, &odd)]);
}

/// An entry is where its state says, and nowhere else.
async fn follows_the_entries(register: &dyn OptOutRegister) {
    let mut now = entry("moving", 5_000);
    put(register, &now, None).await;
    let states = [
        (Push::Due { at: instant(7_000), attempts: 1 }, Some((Shelf::Due, 7_000))),
        (Push::Rejected { at: instant(6_000), attempts: 2 }, Some((Shelf::Rejected, 6_000))),
        (Push::Done, None),
        (Push::Due { at: instant(9_000), attempts: 0 }, Some((Shelf::Due, 9_000))),
    ];
    for (rev, (push, expected)) in (1..).zip(states) {
        now.push = push;
        assert_eq!(put(register, &now, Some(rev)).await, PutOutcome::Stored);
        assert_eq!(put(register, &now, Some(rev)).await, PutOutcome::Conflict);
        let mut found = Vec::new();
        for shelf in [Shelf::Due, Shelf::Rejected] {
            let all = listed(register, shelf, Timestamp::MAX, 1_000).await;
            found.extend(all.into_iter().filter(|(name, _)| name.starts_with("moving")).map(|(_, due)| (shelf, due)));
        }
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }
}

/// More writes in one put than one request takes, in their order; and a scan that finds each entry once.
async fn puts_and_scans_many(register: &dyn OptOutRegister) {
    let name = |n: usize| format!("many-{n:04}");
    let before = (0..1_200).step_by(2).map(|n| OptOutWrite { entry: entry(&name(n), 1_000), seen: None });
    assert_eq!(ok(register.put(before.collect()).await), vec![PutOutcome::Stored; 600]);
    let seen = |n: usize| matches!(n % 4, 0 | 3).then_some(1);
    let order: Vec<usize> = (0..1_200).map(|n| n * 7 % 1_200).collect();
    let writes = order.iter().map(|n| OptOutWrite { entry: entry(&name(*n), 2_000), seen: seen(*n) });
    let outcome = |n: &usize| if n % 4 < 2 { PutOutcome::Stored } else { PutOutcome::Conflict };
    let expected: Vec<_> = order.iter().map(outcome).collect();
    assert_eq!(ok(register.put(writes.collect()).await), expected, "outcomes stand in the order of the writes");
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let (page, next) = ok(register.scan(from.as_ref()).await);
        found.extend(page.into_iter().map(|entry| entry.address.as_str().to_owned()));
        from = next;
        if from.is_none() {
            break;
        }
    }
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct.len(), found.len(), "each once");
    assert_eq!(found.iter().filter(|name| name.starts_with("many-")).count(), 900);
}
