//! The simulator in a process of its own, so that what it uses is not counted with what is measured. Knows nothing of how people are made.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use domain::budget::CallLimits;
use serde_json::Value;
use simulator_marketo::{ChangeSet, Config};

use crate::environment::Environment;
use crate::failure::CommandFailure;

/// Limits of ours that are never met.
pub const NO_LIMITS: CallLimits = CallLimits { per_20_seconds: 1_000_000, per_day: 1_000_000_000 };
/// Between looks at an export, which is ready at once.
const EXPORT_POLL: Duration = Duration::from_millis(50);

/// A simulated Marketo that refuses nothing and exports at once. Ends with this value.
pub struct SimulatorProcess {
    pub base_url: String,
    child: Child,
    lines: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl SimulatorProcess {
    /// Starts one with so many people, created over 25 days.
    ///
    /// # Errors
    /// When the process does not start.
    pub fn start(people: u64) -> Result<Self, CommandFailure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench-part", "simulator", "--people", &people.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(lines), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(CommandFailure::Wrong("the simulator has no standard input or output".into()));
        };
        let mut simulator = Self { base_url: String::new(), child, lines, answers: BufReader::new(answers) };
        simulator.base_url = serde_json::from_value(simulator.answer()?)?;
        Ok(simulator)
    }

    /// The environment in which the embedded collection uses it.
    ///
    /// # Errors
    /// None that can happen with an address of the simulator.
    pub fn environment(&self, limits: CallLimits) -> Result<Environment, CommandFailure> {
        Environment::at_simulator(&self.base_url, limits, EXPORT_POLL)
    }

    /// The same as variables of a process.
    pub fn variables(&self) -> [(&'static str, String); 5] {
        let Config { client_id, client_secret, .. } = Config::default();
        [
            ("MARKETO_BASE_URL", self.base_url.clone()),
            ("MARKETO_CLIENT_ID", client_id),
            ("MARKETO_CLIENT_SECRET", client_secret),
            ("MARKETO_CALLS_PER_20_SECONDS", NO_LIMITS.per_20_seconds.to_string()),
            ("MARKETO_DAILY_CALLS", NO_LIMITS.per_day.to_string()),
        ]
    }

    /// Lets things happen to people; everybody counts as synced before.
    pub fn change(&mut self, set: &ChangeSet) -> Result<(), CommandFailure> {
        self.ask("settle")?;
        self.ask(&format!("change {}", serde_json::to_string(set)?)).map(drop)
    }

    /// Calls answered since the last time this was asked.
    pub fn calls(&mut self) -> Result<u64, CommandFailure> {
        let calls = self.ask("stats")?["calls"].as_u64().unwrap_or_default();
        self.ask("reset-stats")?;
        Ok(calls)
    }

    fn ask(&mut self, line: &str) -> Result<Value, CommandFailure> {
        writeln!(self.lines, "{line}")?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value, CommandFailure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for SimulatorProcess {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
