//! Places on shelves, in whole milliseconds, as both families and all tables with shelves have them. Must not know what lies on a shelf.

use domain::Timestamp;
use domain::ports::Shelf;

/// The part of a shelf that is listed, in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct Span<'a, K> {
    /// The last instant.
    pub until: i64,
    /// The place behind which it begins.
    pub from: Option<(i64, &'a K)>,
}

/// The span of a listing; `None` where it begins behind its end, which DynamoDB refuses to look for.
pub(crate) fn span<K>(until: Timestamp, from: Option<(Timestamp, &K)>) -> Option<Span<'_, K>> {
    let span = Span { until: milliseconds(until), from: from.map(|(at, key)| (milliseconds(at), key)) };
    Some(span).filter(|span| span.from.is_none_or(|(at, _)| at <= span.until))
}

/// An instant in whole milliseconds since 1970, rounded down, before 1970 too. As everything is rounded alike, what is not after a bound
/// is found; what is after it by less than a millisecond is found as well, too early by that much.
pub(crate) fn milliseconds(instant: Timestamp) -> i64 {
    // An instant's nanoseconds need more than 64 bits, its milliseconds far fewer.
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

/// The name of a shelf in tables.
pub(crate) fn shelf_name(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Due => "due",
        Shelf::Rejected => "rejected",
    }
}
