//! How each client is run: what it is told, and how many people it then gives. Knows nothing of what is measured about it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use domain::Timestamp;
use domain::people::Field;
use serde_json::{Value, json};

use super::processes::{self, Used};
use super::simulator::SimulatorProcess;
use super::venvs::{AIRBYTE, MARKETORESTPYTHON, TAP_MARKETO, Venvs};
use crate::failure::CommandFailure;

/// Before anybody of the simulator was created.
const HISTORY_SECONDS: i64 = 26 * 24 * 3600;
/// Seconds of overlap that a user of marketorestpython reads again, as we do.
const OVERLAP_SECONDS: i64 = 600;
const OWNER_FIELDS: [&str; 2] = ["sfdcLeadOwnerId", "externalSalesPersonId"];
/// Where output goes, and the state that the next sync begins with.
const OUTPUT: &str = "output";
const STATE: &str = "state.json";
const CATALOG: &str = "catalog.json";
const CONFIG: &str = "config.json";

/// A client that can sync.
pub trait Client {
    fn name(&self) -> &'static str;

    /// What a user does once.
    fn prepare(&self, _: &SimulatorProcess, _: &Path) -> Result<(), CommandFailure> {
        Ok(())
    }

    /// A sync: a full one in an empty folder, else what changed since. Gives people read, and what it took.
    fn sync(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(u64, Used), CommandFailure>;
}

/// This program, as it is started by an operator.
pub struct Ours {
    /// People there are at first. A sync that ends well has read them all: rows are counted against what Marketo says.
    pub people: u64,
}

impl Client for Ours {
    fn name(&self) -> &'static str {
        "actions-sync"
    }

    fn sync(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(u64, Used), CommandFailure> {
        let (state, figures) = (folder.join("state"), folder.join("figures.json"));
        let full = !state.is_dir();
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("sync").arg("--state").arg(&state).arg("--json").arg(&figures).env_clear();
        command.envs(simulator.variables()).env("MARKETO_EXPORT_POLL_SECONDS", "1");
        let used = run(&mut command, folder, OUTPUT)?;
        let figures: Value = serde_json::from_slice(&fs::read(figures)?)?;
        let writes = ["put", "unchanged", "stale"].iter().filter_map(|key| figures["writes"][key].as_u64()).sum();
        Ok((if full { self.people } else { writes }, used))
    }
}

/// Stitch's tap: the stream of people with our fields.
pub struct TapMarketo {
    pub python: PathBuf,
}

impl TapMarketo {
    fn command(&self, simulator: &SimulatorProcess, folder: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(Venvs::program("tap_marketo_at.py")).arg(&simulator.base_url);
        command.arg("--config").arg(folder.join(CONFIG));
        command
    }
}

impl Client for TapMarketo {
    fn name(&self) -> &'static str {
        TAP_MARKETO
    }

    fn prepare(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(), CommandFailure> {
        let config = json!({
            "client_id": "simulator", "client_secret": "simulator-secret", "poll_interval": 1, "start_date": ago(HISTORY_SECONDS),
            // A place that is never called: the program beside replaces how URLs are made.
            "endpoint": "https://123-ABC-456.mktorest.com/rest",
        });
        fs::write(folder.join(CONFIG), config.to_string())?;
        run(self.command(simulator, folder).arg("--discover"), folder, OUTPUT)?;
        let mut catalog: Value = serde_json::from_slice(&fs::read(folder.join(OUTPUT))?)?;
        let fields = our_fields();
        for stream in catalog["streams"].as_array_mut().into_iter().flatten() {
            let people = stream["tap_stream_id"] == "leads";
            for entry in stream["metadata"].as_array_mut().into_iter().flatten() {
                let field = entry["breadcrumb"].as_array().and_then(|path| path.last()?.as_str());
                let wanted = people && field.is_none_or(|field| fields.contains(&field));
                entry["metadata"]["selected"] = json!(wanted);
            }
        }
        Ok(fs::write(folder.join(CATALOG), catalog.to_string())?)
    }

    fn sync(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(u64, Used), CommandFailure> {
        let mut command = self.command(simulator, folder);
        command.arg("--properties").arg(folder.join(CATALOG));
        if folder.join(STATE).is_file() {
            command.arg("--state").arg(folder.join(STATE));
        }
        let used = run(&mut command, folder, OUTPUT)?;
        let (people, state) = messages(&folder.join(OUTPUT))?;
        fs::write(folder.join(STATE), state.map_or(Value::Null, |message| message["value"].clone()).to_string())?;
        Ok((people, used))
    }
}

/// Airbyte's connector, with the stream of people.
pub struct Airbyte {
    pub python: PathBuf,
}

impl Airbyte {
    fn command(&self, action: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.python.with_file_name("source-marketo"));
        command.arg(action).arg("--config").arg(folder.join(CONFIG));
        command
    }
}

impl Client for Airbyte {
    fn name(&self) -> &'static str {
        AIRBYTE
    }

    fn prepare(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(), CommandFailure> {
        let config = json!({
            "client_id": "simulator", "client_secret": "simulator-secret", "domain_url": simulator.base_url,
            "start_date": ago(HISTORY_SECONDS),
        });
        fs::write(folder.join(CONFIG), config.to_string())?;
        run(&mut self.command("discover", folder), folder, OUTPUT)?;
        let messages = BufReader::new(File::open(folder.join(OUTPUT))?);
        let mut streams = Vec::new();
        for line in messages.lines() {
            let message: Value = serde_json::from_str(&line?)?;
            let found = message["catalog"]["streams"].as_array().into_iter().flatten();
            streams.extend(found.filter(|stream| stream["name"] == "leads").cloned());
        }
        let configured =
            |stream| json!({ "stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append" });
        let catalog = json!({ "streams": streams.into_iter().map(configured).collect::<Vec<_>>() });
        Ok(fs::write(folder.join(CATALOG), catalog.to_string())?)
    }

    fn sync(&self, _: &SimulatorProcess, folder: &Path) -> Result<(u64, Used), CommandFailure> {
        let mut command = self.command("read", folder);
        command.arg("--catalog").arg(folder.join(CATALOG));
        if folder.join(STATE).is_file() {
            command.arg("--state").arg(folder.join(STATE));
        }
        let used = run(&mut command, folder, OUTPUT)?;
        let (people, state) = messages(&folder.join(OUTPUT))?;
        let states: Vec<Value> = state.map(|message| message["state"].clone()).into_iter().collect();
        fs::write(folder.join(STATE), json!(states).to_string())?;
        Ok((people, used))
    }
}

/// The library, with a program around it as its user has to write one.
pub struct MarketoRestPython {
    pub python: PathBuf,
}

impl Client for MarketoRestPython {
    fn name(&self) -> &'static str {
        MARKETORESTPYTHON
    }

    fn sync(&self, simulator: &SimulatorProcess, folder: &Path) -> Result<(u64, Used), CommandFailure> {
        let state = folder.join(STATE);
        let since = fs::read_to_string(&state).ok();
        let (way, since) = since.map_or_else(|| ("full", ago(HISTORY_SECONDS)), |since| ("changes", since));
        fs::write(state, ago(OVERLAP_SECONDS))?;
        let mut command = Command::new(&self.python);
        command.arg(Venvs::program("marketorestpython_sync.py")).arg(&simulator.base_url).args([way, &since]);
        let used = run(command.args(our_fields()), folder, OUTPUT)?;
        let people = BufReader::new(File::open(folder.join(OUTPUT))?).lines().count() as u64;
        Ok((people, used))
    }
}

/// REST names of what we ask for.
fn our_fields() -> Vec<&'static str> {
    let fields = Field::ALL.iter().map(|field| field.rest_name());
    std::iter::once("id").chain(fields).chain(OWNER_FIELDS).collect()
}

fn ago(seconds: i64) -> String {
    let now = Timestamp::now();
    format!("{:.0}", Timestamp::from_second(now.as_second() - seconds).unwrap_or(now))
}

/// Runs a client with its output in a file, and what it says in another.
fn run(command: &mut Command, folder: &Path, output: &str) -> Result<Used, CommandFailure> {
    let said = folder.join("said");
    command.current_dir(folder).stdin(Stdio::null()).stdout(File::create(folder.join(output))?);
    command.stderr(File::create(&said)?).env("PYTHONDONTWRITEBYTECODE", "1");
    // Whatever a machine has set for proxies must not stand between a client and this machine.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().to_lowercase().ends_with("_proxy")) {
        command.env_remove(name);
    }
    let (status, used) = processes::run(command)?;
    if status.success() {
        return Ok(used);
    }
    let said = fs::read_to_string(said)?;
    let tail: Vec<&str> = said.lines().rev().take(5).collect();
    Err(CommandFailure::Wrong(format!("{command:?} ended with {status}: {}", tail.join(" / "))))
}

/// Records, and the last message with a state, of a client that writes messages line by line.
fn messages(path: &Path) -> Result<(u64, Option<Value>), CommandFailure> {
    let (mut records, mut state) = (0, None);
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let kind: String = line.chars().take(20).filter(|c| *c != ' ').collect();
        if kind.starts_with(r#"{"type":"RECORD""#) {
            records += 1;
        } else if kind.starts_with(r#"{"type":"STATE""#) {
            state = Some(serde_json::from_str(&line)?);
        }
    }
    Ok((records, state))
}
