//! `cargo prove activity-faults`, `cargo prove opt-out-faults` and `cargo prove task-faults`: every fault of the vendors at every place of a flow that
//! meets them, as a table of what came of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::{Table, presets};
use system_tests::vendor_faults::{Outcome, Story};
use system_tests::{activity_faults, opt_out_faults, parallel, task_faults};

use crate::fault_matrix::{Args, name_of};

type Played = Result<Outcome, String>;

pub fn activities(args: &Args) -> ExitCode {
    prove(args, activity_faults::stories(), activity_faults::play)
}

pub fn opt_outs(args: &Args) -> ExitCode {
    prove(args, opt_out_faults::stories(), opt_out_faults::play)
}

pub fn tasks(args: &Args) -> ExitCode {
    prove(args, task_faults::stories(), task_faults::play)
}

fn prove(args: &Args, mut all: Vec<Story>, play: impl for<'a> AsyncFn(&'a Story) -> Played + Sync) -> ExitCode {
    all.retain(|story| args.want(&story.kind, story.place));
    let began = Instant::now();
    let played: Vec<Played> =
        parallel::play_all(&all, play).into_iter().map(|ended| ended.and_then(|outcome| outcome)).collect();
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
    name_of(&story.kind, story.lasting)
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
