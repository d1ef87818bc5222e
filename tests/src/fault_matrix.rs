//! `cargo prove faults` and `cargo prove dynamodb-faults`: every fault at every place where it can happen, as a table of what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::{Table, presets};
use system_tests::faults::catalogue::{self, Cell, ENDPOINTS};
use system_tests::faults::dynamodb_proxy::OPERATIONS;
use system_tests::faults::{Played, play_all};

#[derive(clap::Args)]
pub struct Args {
    /// Only faults whose name contains this
    #[arg(long)]
    fault: Option<String>,
    /// Only places whose name contains this
    #[arg(long)]
    place: Option<String>,
    /// Show what the flow said of each
    #[arg(long)]
    pub messages: bool,
}

impl Args {
    /// Whether a fault at a place is asked for.
    pub fn want(&self, kind: &str, place: &str) -> bool {
        let named = |part: &Option<String>, name: &str| part.as_ref().is_none_or(|part| name.contains(part.as_str()));
        named(&self.fault, kind) && named(&self.place, place)
    }
}

pub fn marketo(args: &Args) -> ExitCode {
    let columns: Vec<&str> = ENDPOINTS.iter().map(|(name, _)| *name).collect();
    prove(args, catalogue::marketo(), &columns)
}

pub fn dynamodb(args: &Args) -> ExitCode {
    let columns: Vec<&str> = OPERATIONS.into_iter().chain([catalogue::ANY]).collect();
    prove(args, catalogue::dynamodb(), &columns)
}

fn prove(args: &Args, mut cells: Vec<Cell>, columns: &[&str]) -> ExitCode {
    cells.retain(|cell| args.want(cell.kind, cell.place));
    if cells.is_empty() {
        println!("no fault and place of these names");
        return ExitCode::FAILURE;
    }
    let began = Instant::now();
    let scripts: Vec<_> = cells.iter().map(|cell| cell.script.clone()).collect();
    let played = play_all(&scripts);
    println!("{}", table(&cells, &played, columns));
    if args.messages {
        show_messages(&cells, &played);
    }
    let wrong = show_wrong(&cells, &played);
    println!("{} stories in {:.0} s, {wrong} wrong", cells.len(), began.elapsed().as_secs_f64());
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(cell: &Cell) -> String {
    name_of(cell.kind, cell.lasting)
}

/// What a fault is called.
pub fn name_of(kind: &str, lasting: bool) -> String {
    format!("{kind}{}", if lasting { ", lasting" } else { "" })
}

/// What came of a cell, in a word.
fn word(cell: &Cell, played: &Played) -> String {
    match &played.outcome {
        Ok(outcome) if *outcome == cell.expected => outcome.to_string(),
        Ok(outcome) => format!("WRONG: {outcome}"),
        Err(_) => "WRONG".to_owned(),
    }
}

fn table(cells: &[Cell], played: &[Played], columns: &[&str]) -> Table {
    let mut order = Vec::new();
    let mut rows: BTreeMap<String, BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
    for (cell, played) in cells.iter().zip(played) {
        let name = name(cell);
        if !order.contains(&name) {
            order.push(name.clone());
        }
        rows.entry(name).or_default().entry(cell.place).or_default().insert(word(cell, played));
    }
    let used: Vec<&&str> =
        columns.iter().filter(|column| rows.values().any(|row| row.contains_key(**column))).collect();
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(std::iter::once("fault").chain(used.iter().map(|column| **column)));
    for name in order {
        let row = &rows[&name];
        let words = used.iter().map(|column| row.get(**column).map_or_else(String::new, joined));
        table.add_row(std::iter::once(name.clone()).chain(words));
    }
    table
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().cloned().collect::<Vec<_>>().join(" ")
}

fn show_messages(cells: &[Cell], played: &[Played]) {
    for (cell, played) in cells.iter().zip(played) {
        for message in &played.messages {
            println!("{} at {}: {message}", name(cell), cell.place);
        }
    }
}

fn show_wrong(cells: &[Cell], played: &[Played]) -> usize {
    let mut wrong = 0;
    for (cell, played) in cells.iter().zip(played) {
        let why = match &played.outcome {
            Ok(outcome) if *outcome == cell.expected => continue,
            Ok(outcome) => format!("it {outcome}, where {} is expected", cell.expected),
            Err(why) => why.clone(),
        };
        wrong += 1;
        println!("WRONG, {} at {}: {why}\n    {:?}", name(cell), cell.place, cell.script.trouble);
        for message in &played.messages {
            println!("    it said: {message}");
        }
    }
    wrong
}
