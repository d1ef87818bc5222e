//! `cargo prove`: the long proofs. Each subcommand prints what it measured and ends with 1 where something does not hold.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "prove", about = "Long proofs of the whole")]
struct Args {
    #[command(subcommand)]
    proof: Proof,
}

#[derive(Subcommand)]
enum Proof {}

fn main() {
    match Args::parse().proof {}
}
