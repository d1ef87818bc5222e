//! The operator program `actions-sync`: runs the whole collection on this machine and shows an admin what it does.
//!
//! Parses the command line, runs one command, and turns its end into an exit code: 0 done and verified, 1 ran but something is wrong,
//! 2 bad usage or configuration. Results go to standard output; progress, logs and errors to standard error.

mod args;
mod commands;
mod compare;
mod drive;
mod embedded;
mod environment;
mod failure;
mod logging;
mod opt_outs;
mod output;
mod people_table;
mod progress;
mod salesforce;
mod state_dir;
mod tasks;

use std::process::ExitCode;

use clap::Parser;
use runtime::config::{self, EnvReader};
use runtime::logs;

#[tokio::main]
async fn main() -> ExitCode {
    logs::start(logs::Destination::Stderr, &EnvReader::new(&config::of_process).log_level("warn"));
    match commands::run(args::Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("actions-sync: {failure}");
            failure.exit_code()
        }
    }
}
