//! Each kind of fault at one place, once and lasting. `cargo prove faults` and `cargo prove dynamodb-faults` play them at every place.

use std::collections::BTreeSet;

use system_tests::faults::catalogue::{self, Cell};
use system_tests::faults::play_all;

/// Faults that only time shows are left to `cargo prove`.
fn takes_time(cell: &Cell) -> bool {
    cell.script.scene.short_waits || cell.kind.starts_with("time-out")
}

/// The first story of each kind, once and lasting.
fn one_of_each(cells: Vec<Cell>) -> Vec<Cell> {
    let mut seen = BTreeSet::new();
    cells.into_iter().filter(|cell| !takes_time(cell) && seen.insert((cell.kind, cell.lasting))).collect()
}

fn assert_as_expected(cells: &[Cell]) {
    let scripts: Vec<_> = cells.iter().map(|cell| cell.script.clone()).collect();
    for (cell, played) in cells.iter().zip(play_all(&scripts)) {
        let name = format!("{} at {}, lasting: {}", cell.kind, cell.place, cell.lasting);
        assert_eq!(played.outcome, Ok(cell.expected), "{name}: {:?}", played.messages);
    }
}

#[test]
fn faults_of_marketo_end_as_they_have_to() {
    // From the last place backwards: the first ones fail before anything is under way.
    let cells = one_of_each(catalogue::marketo().into_iter().rev().collect());
    assert!(cells.len() > 60, "{}", cells.len());
    assert_as_expected(&cells);
}

#[test]
fn faults_of_dynamodb_end_as_they_have_to() {
    let cells = one_of_each(catalogue::dynamodb().into_iter().rev().collect());
    assert!(cells.len() > 12, "{}", cells.len());
    assert_as_expected(&cells);
}
