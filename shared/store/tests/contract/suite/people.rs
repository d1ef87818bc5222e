//! What every people table must do about revisions, races, many rows at once and pages.

use std::collections::BTreeMap;

use domain::people::{Field, Fields, MarketoId, PersonRow, Status};
use domain::ports::{PeopleTable, PutOutcome, RowWrite};
use domain::{FailureKind, Timestamp};
use futures_util::future::{join, join_all};

use super::{fails, ok, people_values};

/// Runs the whole contract on an empty table.
///
/// # Panics
/// Where the table does not keep it.
pub async fn people_table(table: &dyn PeopleTable) {
    starts_empty(table).await;
    inserts_once(table).await;
    replaces_what_was_seen(table).await;
    lets_one_racer_win(table).await;
    refuses_one_person_twice(table).await;
    puts_many_in_order(table).await;
    gets_what_is_there(table).await;
    people_values::keep_every_value(table).await;
    people_values::are_found_by_email(table).await;
    people_values::are_found_by_salesforce_id(table).await;
    scans_each_row_once(table).await;
}

/// An active person with an email address; `n` is the id.
pub(super) fn person(n: i64) -> PersonRow {
    PersonRow::active(
        MarketoId(n),
        instant(1_795_000_000_123 + n),
        Fields::from_iter([
            (Field::FirstName, format!("First{n}")),
            (Field::Email, format!("person{n}@example.com")),
            (Field::SfdcContactId, format!("0035g00000{n:05}AAA")),
        ]),
    )
}

/// An instant, of milliseconds since 1970.
pub(super) fn instant(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or_else(|error| panic!("{error}"))
}

/// The same row as the store gives it back after so many writes.
fn at(rev: u64, row: &PersonRow) -> PersonRow {
    PersonRow { rev, ..row.clone() }
}

/// Writes one row.
pub(super) async fn put(table: &dyn PeopleTable, row: &PersonRow, seen: Option<u64>) -> PutOutcome {
    let outcomes = ok(table.put(vec![RowWrite { row: row.clone(), seen }]).await);
    assert_eq!(outcomes.len(), 1, "one outcome for one write");
    outcomes[0]
}

/// Reads rows, in the order of their ids.
pub(super) async fn get(table: &dyn PeopleTable, ids: &[i64]) -> Vec<PersonRow> {
    let ids: Vec<_> = ids.iter().copied().map(MarketoId).collect();
    let mut rows = ok(table.get(&ids).await);
    rows.sort_by_key(|row| row.id);
    rows
}

async fn starts_empty(table: &dyn PeopleTable) {
    assert_eq!(ok(table.scan(None).await), (Vec::new(), None), "the contract needs an empty table");
    assert_eq!(ok(table.get(&[]).await), Vec::new());
    assert_eq!(ok(table.put(Vec::new()).await), Vec::new());
}

async fn inserts_once(table: &dyn PeopleTable) {
    let row = person(1);
    assert_eq!(put(table, &row, None).await, PutOutcome::Stored);
    assert_eq!(get(table, &[1]).await, [at(1, &row)]);

    let other = PersonRow { status: Status::Unqualified, ..row.clone() };
    assert_eq!(put(table, &other, None).await, PutOutcome::Conflict, "there is a row already");
    assert_eq!(get(table, &[1]).await, [at(1, &row)], "a conflict writes nothing");

    assert_eq!(put(table, &at(77, &person(2)), None).await, PutOutcome::Stored);
    assert_eq!(get(table, &[2]).await, [at(1, &person(2))], "the revision is the store's to give");
}

async fn replaces_what_was_seen(table: &dyn PeopleTable) {
    let first = person(10);
    assert_eq!(put(table, &first, Some(1)).await, PutOutcome::Conflict, "there is no row to replace");
    assert_eq!(get(table, &[10]).await, []);

    put(table, &first, None).await;
    let second = PersonRow { status: Status::Unqualified, fields: Fields::default(), ..first.clone() };
    assert_eq!(put(table, &second, Some(2)).await, PutOutcome::Conflict, "that revision is yet to come");
    assert_eq!(put(table, &second, Some(1)).await, PutOutcome::Stored);
    assert_eq!(get(table, &[10]).await, [at(2, &second)], "a replaced row keeps nothing of the one before");
    assert_eq!(put(table, &first, Some(1)).await, PutOutcome::Conflict, "that revision is gone");
    assert_eq!(put(table, &first, Some(2)).await, PutOutcome::Stored);
    assert_eq!(get(table, &[10]).await, [at(3, &first)]);
}

async fn lets_one_racer_win(table: &dyn PeopleTable) {
    let racer = |n: i64| PersonRow { as_of: instant(n), ..person(20) };
    for seen in [None, Some(1), Some(2)] {
        let racers: Vec<_> = (1..=8).map(racer).collect();
        let outcomes = join_all(racers.iter().map(|row| put(table, row, seen))).await;
        let winners: Vec<_> = outcomes.iter().zip(&racers).filter(|(o, _)| **o == PutOutcome::Stored).collect();
        assert_eq!(winners.len(), 1, "of writers that saw {seen:?}, one wins: {outcomes:?}");
        assert_eq!(get(table, &[20]).await, [at(seen.unwrap_or(0) + 1, winners[0].1)], "the winner's row is stored");
    }
    let (a, b) = join(put(table, &racer(100), Some(3)), put(table, &racer(101), Some(2))).await;
    assert_eq!((a, b), (PutOutcome::Stored, PutOutcome::Conflict));
}

async fn refuses_one_person_twice(table: &dyn PeopleTable) {
    let write = RowWrite { row: person(30), seen: None };
    fails(table.put(vec![write.clone(), write]).await, FailureKind::BadRequest);
    assert_eq!(get(table, &[30]).await, [], "nothing of a refused put is written");
}

/// A thousand writes of four kinds in one put, shuffled together; rows are large enough that a scan needs several pages.
async fn puts_many_in_order(table: &dyn PeopleTable) {
    let large = |n: i64, size: usize| PersonRow {
        extra: BTreeMap::from([("description".to_owned(), "x".repeat(size))]),
        ..person(n)
    };
    let ids: Vec<i64> = (1_000..2_000).collect();
    let before = ids.iter().filter(|n| *n % 2 == 0).map(|n| RowWrite { row: large(*n, 10), seen: None }).collect();
    assert_eq!(ok(table.put(before).await), vec![PutOutcome::Stored; 500]);

    // By remainder: 0 replaces, 1 inserts, 2 inserts where a row is, 3 replaces where none is.
    let seen = |n: i64| if n % 4 == 0 || n % 4 == 3 { Some(1) } else { None };
    let writes: Vec<_> =
        ids.iter().map(|n| (n * 7) % 1_000 + 1_000).map(|n| RowWrite { row: large(n, 3_000), seen: seen(n) }).collect();
    let expected: Vec<_> = writes
        .iter()
        .map(|write| if write.row.id.0 % 4 < 2 { PutOutcome::Stored } else { PutOutcome::Conflict })
        .collect();
    assert_eq!(ok(table.put(writes).await), expected, "outcomes stand in the order of the writes");

    let stored = get(table, &ids).await;
    let expected: Vec<_> = ids
        .iter()
        .filter(|n| *n % 4 != 3)
        .map(|n| match n % 4 {
            0 => at(2, &large(*n, 3_000)),
            1 => at(1, &large(*n, 3_000)),
            _ => at(1, &large(*n, 10)),
        })
        .collect();
    assert!(stored == expected, "stored rows are the ones whose writes were reported as stored");
}

async fn gets_what_is_there(table: &dyn PeopleTable) {
    assert_eq!(get(table, &[-5, 999_999]).await, [], "absent rows are left out");
    let twice: Vec<i64> = (0..350).flat_map(|n| [1_001 + 4 * (n % 50), 900_000 + n]).collect();
    let found: Vec<_> = get(table, &twice).await.into_iter().map(|row| row.id.0).collect();
    let expected: Vec<_> = (0..50).map(|n| 1_001 + 4 * n).collect();
    assert_eq!(found, expected, "each row comes once, however often it was asked for");
}

async fn scans_each_row_once(table: &dyn PeopleTable) {
    let mut scanned = Vec::new();
    let (mut from, mut pages) = (None, 0);
    loop {
        let (rows, next) = ok(table.scan(from).await);
        scanned.extend(rows);
        pages += 1;
        assert!(pages < 100, "a scan comes to its end");
        from = next;
        if from.is_none() {
            break;
        }
    }
    assert!(pages > 1, "the rows are too few to try pages");
    scanned.sort_by_key(|row| row.id);
    let ids: Vec<_> = scanned.iter().map(|row| row.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "no row comes twice");
    let mut one_by_one = ok(table.get(&ids).await);
    one_by_one.sort_by_key(|row| row.id);
    assert!(scanned == one_by_one, "a scan gives whole rows");
    assert_eq!(ids.iter().filter(|id| (1_000..2_000).contains(&id.0)).count(), 750, "no row is missed");
}
