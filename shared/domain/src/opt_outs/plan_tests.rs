//! The plan as a table: what both sides hold of some addresses, in a line, and what has to be done.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::entry::{Event, Source};
use super::*;
use crate::Trouble;

const FIELD: OptOutField = OptOutField::Standard;

fn address(name: &str) -> Address {
    Address::of(&format!("{name}@example.com")).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// `c1:a` a contact with address a, ticked where followed by `!`; `l1:a>c1` a converted lead; `c1:a>>c2` merged; `c1:a-` deleted.
fn record(text: &str) -> OptOutRecord {
    let (text, ticked) = text.strip_suffix('!').map_or((text, 0), |text| (text, 1));
    let (text, gone) = text.strip_suffix('-').map_or((text, false), |text| (text, true));
    let (text, successor) = text.split_once('>').map_or((text, None), |(text, to)| (text, Some(to)));
    let (id, of) = text.split_once(':').unwrap();
    let merged = successor.is_some_and(|to| to.starts_with('>'));
    OptOutRecord {
        id: id.to_owned(),
        object: if id.starts_with('l') { PersonObject::Lead } else { PersonObject::Contact },
        address: (!of.is_empty()).then(|| address(of)),
        ticked,
        converted: successor.is_some() && !merged,
        successor: successor.map(|to| to.trim_start_matches('>').to_owned()),
        deleted: gone || merged,
        stamp: at(100),
    }
}

/// `a` an address that said no; `a?` one that an admin resubscribed; behind it `c1` a box known as ticked, `c1x` one refused for good, `c1~` one
/// refused for the moment, `c1.` one that was settled by a resubscribe.
fn entry(text: &str) -> OptOut {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let mut entry = OptOut::unknown(address(name.trim_end_matches('?')));
    let event = |opted_out| Event { at: at(1), opted_out, source: Source::Manual, reason: None, by: None };
    entry.opt_out(event(true), None);
    if name.ends_with('?') {
        entry.resubscribe(event(false), Vec::new()).unwrap();
    } else {
        entry.pushed(at(2), false, false);
    }
    for word in words {
        let refused = |passing| Known::Refused { stamp: at(100), trouble: Trouble::new("code", "why"), passing };
        let (id, known) = match word.split_at(word.len() - 1) {
            (id, "x") => (id, refused(false)),
            (id, "~") => (id, refused(true)),
            (id, ".") => (id, Known::Settled),
            _ => (word, Known::Ticked { field: FIELD }),
        };
        if matches!(known, Known::Refused { passing, .. } if passing) {
            entry.pushed(at(1_000), true, false);
        }
        entry.know(id, known);
    }
    entry
}

/// `a+c1` take address a in, from c1's box; `c1!` tick; `c1!!` tick what was unticked; `c1=` is known to be ticked from now on.
fn told(plan: &Plan) -> String {
    let mut words = Vec::new();
    for (address, part) in plan {
        let name = address.as_str().split('@').next().unwrap();
        words.extend(part.take_in.as_ref().map(|record| format!("{name}+{record}")));
        words
            .extend(part.ticks.iter().map(|tick| format!("{}{}", tick.record, if tick.unticked { "!!" } else { "!" })));
        words.extend(part.learnt.iter().map(|record| format!("{record}=")));
    }
    words.join(" ")
}

fn planned(records: &str, entries: &str) -> String {
    let records = records.split_whitespace().map(record).map(|record| (record.id.clone(), record)).collect();
    let entries = entries.split(',').map(str::trim).filter(|text| !text.is_empty()).map(entry);
    let seen = Seen { records, entries: entries.map(|entry| (entry.address.clone(), entry)).collect() };
    let asked: BTreeSet<Address> = ["a"].map(address).into();
    told(&seen.plan(&asked, FIELD, 1, at(1_000)))
}

#[test]
fn either_side_decides_for_every_record_of_an_address() {
    for (records, entries, wanted) in [
        // Nobody said no.
        ("", "", ""),
        ("c1:a l1:a", "", ""),
        // Salesforce did, on one of several records.
        ("c1:a! l1:a", "", "a+c1 l1! c1="),
        ("c1:a! l1:a", "a?", "a+c1 l1! c1="),
        // We did.
        ("c1:a l1:a", "a", "c1! l1!"),
        ("c1:a! l1:a!", "a", "c1= l1="),
        ("c1:a! l1:a!", "a c1 l1", ""),
        // Somebody unticked a box.
        ("c1:a l1:a!", "a c1 l1", "c1!!"),
        // A resubscribe holds as long as no box is ticked.
        ("c1:a l1:a", "a?", ""),
        // Other addresses are not touched.
        ("c1:a c2:b!", "a", "c1!"),
    ] {
        assert_eq!(planned(records, entries), wanted, "{records} with {entries}");
    }
}

#[test]
fn who_took_a_records_place_is_ticked_for_it_and_said_no_with_it() {
    for (records, entries, wanted) in [
        // Converted into a contact with the same address, with another, with none.
        ("l1:a>c1 c1:a", "a", "c1!"),
        ("l1:a>c1 c1:b", "a", "c1! b+c1"),
        ("l1:a>c1 c1:b", "a, b", "c1!"),
        ("l1:a>c1 c1:", "a", "c1!"),
        // Merged away, several times.
        ("c1:a>>c2 c2:b>>c3 c3:b", "a", "c3! b+c3"),
        // A box ticked before the conversion, or before the merge, says no all the same.
        ("l1:a>c1! c1:a", "", "a+l1 c1!"),
        ("c1:a>>c2! c2:a", "", "a+c1 c2!"),
        // Deleted after somebody ticked it.
        ("c1:a-!", "", "a+c1"),
        ("c1:a-", "a", ""),
        // Ticked and fixed when an admin resubscribed: it says nothing any more; a box that can be changed does.
        ("l1:a>c1! c1:a", "a? l1.", ""),
        ("c1:a-!", "a? c1.", ""),
        ("c1:a!", "a? c1.", "a+c1 c1="),
    ] {
        assert_eq!(planned(records, entries), wanted, "{records} with {entries}");
    }
}

#[test]
fn what_salesforce_refused_rests_until_its_time_or_until_it_changes() {
    assert_eq!(planned("c1:a", "a c1x"), "");
    assert_eq!(planned("c1:a", "a c1~"), "");
    let seen = |stamp: i64, now: i64, text: &str| {
        let record = OptOutRecord { stamp: at(stamp), ..record("c1:a") };
        let entry = entry(text);
        let seen =
            Seen { records: [(record.id.clone(), record)].into(), entries: [(entry.address.clone(), entry)].into() };
        told(&seen.plan(&[address("a")].into(), FIELD, 1, at(now)))
    };
    assert_eq!(seen(101, 1_000, "a c1x"), "c1!", "somebody changed it");
    assert_eq!(seen(100, 9_000, "a c1x"), "", "for good");
    assert_eq!(seen(100, 9_000, "a c1~"), "c1!", "it may have passed");
}

#[test]
fn with_both_boxes_one_says_no_and_two_are_ticked() {
    let one = OptOutRecord { ticked: 1, ..record("c1:a") };
    let seen = Seen { records: [(one.id.clone(), one)].into(), ..Seen::default() };
    assert_eq!(told(&seen.plan(&[address("a")].into(), OptOutField::Both, 2, at(1))), "a+c1 c1!");
}
