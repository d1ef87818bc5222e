//! `log`: feeds sales activities to the logger until each is logged everywhere its settings say, or refused.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use domain::activities::{ActivityId, Destination, Entry, Progress};
use domain::ports::MAX_MESSAGE_BYTES;
use serde::Serialize;

use super::open_logging;
use crate::failure::CommandFailure;
use crate::logging::{self, Logging};
use crate::output;

/// Lines that cannot be used and are named one by one; the rest is counted.
const MAX_NAMED: usize = 20;

/// Figures of a run; the keys are a contract.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub accepted: u64,
    pub invalid: u64,
    pub marketo: Counts,
    pub salesforce: Counts,
}

/// What became of the accepted at one destination.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub logged: u64,
    pub rejected: u64,
    pub skipped: u64,
}

pub async fn run(state: &Path, activities: &Path, json: Option<&Path>) -> Result<(), CommandFailure> {
    let lines = read(activities)?;
    let logging = open_logging(Some(state)).await?;
    let figures = log(&logging, lines).await?;
    output::json(json, &figures)?;
    let of = |name: &str, counts: &Counts| {
        format!("{name}: {} logged, {} rejected, {} skipped", counts.logged, counts.rejected, counts.skipped)
    };
    output::line(format!(
        "activities: {} accepted, {} invalid; {}; {}",
        figures.accepted,
        figures.invalid,
        of("Marketo", &figures.marketo),
        of("Salesforce", &figures.salesforce)
    ));
    if figures.marketo.rejected + figures.salesforce.rejected > 0 {
        output::line("`actions-sync rejects list` says why those are not logged, and when they are tried again");
    }
    Ok(())
}

/// Logs the lines, and says which cannot be used.
pub async fn log(logging: &Logging, lines: Vec<(usize, String)>) -> Result<Figures, CommandFailure> {
    let taken = logging::log(logging, lines).await?;
    for (line, unusable) in taken.unusable.iter().take(MAX_NAMED) {
        eprintln!("line {line} is no sales activity: {unusable}");
    }
    if taken.unusable.len() > MAX_NAMED {
        eprintln!("and {} more lines", taken.unusable.len() - MAX_NAMED);
    }
    if taken.planned > 0 {
        output::line(format!(
            "dry run (setting log.dryRun): {} records would be written, and were not; they wait in the ledger",
            taken.planned
        ));
    }
    figures(logging, &taken.ids, taken.unusable.len() as u64).await
}

async fn figures(logging: &Logging, ids: &BTreeSet<ActivityId>, invalid: u64) -> Result<Figures, CommandFailure> {
    let entries = logging::entries(&logging.ports, ids).await?;
    let mut figures = Figures { accepted: ids.len() as u64, invalid, ..Figures::default() };
    for entry in &entries {
        count(&mut figures.marketo, entry, Destination::Marketo);
        count(&mut figures.salesforce, entry, Destination::Salesforce);
    }
    Ok(figures)
}

fn count(counts: &mut Counts, entry: &Entry, destination: Destination) {
    match entry.at(destination) {
        Progress::Done { .. } => counts.logged += 1,
        Progress::Skipped { .. } => counts.skipped += 1,
        Progress::Due { trouble: Some(_), .. } | Progress::Rejected { .. } => counts.rejected += 1,
        // Held back by a dry run.
        Progress::Due { trouble: None, .. } => {}
    }
}

/// The lines that are not blank, with their numbers from 1. A line longer than a message may be is read no further than that, and is then
/// no JSON.
fn read(path: &Path) -> Result<Vec<(usize, String)>, CommandFailure> {
    let cannot = |e: std::io::Error| CommandFailure::Usage(format!("{} cannot be read: {e}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(cannot)?);
    let mut lines = Vec::new();
    for number in 1.. {
        let mut line = Vec::new();
        let most = MAX_MESSAGE_BYTES as u64 + 1;
        if reader.by_ref().take(most).read_until(b'\n', &mut line).map_err(cannot)? == 0 {
            break;
        }
        if line.len() as u64 == most && !line.ends_with(b"\n") {
            reader.skip_until(b'\n').map_err(cannot)?;
        }
        let text = String::from_utf8_lossy(&line);
        if !text.trim().is_empty() {
            lines.push((number, text.trim().to_owned()));
        }
    }
    Ok(lines)
}
