//! The rule that decides which observation wins, case by case.

use std::collections::BTreeMap;

use super::*;
use crate::people::Field;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn person(first_name: &str, qualifies: bool) -> Person {
    let fields = [(Field::FirstName, first_name.to_owned()), (Field::SfdcContactId, "003A00000000001AAA".to_owned())];
    Person { id: MarketoId(7), fields: fields.into_iter().collect(), extra: BTreeMap::new(), qualifies }
}

fn read(first_name: &str) -> Observation {
    Observation::Read(person(first_name, true))
}

fn seen(second: i64, what: Observation) -> Observed {
    Observed { id: MarketoId(7), as_of: at(second), changed_at: None, older_data_may_follow: false, what }
}

/// The row after these observations, in this order.
fn after(observations: impl IntoIterator<Item = Observed>) -> Option<PersonRow> {
    observations.into_iter().fold(None, |row, seen| match decide(row.as_ref(), &seen) {
        Decision::Put(next) => Some(*next),
        Decision::Unchanged | Decision::Stale => row,
    })
}

fn summary(row: Option<PersonRow>) -> String {
    row.map_or_else(
        || "none".to_owned(),
        |r| {
            let shadow = if r.shadow { " shadow" } else { "" };
            let into = r.merged_into.map_or_else(String::new, |id| format!(" into {id}"));
            format!("{}{shadow}{into} {}", r.status.as_str(), r.fields.get(Field::FirstName).unwrap_or("-"))
        },
    )
}

#[test]
fn the_newest_observation_wins_in_any_order() {
    let merged = || Observation::Merged(MarketoId(9));
    for (name, observations, expected) in [
        ("later read", vec![seen(1, read("a")), seen(2, read("b"))], "active b"),
        ("earlier read after later", vec![seen(2, read("b")), seen(1, read("a"))], "active b"),
        ("deleted stays", vec![seen(2, read("a")), seen(3, Observation::Deleted), seen(1, read("b"))], "deleted -"),
        ("merged stays", vec![seen(2, read("a")), seen(3, merged()), seen(1, read("b"))], "merged into 9 -"),
        (
            "merge over deletion",
            vec![seen(1, read("a")), seen(2, Observation::Deleted), seen(3, merged())],
            "merged into 9 -",
        ),
        (
            "deletion over merge",
            vec![seen(1, read("a")), seen(2, merged()), seen(3, Observation::Deleted)],
            "merged into 9 -",
        ),
        (
            "older merge over deletion",
            vec![seen(1, read("a")), seen(3, Observation::Deleted), seen(2, merged())],
            "merged into 9 -",
        ),
        (
            "lost and regained",
            vec![seen(1, read("a")), seen(2, Observation::Read(person("b", false))), seen(3, read("c"))],
            "active c",
        ),
        ("lost", vec![seen(1, read("a")), seen(2, Observation::NotQualified)], "unqualified a"),
        ("never qualified", vec![seen(1, Observation::Read(person("a", false)))], "none"),
        ("unknown deleted", vec![seen(1, Observation::Deleted)], "none"),
    ] {
        assert_eq!(summary(after(observations)), expected, "{name}");
    }
}

#[test]
fn while_older_data_may_follow_the_unknown_are_remembered() {
    for (what, expected) in [
        (Observation::Deleted, "deleted shadow -"),
        (Observation::Merged(MarketoId(9)), "merged shadow into 9 -"),
        (Observation::Read(person("x", false)), "unqualified shadow -"),
    ] {
        let gone = Observed { older_data_may_follow: true, ..seen(5, what) };
        assert_eq!(summary(after([gone.clone(), seen(1, read("a"))])), expected);
        assert_eq!(summary(after([gone, seen(6, read("a"))])), "active a");
    }
}

#[test]
fn the_same_again_writes_nothing_unless_the_log_tells_of_a_newer_change() {
    let row = after([seen(10, read("a"))]).unwrap();
    assert_eq!(decide(Some(&row), &seen(20, read("a"))), Decision::Unchanged);
    let told = |second, older_data_may_follow| Observed {
        changed_at: Some(at(second)),
        older_data_may_follow,
        ..seen(20, read("a"))
    };
    assert_eq!(decide(Some(&row), &told(9, false)), Decision::Unchanged);
    // Changed and changed back: a read between the two, still on its way, must find the row newer than itself.
    let Decision::Put(next) = decide(Some(&row), &told(12, false)) else {
        unreachable!("the change is newer than the row")
    };
    assert_eq!(next.as_of, at(20));
    assert_eq!(decide(Some(&next), &seen(15, read("b"))), Decision::Stale);
}

#[test]
fn the_deleted_keep_ids_alone() {
    let row = after([seen(1, read("a")), seen(2, Observation::Deleted)]).unwrap();
    assert_eq!(row.fields, person("", true).fields.ids_only());
    assert_eq!(row.fields.get(Field::SfdcContactId), Some("003A00000000001AAA"));
}

#[test]
fn opportunities_have_a_time_of_their_own() {
    let row = after([seen(10, read("a"))]).unwrap();
    let seen = |opportunity: Option<&str>, second, changed: Option<i64>| SeenOpportunity {
        opportunity: opportunity.map(str::to_owned),
        as_of: at(second),
        changed_at: changed.map(at),
    };
    assert_eq!(decide_opportunity(&row, &seen(None, 11, None)), Decision::Unchanged);
    let Decision::Put(first) = decide_opportunity(&row, &seen(Some("006A"), 5, None)) else {
        unreachable!("first reading")
    };
    assert_eq!(first.opportunity.as_deref(), Some("006A"));
    assert_eq!(decide_opportunity(&first, &seen(Some("006B"), 4, None)), Decision::Stale);
    assert_eq!(decide_opportunity(&first, &seen(Some("006A"), 6, None)), Decision::Unchanged);
    assert!(matches!(decide_opportunity(&first, &seen(Some("006A"), 9, Some(8))), Decision::Put(_)));
    let gone = PersonRow { status: Status::Deleted, ..*first };
    assert_eq!(decide_opportunity(&gone, &seen(Some("006B"), 9, None)), Decision::Stale);
}
