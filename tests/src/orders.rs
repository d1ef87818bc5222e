//! `cargo prove interleavings`: plays every order of events of a length on all cores, or one order.

use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use system_tests::interleavings::{self, Story};
use system_tests::{lock, parallel};

/// Broken orders that are shown.
const SHOWN: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// Events of each order
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=8))]
    length: u32,
    /// One order alone, such as Link,Merge,Pull; its events on standard error
    #[arg(long)]
    order: Option<String>,
    /// End with the first broken order
    #[arg(long)]
    stop: bool,
}

pub fn prove(args: &Args) -> ExitCode {
    if let Some(order) = &args.order {
        let played = interleavings::parse(order).and_then(|story| interleavings::play(&story, true));
        return match played {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let (began, next, count) = (Instant::now(), AtomicU64::new(0), interleavings::count(args.length));
    let (broken, stop) = (Mutex::new(Vec::<(Story, String)>::new()), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let story = interleavings::story(args.length, number);
                    let played = parallel::caught(|| interleavings::play(&story, false));
                    if let Err(why) = played.and_then(|outcome| outcome) {
                        stop.store(args.stop, Ordering::Relaxed);
                        lock(&broken).push((story, why));
                    }
                }
            });
        }
    });
    let broken = lock(&broken);
    for (story, why) in broken.iter().take(SHOWN) {
        println!("order {story}: {why}\n    cargo prove interleavings --order {story}");
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("orders of {} events: {count}, {} broken; {seconds:.0} s", args.length, broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
