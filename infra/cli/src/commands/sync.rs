//! `sync`: initial sync where there was none, then changes until caught up.

use std::path::Path;
use std::time::Instant;

use domain::people::{PersonRow, WriteCounts};
use marketo::ClientStats;
use serde::Serialize;

use crate::embedded::Embedded;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::people_table::{self, Counts};
use crate::state_dir::StateDir;
use crate::{drive, output};

/// Figures of a run; the keys are a contract.
#[derive(Serialize)]
pub struct Figures {
    pub people: Counts,
    pub marketo: ClientStats,
    pub writes: WriteCounts,
    pub seconds: f64,
    pub verified: bool,
}

pub async fn run(
    state: Option<&Path>,
    dump: Option<&Path>,
    json: Option<&Path>,
    full: bool,
) -> Result<(), CommandFailure> {
    let began = Instant::now();
    let state = state.map(StateDir::open_or_create).transpose()?;
    let embedded = Embedded::start(Environment::from_process().await?, state).await?;
    let writes = drive::until_in_step(&embedded, full).await?;
    let rows = people_table::all(&*embedded.initial.people).await?;
    if let Some(path) = dump {
        people_table::dump(&rows, path)?;
    }
    let figures = figures(&embedded, &ClientStats::default(), &rows, writes, began);
    output::json(json, &figures)?;
    let (people, calls) = (figures.people, figures.marketo.calls);
    output::line(format!(
        "people: {} active, {} unqualified, {} deleted, {} merged; written {}, unchanged {}; {calls} Marketo calls in {:.1} s",
        people.active, people.unqualified, people.deleted, people.merged, writes.put, writes.unchanged, figures.seconds
    ));
    Ok(())
}

/// Figures since `before` of a run that ended well: every export was checked against its size, checksum and row count, every batch has its receipt,
/// and the change streams were read to their end.
pub fn figures(
    embedded: &Embedded,
    before: &ClientStats,
    rows: &[PersonRow],
    writes: WriteCounts,
    began: Instant,
) -> Figures {
    let mut marketo = embedded.client_stats();
    marketo.calls -= before.calls;
    marketo.export_bytes -= before.export_bytes;
    for (endpoint, calls) in &mut marketo.by_endpoint {
        *calls -= before.by_endpoint.get(endpoint).copied().unwrap_or(0);
    }
    marketo.by_endpoint.retain(|_, calls| *calls > 0);
    Figures {
        people: people_table::count(rows),
        marketo,
        writes,
        seconds: began.elapsed().as_secs_f64(),
        verified: true,
    }
}
