//! The simulator as a program. Reads its options, serves until interrupted; everything else is the library's.

use std::error::Error;

use clap::Parser;
use simulator_marketo::{Config, ExportConfig, Limits, Simulator};

/// A stateful Marketo over real HTTP, on the loopback address only.
#[derive(Debug, Parser)]
#[command(name = "simulator-marketo")]
struct Options {
    /// TCP port; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many people there are.
    #[arg(long, default_value_t = 1_000)]
    people: u64,
    /// Decides every name, id and random choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Over how many days the people were created.
    #[arg(long, default_value_t = 25)]
    days: u32,
    /// How long an export job runs.
    #[arg(long, default_value_t = 2.0)]
    export_seconds: f64,
    /// Added to that for each million people.
    #[arg(long, default_value_t = 0.0)]
    export_seconds_per_million: f64,
    /// Job statuses move on multiples of this (Marketo: 60).
    #[arg(long, default_value_t = 1)]
    status_refresh_seconds: u64,
    /// Count limits but do not enforce them.
    #[arg(long)]
    no_limits: bool,
    /// Delay of every REST and bulk answer.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    #[arg(long, default_value = "simulator")]
    client_id: String,
    #[arg(long, default_value = "simulator-secret")]
    client_secret: String,
    /// Refuse bulk extract (603).
    #[arg(long)]
    no_bulk: bool,
    /// Refuse smart list filters of bulk extract (1035).
    #[arg(long)]
    no_smart_list: bool,
    /// Refuse the updatedAt filter of bulk extract (1035).
    #[arg(long)]
    no_updated_at: bool,
    /// Refuse opportunities and their roles (603).
    #[arg(long)]
    no_roles: bool,
    /// Ordinary text only.
    #[arg(long)]
    plain_text: bool,
    /// Address of the first qualifying person.
    #[arg(long)]
    canary_email: Option<String>,
    /// Life of a fresh access token.
    #[arg(long, default_value_t = 3_600)]
    token_life_seconds: u64,
}

impl Options {
    fn into_config(self) -> Config {
        Config {
            port: self.port,
            people: self.people,
            seed: self.seed,
            days_of_history: self.days,
            client_id: self.client_id,
            client_secret: self.client_secret,
            token_life_seconds: self.token_life_seconds,
            limits: if self.no_limits { Limits::none() } else { Limits::default() },
            export: ExportConfig {
                enabled: !self.no_bulk,
                seconds: self.export_seconds,
                seconds_per_million: self.export_seconds_per_million,
                status_refresh_seconds: self.status_refresh_seconds,
                updated_at_filter: !self.no_updated_at,
                smart_lists: !self.no_smart_list,
            },
            awkward_text: !self.plain_text,
            roles: !self.no_roles,
            canary_email: self.canary_email,
            latency_ms: self.latency_ms,
            ..Config::default()
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let simulator = Simulator::start(Options::parse().into_config()).await?;
    announce(&simulator.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "callers wait for this line to know that the simulator is ready")]
fn announce(url: &str) {
    println!("listening on {url}");
    println!("control: GET {url}/_sim/{{truth,stats,health}}, POST {url}/_sim/{{change,settle,faults,limits,advance}}");
}
