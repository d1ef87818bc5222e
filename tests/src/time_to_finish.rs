//! `cargo prove limits`: how long the first load of a large subscription takes under Marketo's limits, in simulated time.

use std::process::ExitCode;
use std::time::Instant;

use system_tests::simulation::limits;

/// What we may take, by the least that the limits allow.
const MOST: f64 = 1.1;
/// Refusals that somebody who is alone on a subscription never needs to see.
const PROVOKED: &[&str] = &["606", "607", "615", "1029"];

#[derive(clap::Args)]
pub struct Args {
    /// People in the subscription
    #[arg(long, default_value_t = 1_000_000)]
    people: u64,
    /// Days over which they were created
    #[arg(long, default_value_t = 5 * 365 + 1)]
    days: u32,
}

pub fn prove(args: &Args) -> ExitCode {
    let began = Instant::now();
    let report = limits::run(args.people, args.days);
    let hours = |seconds: f64| seconds / 3600.0;
    let (stored, complete) = (report.people_stored / report.optimum, report.complete / report.optimum);
    println!("{} people over {} days; {} stored", args.people, args.days, report.people);
    println!("least that the limits allow   {:8.2} h", hours(report.optimum));
    println!("all people stored             {:8.2} h  {stored:.3} times that", hours(report.people_stored));
    println!(
        "complete with opportunities   {:8.2} h  {complete:.3} times that, at most {MOST} is allowed",
        hours(report.complete)
    );
    println!(
        "{} calls, at most {} in 20 seconds and {} at once; {:.1} MB exported; refused: {:?}",
        report.stats.calls,
        report.stats.max_calls_in_20s,
        report.stats.max_in_flight,
        report.stats.export_bytes as f64 / 1e6,
        report.stats.rejected,
    );
    println!("simulated in {:.0} s", began.elapsed().as_secs_f64());
    let provoked = PROVOKED.iter().any(|code| report.stats.rejected.contains_key(*code));
    if complete <= MOST && !provoked { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
