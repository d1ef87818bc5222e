//! `verify`: compares the people table with Marketo; exit 1 on drift.

use std::path::Path;

use domain::verify::{self, Drift};

use super::open;
use crate::failure::CommandFailure;
use crate::output;

pub async fn run(state: &Path, json: Option<&Path>) -> Result<(), CommandFailure> {
    let embedded = open(state).await?;
    let found = verify::verify(&embedded.changes, embedded.environment.export_poll).await?;
    output::json(json, &found)?;
    output::line(format!(
        "Marketo: {} people, {} qualify; stored active: {}",
        found.in_marketo, found.qualifying, found.active_rows
    ));
    if found.stored_only {
        output::line(
            "note: the API user may not use bulk export, so only stored people were compared; who is missing was not looked for",
        );
    }
    if found.is_clean() {
        output::line("no drift");
        return Ok(());
    }
    for (name, drift) in [("missing", &found.missing), ("extra", &found.extra), ("different", &found.different)] {
        if drift.count > 0 {
            output::line(format!("{name}: {} ({})", drift.count, named(drift)));
        }
    }
    let repair = format!("run `actions-sync sync --state {} --full` to repair", state.display());
    Err(CommandFailure::Wrong(format!("the people table has drifted from Marketo; {repair}")))
}

fn named(drift: &Drift) -> String {
    let mut ids = drift.ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if drift.count > drift.ids.len() as u64 {
        ids.push_str(", …");
    }
    ids
}
