//! `cargo prove opt-out-faults`: every fault of either vendor at every place of the opt-out flow, as a table of what came of it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use comfy_table::{Table, presets};
use system_tests::opt_out_faults::{Outcome, Story, play, stories};
use system_tests::parallel;

use crate::fault_matrix::{Args, name_of};

type Played = Result<Outcome, String>;

pub fn prove(args: &Args) -> ExitCode {
    let mut all = stories();
    all.retain(|story| args.want(&story.kind, story.place));
    let began = Instant::now();
    let played: Vec<Played> =
        parallel::play_all(&all, play).into_iter().map(|ended| ended.and_then(|outcome| outcome)).collect();
    println!("{}", table(&all, &played));
    let mut wrong = 0;
    for (story, outcome) in all.iter().zip(&played) {
        let name = name_of(&story.kind, story.lasting);
        match outcome {
            Err(why) => {
                wrong += 1;
                println!("WRONG, {name} at {}: {why}", story.place);
            }
            Ok(Outcome::Waits(said)) if args.messages => println!("{name} at {}: {said}", story.place),
            Ok(_) => {}
        }
    }
    println!("{} stories in {:.0} s, {wrong} wrong", all.len(), began.elapsed().as_secs_f64());
    if wrong == 0 && !all.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn table(all: &[Story], played: &[Played]) -> Table {
    let word = |outcome: &Played| match outcome {
        Ok(Outcome::Right) => "right",
        Ok(Outcome::Waits(_)) => "waits",
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
