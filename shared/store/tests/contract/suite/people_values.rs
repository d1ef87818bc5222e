//! What every people table must keep of a row, and under which addresses it finds it.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::people::{Field, Fields, MarketoId, PersonRow, Status};
use domain::ports::{PeopleTable, PutOutcome};

use super::ok;
use super::people::{get, instant, person, put};

/// No ids.
const NOBODY: [i64; 0] = [];

/// Texts that go wrong where somebody trims, escapes or normalises.
pub(super) fn texts() -> Vec<String> {
    let longest = "Ä".repeat(255);
    let control: String = ('\u{1}'..='\u{1F}').chain(['\u{7F}', '\u{85}', '\u{2028}', '\u{FFFF}']).collect();
    [
        "",
        " ",
        "  leading and trailing  ",
        "O'Brien \"Bob\" \\ `x` ; -- ? {'a': ?}",
        "line\nline\r\n\ttab",
        "👩‍👩‍👧 e\u{301} é \u{FEFF}",
        "NULL",
        &longest,
        &control,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Every value comes back as it was written, byte for byte.
pub(super) async fn keep_every_value(table: &dyn PeopleTable) {
    let mut rows: Vec<PersonRow> = Vec::new();
    for (n, text) in (3_000..).zip(texts()) {
        rows.push(PersonRow {
            fields: Field::ALL.into_iter().map(|field| (field, text.clone())).collect(),
            extra: BTreeMap::from([("plain".to_owned(), text.clone()), (format!("named {text}"), String::new())]),
            opportunity: Some(text),
            ..person(n)
        });
    }
    for (n, status) in (3_100..).zip([Status::Active, Status::Unqualified, Status::Deleted, Status::Merged]) {
        rows.push(PersonRow {
            status,
            merged_into: Some(MarketoId(i64::MAX)),
            opportunity_as_of: Some(instant(-1)),
            shadow: status == Status::Unqualified,
            ..person(n)
        });
    }
    rows.push(PersonRow { fields: Fields::default(), as_of: instant(0), ..person(3_200) });
    for field in Field::ALL {
        rows.push(PersonRow {
            fields: Fields::from_iter([(field, "alone".to_owned())]),
            ..person(3_300 + field as i64)
        });
    }
    for row in rows {
        for (seen, rev) in [(None, 1), (Some(1), 2)] {
            assert_eq!(put(table, &row, seen).await, PutOutcome::Stored);
            assert_eq!(get(table, &[row.id.0]).await, [PersonRow { rev, ..row.clone() }]);
        }
    }
    keep_milliseconds(table).await;
}

/// Instants are kept to the millisecond, and what is finer is cut off.
async fn keep_milliseconds(table: &dyn PeopleTable) {
    let fine: Timestamp = "2026-11-24T03:08:01.123999999Z".parse().unwrap_or_else(|error| panic!("{error}"));
    let cut = instant(fine.as_millisecond());
    for (seen, rev) in [(None, 1), (Some(1), 2)] {
        put(table, &PersonRow { as_of: fine, opportunity_as_of: Some(fine), ..person(3_400) }, seen).await;
        let expected = PersonRow { as_of: cut, opportunity_as_of: Some(cut), rev, ..person(3_400) };
        assert_eq!(get(table, &[3_400]).await, [expected]);
    }
}

/// The row of a person with another address.
fn addressed(n: i64, email: &str) -> PersonRow {
    let mut row = person(n);
    row.fields.set(Field::Email, Some(email));
    row
}

/// The ids found under an address, in their order.
async fn found(table: &dyn PeopleTable, email: &str) -> Vec<i64> {
    let mut ids: Vec<_> = ok(table.by_email(email).await).into_iter().map(|row| row.id.0).collect();
    ids.sort_unstable();
    ids
}

/// Rows are found by address, and no longer once they have another or are gone.
pub(super) async fn are_found_by_email(table: &dyn PeopleTable) {
    assert_eq!(found(table, "nobody@example.com").await, NOBODY);
    assert_eq!(found(table, "  ").await, NOBODY, "no address is nobody's address");

    for (n, email) in
        [(4_000, "Zoë.Mixed@Example.com"), (4_001, " zoë.mixed@example.com "), (4_002, "ZOË.MIXED@EXAMPLE.COM")]
    {
        put(table, &addressed(n, email), None).await;
    }
    for asked in ["zoë.mixed@example.com", "Zoë.Mixed@Example.Com  "] {
        assert_eq!(found(table, asked).await, [4_000, 4_001, 4_002], "upper and lower case are alike");
    }
    let whole = ok(table.by_email("person4100@example.com").await);
    assert_eq!(whole, []);
    put(table, &person(4_100), None).await;
    let whole = ok(table.by_email("person4100@example.com").await);
    assert_eq!(whole, [PersonRow { rev: 1, ..person(4_100) }], "the whole row is found");

    put(table, &addressed(4_000, "moved@example.com"), Some(1)).await;
    assert_eq!(found(table, "zoë.mixed@example.com").await, [4_001, 4_002], "the former address is forgotten");
    assert_eq!(found(table, "moved@example.com").await, [4_000]);

    let mut nameless = person(4_001);
    nameless.fields.set(Field::Email, None);
    put(table, &nameless, Some(1)).await;
    put(table, &PersonRow { status: Status::Unqualified, ..addressed(4_002, "zoë.mixed@example.com") }, Some(1)).await;
    assert_eq!(found(table, "zoë.mixed@example.com").await, [4_002], "who no longer qualifies is still found");

    put(table, &PersonRow { shadow: true, ..addressed(4_002, "zoë.mixed@example.com") }, Some(2)).await;
    put(table, &PersonRow { status: Status::Deleted, ..addressed(4_000, "moved@example.com") }, Some(1)).await;
    put(table, &PersonRow { status: Status::Merged, ..addressed(4_003, "moved@example.com") }, None).await;
    assert_eq!(found(table, "zoë.mixed@example.com").await, NOBODY, "shadows are not found");
    assert_eq!(
        found(table, "moved@example.com").await,
        [4_000],
        "this write saw revision 1 of 2, so it changed nothing"
    );
    put(table, &PersonRow { status: Status::Deleted, ..addressed(4_000, "moved@example.com") }, Some(2)).await;
    assert_eq!(found(table, "moved@example.com").await, NOBODY, "the deleted and the merged are not found");

    let endless = format!("{}@example.com", "a".repeat(3_000));
    put(table, &addressed(4_200, &endless), None).await;
    assert_eq!(get(table, &[4_200]).await.len(), 1, "an address too long to be found by is stored all the same");
    assert_eq!(found(table, &endless).await, NOBODY);
}

/// A task in Salesforce names a contact or lead; whoever it belongs to is found, deleted and merged people included.
pub(super) async fn are_found_by_salesforce_id(table: &dyn PeopleTable) {
    let of = async |id: &str| {
        let rows = ok(table.by_salesforce_id(id).await);
        rows.into_iter().map(|row| row.id.0).collect::<Vec<_>>()
    };
    let numbered = |n: i64, field, id: &str| {
        let mut row = person(n);
        row.fields.set(Field::SfdcContactId, None);
        row.fields.set(field, Some(id));
        row
    };
    assert_eq!(of("0035g00000XXXXXAAA").await, NOBODY);
    let contact = numbered(6_000, Field::SfdcContactId, "0035g0000SAMEAAAAA");
    put(table, &contact, None).await;
    put(table, &numbered(6_001, Field::SfdcLeadId, "00Q5g0000LEADAAAAA"), None).await;
    assert_eq!((of("0035g0000SAMEAAAAA").await, of("00Q5g0000LEADAAAAA").await), (vec![6_000], vec![6_001]));
    put(table, &numbered(6_000, Field::SfdcContactId, "0035g000OTHERAAAAA"), Some(1)).await;
    assert_eq!((of("0035g0000SAMEAAAAA").await, of("0035g000OTHERAAAAA").await), (NOBODY.to_vec(), vec![6_000]));
    put(
        table,
        &PersonRow { status: Status::Deleted, ..numbered(6_001, Field::SfdcLeadId, "00Q5g0000LEADAAAAA") },
        Some(1),
    )
    .await;
    assert_eq!(of("00Q5g0000LEADAAAAA").await, [6_001]);
    put(table, &PersonRow { shadow: true, ..numbered(6_001, Field::SfdcLeadId, "00Q5g0000LEADAAAAA") }, Some(2)).await;
    assert_eq!(of("00Q5g0000LEADAAAAA").await, NOBODY);
}
