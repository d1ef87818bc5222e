//! Queries and their pages.
//! Must not know how a query is run.

use serde_json::json;

use super::call::{Call, Outcome, reply};
use super::render::push_record;
use crate::soql::{self, Cursor};
use crate::world::failure::Failure;
use crate::world::id::Id;
use crate::world::state::State;
use crate::world::values::push_text;

/// Page sizes that may be asked for.
const LEAST_PAGE: usize = 200;
const MOST_PAGE: usize = 2_000;

pub(crate) fn query(call: &Call) -> Outcome {
    run(call, false)
}

pub(crate) fn query_all(call: &Call) -> Outcome {
    run(call, true)
}

fn run(call: &Call, all: bool) -> Outcome {
    let text =
        call.param("q").ok_or_else(|| Failure::new("MALFORMED_QUERY", "The parameter q with the query is missing"))?;
    let query = soql::parse(text)?;
    let most = call.service.limits().open_cursors;
    call.service.with_state(|state, now_ms| {
        let plan = soql::bind(&query, &state.schema, now_ms.div_euclid(1000))?;
        let cursor = state.run(plan, all, page_size(call), now_ms);
        if cursor.plan.count {
            return reply(200, json!({ "totalSize": cursor.total, "done": true, "records": [] }));
        }
        if cursor.rows.len() <= cursor.page {
            return page(call, state, &cursor, "", 0, now_ms);
        }
        let name = Id::make("01g", state.dice.roll() >> 8).to_string();
        state.cursors.push_back((name.clone(), cursor));
        while state.cursors.len() > most.max(1) {
            state.cursors.pop_front();
        }
        open_page(call, state, &name, 0, now_ms)
    })
}

fn page_size(call: &Call) -> usize {
    let options = call.header("sforce-query-options").unwrap_or_default();
    let wanted = options.split([',', ';']).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("batchSize").then(|| value.trim().parse().ok())?
    });
    wanted.unwrap_or(MOST_PAGE).clamp(LEAST_PAGE, MOST_PAGE)
}

/// `01g…-2000`.
pub(crate) fn more(call: &Call) -> Outcome {
    let invalid = || Failure::new("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (name, from) = call.part(0).rsplit_once('-').ok_or_else(invalid)?;
    let from: usize = from.parse().map_err(|_| invalid())?;
    call.service.with_state(|state, now_ms| open_page(call, state, name, from, now_ms))
}

fn open_page(call: &Call, state: &mut State, name: &str, from: usize, now_ms: i64) -> Outcome {
    let invalid = || Failure::new("INVALID_QUERY_LOCATOR", "invalid query locator");
    let at = state.cursors.iter().position(|(known, _)| known == name).ok_or_else(invalid)?;
    let Some((_, cursor)) = state.cursors.get(at).filter(|(_, cursor)| from < cursor.total) else {
        return Err(invalid());
    };
    page(call, state, cursor, name, from, now_ms)
}

fn page(call: &Call, state: &State, cursor: &Cursor, name: &str, from: usize, now_ms: i64) -> Outcome {
    let end = (from + cursor.page).min(cursor.rows.len());
    let rows = cursor.rows.get(from..end).unwrap_or_default();
    let mut out = String::with_capacity(rows.len() * 40 * (cursor.plan.columns.len() + 3) + 100);
    let done = end == cursor.rows.len();
    out.push_str(&format!("{{\"totalSize\":{},\"done\":{done},", cursor.total));
    if !done {
        out.push_str("\"nextRecordsUrl\":");
        push_text(&mut out, &format!("/services/data/{}/query/{name}-{end}", call.version));
        out.push(',');
    }
    out.push_str("\"records\":[");
    for (nth, row) in rows.iter().enumerate() {
        if nth > 0 {
            out.push(',');
        }
        push_record(&mut out, state, cursor.plan.object, row, &cursor.plan.columns, (&call.version, now_ms));
    }
    out.push_str("]}");
    reply(200, out)
}
