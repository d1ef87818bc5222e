//! Everything that runs: the emulator where one was started, Marketo where it is simulated, and the stack between them.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::aws::Aws;
use super::emulator::Emulator;
use super::endpoint::Endpoint;
use super::folders::Folders;
use super::stack::{self, Stack};
use super::venv::Venv;
use super::{LOOK, Options, bootstraps, external, stage, template};
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::output;

/// Name of the stack, with which all its names begin.
const STACK: &str = "actions-sync";
/// The same for a check on an endpoint that lives on: it must not touch what was deployed there to stay.
const CHECKED: &str = "actions-sync-check";
/// Longest time for the simulator's port to close.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);
/// Longest time for the functions' logs to be read when something has failed already.
const LOGS_WITHIN: Duration = Duration::from_secs(60);

/// What was brought up. Dropping it ends the processes.
pub struct Up {
    pub marketo: Environment,
    pub emulator: Option<Emulator>,
    pub aws: Aws,
    pub stack: Stack,
    pub folders: Folders,
}

impl Up {
    /// Installs, builds, starts and deploys.
    ///
    /// # Errors
    /// The first step that fails. What was started until then has ended.
    pub async fn bring(
        options: &Options,
        endpoint: Option<Endpoint>,
        marketo: Environment,
    ) -> Result<Self, CommandFailure> {
        let name = match &endpoint {
            Some(_) if options.check => format!("{CHECKED}-{}", std::process::id()),
            _ => STACK.to_owned(),
        };
        if let Some(endpoint) = &endpoint {
            endpoint.reach().await?;
        }
        let folders = Folders::take()?;
        let functions = template::functions(&folders.root)?;
        let venv = Venv::ready(&folders).await?;
        let programs = bootstraps::build(&folders.root, functions, &options.profile).await?;
        let template = stage::lay_out(&folders.root, &folders.stage(), &programs)?;
        let (emulator, endpoint) = match endpoint {
            Some(endpoint) => (None, endpoint),
            None => {
                let emulator = Emulator::start(&venv, &folders).await?;
                let endpoint = emulator.endpoint.clone();
                (Some(emulator), endpoint)
            }
        };
        eprintln!("deploying {} to {}", template::TEMPLATE, endpoint.url);
        let aws = Aws::new(&venv, &folders, endpoint)?;
        let mut stack = Stack::new(&name, template, stack::parameters(&marketo));
        stack.deploy(&aws).await?;
        stack.put_credentials(&aws, &marketo, folders.scratch("secret-")?.path()).await?;
        Ok(Self { marketo, emulator, aws, stack, folders })
    }

    /// Prints what was deployed, and what can be done with it.
    pub fn tell(&self) -> Result<(), CommandFailure> {
        for (name, value) in &self.stack.outputs {
            output::line(format!("{name}={value}"));
        }
        let (url, stack, program) = (&self.aws.endpoint.url, &self.stack.name, self.aws.program.display());
        eprintln!("the stack {stack} is deployed to {url}; its schedules and queues now load everybody by themselves");
        eprintln!(
            "  export {}",
            self.aws.endpoint.variables().map(|(name, value)| format!("{name}={value}")).join(" ")
        );
        eprintln!("  {program} dynamodb scan --table-name {} --select COUNT", self.stack.output("PeopleTable")?);
        eprintln!("  {program} logs tail /aws/lambda/{stack}-incremental-pull --follow");
        if self.marketo.simulator.is_some() {
            let marketo = self.marketo.marketo.base_url.to_string();
            eprintln!(
                "  curl -d '{{\"changed\":100,\"deleted\":5}}' {marketo}/_sim/change   # then the pull follows within a minute"
            );
        }
        Ok(())
    }

    /// Whether what was deployed needs something that ends with this program.
    pub fn is_needed(&self) -> bool {
        self.emulator.is_some() || self.marketo.simulator.is_some()
    }

    /// Waits until the emulator ends by itself, which it should not.
    pub async fn died(&mut self) -> CommandFailure {
        match &mut self.emulator {
            Some(emulator) => emulator.died().await,
            None => std::future::pending().await,
        }
    }

    /// Keeps the functions' logs, as far as the emulator still gives them, and gives the end of each log.
    pub async fn keep_logs_and_tail(&self) -> String {
        let log = |name: &str| self.folders.log(name);
        let kept = tokio::time::timeout(LOGS_WITHIN, self.stack.keep_logs(&self.aws, &log)).await;
        let mut tails = match kept {
            Ok(Ok(())) => String::new(),
            Ok(Err(failure)) => format!("{failure}\n"),
            Err(_) => format!("the functions' logs could not be read in {LOGS_WITHIN:?}\n"),
        };
        let mut logs: Vec<_> = std::fs::read_dir(self.folders.logs()).into_iter().flatten().flatten().collect();
        logs.sort_unstable_by_key(std::fs::DirEntry::file_name);
        for log in logs {
            let name = log.file_name();
            if name != "install.log" {
                tails.push_str(&format!("---- {}\n{}\n", name.display(), external::tail(&log.path())));
            }
        }
        tails
    }

    /// Ends all that was started and makes sure of it. A stack on an endpoint that lives on is removed if it was there for a check only.
    ///
    /// # Errors
    /// What lives on.
    pub async fn end(self, checked: bool) -> Result<String, CommandFailure> {
        let Self { marketo, emulator, aws, stack, folders } = self;
        let mut ended = Vec::new();
        match emulator {
            Some(emulator) => ended.push(emulator.end().await?),
            None if checked => {
                stack.remove(&aws).await?;
                ended.push("stack removed".to_owned());
            }
            None => {}
        }
        if let Some(simulator) = marketo.simulator {
            let (address, began) = (simulator.address(), Instant::now());
            drop(simulator);
            while TcpStream::connect(address).await.is_ok() {
                if began.elapsed() > CLOSED_WITHIN {
                    return Err(CommandFailure::Wrong(format!("the Marketo simulator still answers on {address}")));
                }
                tokio::time::sleep(LOOK).await;
            }
            ended.push(format!("port {} closed", address.port()));
        }
        drop(folders);
        Ok(ended.join("; "))
    }
}
