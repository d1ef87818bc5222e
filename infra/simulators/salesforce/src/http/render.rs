//! Records as JSON, with their attributes and the records that they refer to.
//! Must not know calls.

use std::sync::Arc;

use crate::soql::Path;
use crate::world::row::Row;
use crate::world::state::State;
use crate::world::values::{push_json, push_text};

/// Opens a record: `{"attributes":{…}`.
fn push_attributes(out: &mut String, object: &str, row: &Row, version: &str) {
    let id = row.id;
    out.push_str(&format!(
        "{{\"attributes\":{{\"type\":\"{object}\",\"url\":\"/services/data/{version}/sobjects/{object}/{id}\"}}"
    ));
}

/// Appends a record with these columns. Columns of the same reference are put together, in the place of the first.
pub(crate) fn push_record(
    out: &mut String,
    state: &State,
    object: usize,
    row: &Row,
    columns: &[Path],
    (version, now_ms): (&str, i64),
) {
    let reader = state.reader(now_ms);
    push_attributes(out, state.schema.objects[object].name, row, version);
    let mut followed: Vec<&str> = Vec::new();
    for column in columns {
        let Some((reference, name)) = column.via else {
            out.push(',');
            push_text(out, &column.name);
            out.push(':');
            push_json(out, &reader.at(column, object, row));
            continue;
        };
        if followed.contains(&name) {
            continue;
        }
        followed.push(name);
        out.push(',');
        push_text(out, name);
        out.push(':');
        let Some((target, found)) = reader.follow(reference, object, row) else {
            out.push_str("null");
            continue;
        };
        push_attributes(out, state.schema.objects[target].name, &found, version);
        for part in columns.iter().filter(|part| part.via.is_some_and(|(_, other)| other == name)) {
            out.push(',');
            push_text(out, &part.name);
            out.push(':');
            push_json(out, &reader.at(part, object, row));
        }
        out.push('}');
    }
    out.push('}');
}

/// A record with these fields, or with all that the integration user sees.
pub(crate) fn record(
    state: &State,
    object: usize,
    row: &Arc<Row>,
    columns: &[Path],
    version: &str,
    now_ms: i64,
) -> String {
    let mut out = String::with_capacity(48 * columns.len());
    push_record(&mut out, state, object, row, columns, (version, now_ms));
    out
}
