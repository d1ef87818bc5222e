//! `cargo prove`: the long proofs. Each subcommand prints what it measured and ends with 1 where something does not hold.

#![expect(clippy::print_stdout, reason = "its results are for people to read")]

mod fault_matrix;
mod mutations;
mod orders;
mod seeds;
mod time_to_finish;
mod vendor_fault_matrix;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "prove", about = "Long proofs of the whole")]
struct Args {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Subcommand)]
enum Proof {
    /// Seeded simulation of the whole people flow: everything that can go wrong at once, the invariants watched all along
    Seeds(seeds::Args),
    /// One fault of Marketo at a time, at every endpoint where it can happen: what it does once, and what it does until it is lifted
    Faults(fault_matrix::Args),
    /// One fault of Marketo or Salesforce at a time while sales activities are logged
    ActivityFaults(fault_matrix::Args),
    /// One fault of Marketo or Salesforce at a time while people say no and are unticked
    OptOutFaults(fault_matrix::Args),
    /// One fault of Salesforce at a time while reminder tasks are edited on both sides
    TaskFaults(fault_matrix::Args),
    /// One fault of DynamoDB at a time, at every call of the people flow
    DynamodbFaults(fault_matrix::Args),
    /// The first load of a large subscription under Marketo's limits, in simulated time
    Limits(time_to_finish::Args),
    /// Opt-outs under every order of events of a length: an address that said no is never mailed before an admin's resubscribe
    Interleavings(orders::Args),
    /// Breaks one rule at a time and requires that the seeds find it
    Mutations(mutations::Args),
}

fn main() -> ExitCode {
    match Args::parse().proof {
        Proof::Seeds(args) => seeds::prove(&args),
        Proof::Faults(args) => fault_matrix::marketo(&args),
        Proof::ActivityFaults(args) => vendor_fault_matrix::activities(&args),
        Proof::OptOutFaults(args) => vendor_fault_matrix::opt_outs(&args),
        Proof::TaskFaults(args) => vendor_fault_matrix::tasks(&args),
        Proof::DynamodbFaults(args) => fault_matrix::dynamodb(&args),
        Proof::Limits(args) => time_to_finish::prove(&args),
        Proof::Interleavings(args) => orders::prove(&args),
        Proof::Mutations(args) => mutations::prove(&args),
    }
}
