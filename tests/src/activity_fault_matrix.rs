//! `cargo prove activity-faults`: every fault of either vendor at every place of the activity flow, as a table of what came of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use comfy_table::{Table, presets};
use system_tests::activity_faults::{Outcome, Story, play, stories};

#[derive(clap::Args)]
pub struct Args {
    /// Only faults whose name contains this
    #[arg(long)]
    fault: Option<String>,
    /// Only places whose name contains this
    #[arg(long)]
    place: Option<String>,
    /// Show what was said of each
    #[arg(long)]
    messages: bool,
}

type Played = Result<Outcome, String>;

pub fn prove(args: &Args) -> ExitCode {
    let mut all = stories();
    all.retain(|story| {
        args.fault.as_ref().is_none_or(|fault| story.kind.contains(fault.as_str()))
            && args.place.as_ref().is_none_or(|place| story.place.contains(place.as_str()))
    });
    let began = Instant::now();
    let played = play_all(&all);
    println!("{}", table(&all, &played));
    let mut wrong = 0;
    for (story, outcome) in all.iter().zip(&played) {
        match outcome {
            Err(why) => {
                wrong += 1;
                println!("WRONG, {} at {}: {why}", name(story), story.place);
            }
            Ok(Outcome::Waits(said) | Outcome::Rejects(said)) if args.messages => {
                println!("{} at {}: {said}", name(story), story.place);
            }
            Ok(_) => {}
        }
    }
    println!("{} stories in {:.0} s, {wrong} wrong", all.len(), began.elapsed().as_secs_f64());
    if wrong == 0 && !all.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn name(story: &Story) -> String {
    format!("{}{}", story.kind, if story.lasting { ", lasting" } else { "" })
}

/// Several at a time: some wait for answers that never come.
fn play_all(all: &[Story]) -> Vec<Played> {
    let next = AtomicUsize::new(0);
    let played: Mutex<Vec<Played>> = Mutex::new(vec![Err("it was not played".to_owned()); all.len()]);
    let threads = thread::available_parallelism().map_or(1, usize::from) * 2;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((place, story)) = at(all, next.fetch_add(1, Ordering::Relaxed)) {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                    let outcome = runtime.map_err(|e| e.to_string()).and_then(|runtime| runtime.block_on(play(story)));
                    played.lock().unwrap_or_else(PoisonError::into_inner)[place] = outcome;
                }
            });
        }
    });
    played.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn at(all: &[Story], place: usize) -> Option<(usize, &Story)> {
    all.get(place).map(|story| (place, story))
}

fn table(all: &[Story], played: &[Played]) -> Table {
    let word = |outcome: &Played| match outcome {
        Ok(Outcome::Right) => "right",
        Ok(Outcome::Waits(_)) => "waits",
        Ok(Outcome::Rejects(_)) => "rejects",
        Err(_) => "WRONG",
    };
    let mut rows: BTreeMap<(&str, &str), BTreeMap<bool, &str>> = BTreeMap::new();
    for (story, outcome) in all.iter().zip(played) {
        rows.entry((story.place, &story.kind)).or_default().insert(story.lasting, word(outcome));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["place", "fault", "once", "lasting"]);
    for ((place, kind), words) in rows {
        let of = |lasting| words.get(&lasting).copied().unwrap_or_default();
        table.add_row([place, kind, of(false), of(true)]);
    }
    table
}
