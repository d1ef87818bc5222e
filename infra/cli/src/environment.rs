//! The environment of a local run: the same variable names as the deployed functions, and a built-in simulator where Marketo is not named.

use std::time::Duration;

use domain::budget::CallLimits;
use marketo::{MarketoConfig, PlainCredentials};
use runtime::config::{EnvReader, Lookup};
use simulator_marketo::{Config as SimulatorConfig, Simulator};

use crate::failure::CommandFailure;

/// Marketo calls in flight of this process, over both of its clients.
const MAX_IN_FLIGHT: usize = 4;
/// Marketo refreshes the status of an export once a minute.
const EXPORT_POLL: u64 = 60;
const EXPORT_POLL_WITH_SIMULATOR: u64 = 1;
/// How long it is waited before records whose answer never came are looked for in Marketo.
const SETTLE: u64 = 60;
const SETTLE_WITH_SIMULATOR: u64 = 1;

/// Where Marketo is and how to reach it.
pub struct Environment {
    pub marketo: MarketoConfig,
    pub limits: CallLimits,
    pub export_poll: Duration,
    /// Pause before records whose answer never came are looked for.
    pub settle: Duration,
    /// The built-in simulator, where one was started; it ends with this value.
    pub simulator: Option<Simulator>,
}

impl Environment {
    /// Reads the process's environment, and starts the simulator where it names no Marketo.
    pub async fn from_process() -> Result<Self, CommandFailure> {
        Self::from_process_or(SimulatorConfig::default()).await
    }

    /// The same with a simulator of this kind.
    pub async fn from_process_or(config: SimulatorConfig) -> Result<Self, CommandFailure> {
        let lookup: Lookup<'_> = &|name| std::env::var(name).ok();
        if EnvReader::new(lookup).optional("MARKETO_BASE_URL").is_some() {
            return Self::of_marketo(lookup);
        }
        eprintln!("MARKETO_BASE_URL is not set: using the built-in Marketo simulator");
        Self::with_simulator(config).await
    }

    /// Starts the simulator.
    pub async fn with_simulator(config: SimulatorConfig) -> Result<Self, CommandFailure> {
        let mut env = EnvReader::new(&|name| std::env::var(name).ok());
        let poll = env.number("MARKETO_EXPORT_POLL_SECONDS", EXPORT_POLL_WITH_SIMULATOR);
        let settle = env.number("MARKETO_SETTLE_SECONDS", SETTLE_WITH_SIMULATOR);
        env.finish(Some(()))?;
        let credentials = PlainCredentials::shared(config.client_id.clone(), config.client_secret.clone());
        let simulator = Simulator::start(config).await?;
        let base_url = marketo::BaseUrl::parse(&simulator.base_url()).map_err(CommandFailure::Usage)?;
        Ok(Self {
            marketo: MarketoConfig { base_url, credentials, max_in_flight: MAX_IN_FLIGHT },
            limits: CallLimits::default(),
            export_poll: Duration::from_secs(poll),
            settle: Duration::from_secs(settle),
            simulator: Some(simulator),
        })
    }

    /// A simulator that runs elsewhere, under these limits of ours.
    pub fn at_simulator(base_url: &str, limits: CallLimits, export_poll: Duration) -> Result<Self, CommandFailure> {
        let SimulatorConfig { client_id, client_secret, .. } = SimulatorConfig::default();
        let base_url = marketo::BaseUrl::parse(base_url).map_err(CommandFailure::Usage)?;
        let credentials = PlainCredentials::shared(client_id, client_secret);
        let marketo = MarketoConfig { base_url, credentials, max_in_flight: MAX_IN_FLIGHT };
        Ok(Self { marketo, limits, export_poll, settle: Duration::from_secs(SETTLE_WITH_SIMULATOR), simulator: None })
    }

    fn of_marketo(lookup: Lookup<'_>) -> Result<Self, CommandFailure> {
        let mut env = EnvReader::new(lookup);
        let base_url = env.marketo_base_url();
        let client_id = env.required("MARKETO_CLIENT_ID", "client id of the Marketo custom service");
        let client_secret = env.required("MARKETO_CLIENT_SECRET", "its client secret");
        let credentials = PlainCredentials::shared(client_id, client_secret);
        let limits = env.call_limits();
        let export_poll = Duration::from_secs(env.number("MARKETO_EXPORT_POLL_SECONDS", EXPORT_POLL));
        let marketo = base_url.map(|base_url| MarketoConfig { base_url, credentials, max_in_flight: MAX_IN_FLIGHT });
        let settle = Duration::from_secs(env.number("MARKETO_SETTLE_SECONDS", SETTLE));
        let marketo = env.finish(marketo)?;
        Ok(Self { marketo, limits, export_poll, settle, simulator: None })
    }

    /// Whose people a state folder holds: the Marketo host, without the port, which changes with each simulator.
    pub fn subscription(&self) -> String {
        let url = self.marketo.base_url.to_string();
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let host = rest.split('/').next().unwrap_or(rest);
        host.rsplit_once(':')
            .filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit()))
            .map_or(host, |(h, _)| h)
            .to_owned()
    }
}
