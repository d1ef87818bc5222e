//! `cargo prove interleavings`: plays every order of events of a length on all cores, or one order.

use std::process::ExitCode;
use std::time::Instant;

use system_tests::interleavings;

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
    let (began, count) = (Instant::now(), interleavings::count(args.length));
    let broken = interleavings::broken(args.length, args.stop);
    for (story, why) in broken.iter().take(SHOWN) {
        println!("order {story}: {why}\n    cargo prove interleavings --order {story}");
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("orders of {} events: {count}, {} broken; {seconds:.0} s", args.length, broken.len());
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
