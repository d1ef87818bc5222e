//! The simulator as a program. Reads its options, serves until interrupted; everything else is the library's.

use std::error::Error;
use std::path::PathBuf;

use clap::Parser;
use simulator_salesforce::{Access, Config, FieldChange, Limits, Population, Simulator};

/// A stateful Salesforce over real HTTP, on the loopback address only.
#[derive(Debug, Parser)]
#[command(name = "simulator-salesforce")]
struct Options {
    /// TCP port; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Decides every made-up name and choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Users to make up.
    #[arg(long, default_value_t = 5)]
    users: usize,
    /// Accounts to make up.
    #[arg(long, default_value_t = 20)]
    accounts: usize,
    /// Contacts to make up.
    #[arg(long, default_value_t = 100)]
    contacts: usize,
    /// Leads to make up.
    #[arg(long, default_value_t = 100)]
    leads: usize,
    /// Tasks to make up.
    #[arg(long, default_value_t = 0)]
    tasks: usize,
    #[arg(long, default_value = "simulator")]
    client_id: String,
    #[arg(long, default_value = "simulator-secret")]
    client_secret: String,
    /// Name of the integration user.
    #[arg(long, default_value = "integration@simulator.example")]
    username: String,
    /// File with the PEM public key that JWTs are checked with.
    #[arg(long)]
    jwt_public_key: Option<PathBuf>,
    /// Life of a session.
    #[arg(long, default_value_t = 7_200)]
    session_seconds: u64,
    /// Calls after which a session dies.
    #[arg(long)]
    session_calls: Option<u64>,
    /// Calls within 24 hours.
    #[arg(long, default_value_t = 100_000)]
    calls_per_day: u64,
    /// Hide a field from the integration user, as in `Lead.HasOptedOutOfEmail`.
    #[arg(long, value_name = "OBJECT.FIELD")]
    hide: Vec<String>,
    /// Make a field read-only for the integration user.
    #[arg(long, value_name = "OBJECT.FIELD")]
    read_only: Vec<String>,
    /// How long a write holds its locks.
    #[arg(long, default_value_t = 0)]
    lock_hold_ms: u64,
    /// Seconds after its stamp at which a change becomes visible.
    #[arg(long, default_value_t = 0)]
    late_seconds: u64,
    /// Delay of every answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
}

impl Options {
    fn population(&self) -> Population {
        let Self { seed, users, accounts, contacts, leads, tasks, .. } = *self;
        Population { seed, users, accounts, contacts, leads, tasks }
    }

    fn into_config(self) -> Result<Config, Box<dyn Error>> {
        let change = |access: Access| move |field: String| (field, FieldChange::from(access));
        let hidden = self.hide.into_iter().map(change(Access::Hidden));
        let fields = hidden.chain(self.read_only.into_iter().map(change(Access::ReadOnly))).collect();
        Ok(Config {
            port: self.port,
            seed: self.seed,
            client_id: self.client_id,
            client_secret: self.client_secret,
            username: self.username,
            jwt_public_key: self.jwt_public_key.map(std::fs::read_to_string).transpose()?,
            session_seconds: self.session_seconds,
            session_calls: self.session_calls,
            limits: Limits { calls_per_day: self.calls_per_day, ..Limits::default() },
            fields,
            lock_hold_ms: self.lock_hold_ms,
            late_seconds: self.late_seconds,
            latency_ms: self.latency_ms,
            ..Config::default()
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let population = options.population();
    let simulator = Simulator::start(options.into_config()?).await?;
    simulator.world().populate(population)?;
    announce(&simulator.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "callers wait for this line to know that the simulator is ready")]
fn announce(url: &str) {
    println!("listening on {url}");
    println!(
        "control: GET {url}/_sim/{{health,stats,records/OBJECT}}, POST {url}/_sim/{{put,edit,convert,merge,faults,advance}}"
    );
}
