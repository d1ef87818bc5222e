//! `optout add`, `optout remove`, `optout list` and `optout import`.

use std::fs::File;
use std::path::Path;

use domain::Timestamp;
use domain::opt_outs::{self, Address, Event, OptOut, Restored, Said, Source};
use serde::Serialize;

use crate::args::OptoutAction;
use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::opt_outs::OptOuts;
use crate::output;
use crate::state_dir::StateDir;

/// Lines that cannot be used and are named one by one; the rest is counted.
const MAX_NAMED: usize = 20;
/// Opt-outs of a list taken in at a time.
const AT_ONCE: usize = 500;

pub async fn run(action: OptoutAction) -> Result<(), CommandFailure> {
    match action {
        OptoutAction::Add { email, source, reason, state } => add(&email, &source, reason, &state).await,
        OptoutAction::Remove { email, reason, state } => remove(&email, reason, &state).await,
        OptoutAction::List { state } => list(&state).await,
        OptoutAction::Import { file, source, state } => import(&file, &source, &state).await,
    }
}

/// An address that somebody typed.
pub fn address(email: &str) -> Result<Address, CommandFailure> {
    Address::of(email).ok_or_else(|| CommandFailure::Usage("that is no email address".into()))
}

fn source(text: &str) -> Result<Source, CommandFailure> {
    Source::parse(text).map_err(|failure| CommandFailure::Usage(failure.message))
}

fn operator() -> Option<String> {
    std::env::var("USER").or_else(|_| std::env::var("USERNAME")).ok()
}

async fn add(email: &str, from: &str, reason: Option<String>, state: &Path) -> Result<(), CommandFailure> {
    let (address, source) = (address(email)?, source(from)?);
    let opt_outs = OptOuts::open(state).await?;
    let event = opt_outs::event(&*opt_outs.ports.clock, source, reason, operator());
    let said = [Said { address: address.clone(), event, message: None }];
    let added = opt_outs::add(&*opt_outs.ports.register, &said).await?;
    output::line(if added.new > 0 { "opted out" } else { "had opted out before" });
    match opt_outs.push(&[address]).await? {
        None => output::line("Salesforce knows, where it has the address"),
        Some(why) => eprintln!("it is not in Salesforce yet, and follows with the next pass: {why}"),
    }
    Ok(())
}

async fn remove(email: &str, reason: Option<String>, state: &Path) -> Result<(), CommandFailure> {
    let address = address(email)?;
    let Some(reason) = reason.filter(|reason| !reason.trim().is_empty()) else {
        let text = "a resubscribe needs --reason: how the person gave new consent, and where that is documented";
        return Err(CommandFailure::Usage(text.into()));
    };
    let opt_outs = OptOuts::open(state).await?;
    let done = opt_outs::resubscribe(&opt_outs.ports, &address, &reason, operator()).await?;
    if !done.here && done.in_salesforce == 0 && done.settled == 0 {
        output::line("the address had not opted out; nothing was changed");
        return Ok(());
    }
    output::line(format!("resubscribed; {} boxes cleared in Salesforce", done.in_salesforce));
    if done.settled > 0 {
        output::line(format!(
            "{} deleted or converted records stay ticked there, as nobody can change them; they count no more",
            done.settled
        ));
    }
    Ok(())
}

/// A line of the listing; the keys are a contract.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    email: &'a str,
    opted_out: bool,
    source: Source,
    reason: Option<&'a str>,
    at: Timestamp,
    /// Boxes that were unticked in Salesforce alone, and ticked again.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    restored: &'a [Restored],
}

async fn list(state: &Path) -> Result<(), CommandFailure> {
    let tables = LocalTables::open(Some(StateDir::open(state)?)).await?;
    let mut entries: Vec<OptOut> = Vec::new();
    opt_outs::for_each(&*tables.opt_outs(), |entry| {
        entries.push(entry);
        Ok(())
    })
    .await?;
    entries.sort_by(|a, b| a.address.cmp(&b.address));
    for entry in &entries {
        // What only Marketo said of an address is no opt-out of ours.
        let Some(event) = entry.decisive() else { continue };
        let line = Line {
            email: entry.address.as_str(),
            opted_out: entry.opted_out,
            source: event.source,
            reason: event.reason.as_deref(),
            at: event.at,
            restored: &entry.restored,
        };
        output::line(serde_json::to_string(&line)?);
    }
    Ok(())
}

async fn import(file: &Path, from: &str, state: &Path) -> Result<(), CommandFailure> {
    let source = source(from)?;
    let opt_outs = OptOuts::open(state).await?;
    let (said, unusable) = read(file, source, opt_outs.ports.clock.now())?;
    let mut added = opt_outs::Added::default();
    for some in said.chunks(AT_ONCE) {
        let done = opt_outs::add(&*opt_outs.ports.register, some).await?;
        added.new += done.new;
        added.known += done.known;
    }
    output::line(format!(
        "{} opted out, {} had opted out before, {} lines cannot be used",
        added.new,
        added.known,
        unusable.len()
    ));
    let addresses: Vec<Address> = said.into_iter().map(|said| said.address).collect();
    if let Some(why) = opt_outs.push(&addresses).await? {
        eprintln!("they are not all in Salesforce yet, and follow with the next pass: {why}");
    }
    for (line, why) in unusable.iter().take(MAX_NAMED) {
        eprintln!("line {line}: {why}");
    }
    if unusable.is_empty() {
        return Ok(());
    }
    Err(CommandFailure::Wrong(
        "put those lines right and import the file again; what was taken in is not taken in twice".into(),
    ))
}

/// What a file says, and the lines that say nothing, with why.
type Lines = (Vec<Said>, Vec<(u64, &'static str)>);

/// The opt-outs of a list, and its lines that cannot be used.
fn read(file: &Path, source: Source, now: Timestamp) -> Result<Lines, CommandFailure> {
    let cannot = |why: String| CommandFailure::Usage(format!("{} cannot be read: {why}", file.display()));
    let opened = File::open(file).map_err(|error| cannot(error.to_string()))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(opened);
    let headers = reader.headers().map_err(|_| cannot("it has no header line".into()))?.clone();
    let column = |names: &[&str]| {
        let is = |header: &str| {
            names.iter().any(|name| header.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case(name))
        };
        headers.iter().position(is)
    };
    let Some(email) = column(&["email", "email address", "e-mail"]) else {
        return Err(cannot("its header line names no column `email`".into()));
    };
    let (reason, date) = (column(&["reason"]), column(&["at", "date"]));
    let (mut said, mut unusable) = (Vec::new(), Vec::new());
    for record in reader.records() {
        // The parser's own words would quote the line.
        let Ok(record) = record else {
            unusable.push((0, "is no text of comma-separated values"));
            continue;
        };
        let line = record.position().map_or(0, csv::Position::line);
        let value =
            |column: Option<usize>| column.and_then(|at| record.get(at)).map(str::trim).filter(|v| !v.is_empty());
        let Some(address) = value(Some(email)).and_then(Address::of) else {
            unusable.push((line, "has no email address"));
            continue;
        };
        let at = match value(date).map(moment) {
            None => now,
            Some(Some(at)) => at.min(now),
            Some(None) => {
                unusable.push((line, "has a date that is none: write 2026-01-31 or 2026-01-31T10:00:00Z"));
                continue;
            }
        };
        let reason = value(reason).map(str::to_owned);
        let event = Event { at, opted_out: true, source, reason, by: operator() };
        said.push(Said { address, event, message: None });
    }
    Ok((said, unusable))
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| format!("{text}T00:00:00Z").parse().ok())
}
