//! Which records of an object were changed or deleted within a span of time.
//! Must not know queries.

use serde_json::{Value, json};

use super::call::{Call, Outcome, reply};
use crate::clock::{DAY, parse_time, time_text};
use crate::world::failure::Failure;

const UPDATED_DAYS: i64 = 30;
const DELETED_DAYS: i64 = 15;
const MOST_IDS: usize = 600_000;

/// The span that a call asks for, in whole minutes, as far as the clock has come.
fn span(call: &Call, now: i64, most_days: i64) -> Result<(i64, i64), Failure> {
    let time = |name: &str| {
        // A plus sign that was not encoded has become a blank.
        let value = call.param(name).map(|text| text.replace(' ', "+"));
        let wrong = || Failure::new("INVALID_REPLICATION_DATE", format!("{name} must be a time with a zone"));
        value.and_then(|text| parse_time(&text)).map(|time| time - time.rem_euclid(60)).ok_or_else(wrong)
    };
    let (start, end) = (time("start")?, time("end")?);
    if start >= end {
        return Err(Failure::new("INVALID_REPLICATION_DATE", "start must be at least a minute before end"));
    }
    if start < now - most_days * DAY {
        let message = format!("start must not lie more than {most_days} days back");
        return Err(Failure::new("INVALID_REPLICATION_DATE", message));
    }
    let lag = i64::try_from(call.service.config.replication_lag_seconds).unwrap_or(0);
    Ok((start, end.min(now - lag)))
}

pub(crate) fn updated(call: &Call) -> Outcome {
    call.service.with_state(|state, now_ms| {
        let object = call.object(state)?;
        let (start, end) = span(call, now_ms.div_euclid(1000), UPDATED_DAYS)?;
        let table = &state.tables[object];
        let mut ids: Vec<_> = table
            .stamped(start, i64::MAX)
            .filter_map(|id| table.seen(id, now_ms))
            .filter(|row| !row.deleted && (start..=end).contains(&row.modstamp))
            .map(|row| row.id)
            .collect();
        ids.sort_unstable();
        if ids.len() > MOST_IDS {
            return Err(Failure::new("EXCEEDED_ID_LIMIT", "more than 600000 ids: ask for a shorter span"));
        }
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        reply(200, json!({ "ids": ids, "latestDateCovered": time_text(end) }))
    })
}

pub(crate) fn deleted(call: &Call) -> Outcome {
    call.service.with_state(|state, now_ms| {
        let object = call.object(state)?;
        let now = now_ms.div_euclid(1000);
        let (start, end) = span(call, now, DELETED_DAYS)?;
        let earliest = state.purged_until.max(now - DELETED_DAYS * DAY);
        if start < state.purged_until {
            let message = "the log of deletions was purged since start: read everything anew";
            return Err(Failure::new("INVALID_REPLICATION_DATE", message));
        }
        let table = &state.tables[object];
        let mut rows: Vec<_> = table
            .stamped(start, end)
            .filter_map(|id| table.seen(id, now_ms))
            .filter(|row| row.deleted && (start..=end).contains(&row.modstamp))
            .collect();
        rows.sort_unstable_by_key(|row| (row.modstamp, row.id));
        let records: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "id": row.id.to_string(), "deletedDate": time_text(row.modstamp) }))
            .collect();
        reply(
            200,
            json!({
                "deletedRecords": records,
                "earliestDateAvailable": time_text(earliest),
                "latestDateCovered": time_text(end),
            }),
        )
    })
}
