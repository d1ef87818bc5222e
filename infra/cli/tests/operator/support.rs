//! A simulated Marketo, a state folder, and the program as a child process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use simulator_marketo::{Config, ExpectedPerson, Limits, Simulator, World};
use tempfile::TempDir;
use tokio::process::Command;

/// Longest life of a child; a run that hangs fails its test instead of the whole suite.
const MAX_RUN: Duration = Duration::from_secs(180);

/// One story: a Marketo and a place to keep its people.
pub struct Story {
    pub simulator: Simulator,
    pub folder: TempDir,
    secret: String,
    env: BTreeMap<String, String>,
}

/// What a run of the program gave.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Checks the exit code, and that all these texts were said on either stream.
    #[track_caller]
    pub fn ends(&self, code: i32, says: &[&str]) -> &Self {
        let said = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{said}");
        for text in says {
            assert!(said.contains(text), "`{text}` is not in:\n{said}");
        }
        self
    }
}

/// No limits of call rates, so that stories which are not about them do not wait for them.
pub fn people(people: u64) -> Config {
    Config { people, limits: Limits { rate: false, ..Limits::default() }, ..Config::default() }
}

impl Story {
    pub async fn of(config: Config) -> Self {
        let secret = config.client_secret.clone();
        let simulator = Simulator::start(config).await.unwrap();
        Self { simulator, folder: tempfile::tempdir().unwrap(), secret, env: BTreeMap::new() }
    }

    pub fn world(&self) -> World {
        self.simulator.world()
    }

    /// Sets an environment variable for the runs to come; none = unset.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The program with these arguments, this story's Marketo and nothing else in its environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_actions-sync"));
        command.args(args).env_clear().kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("MARKETO_BASE_URL", format!("{}/rest", self.simulator.base_url()));
        command.env("MARKETO_CLIENT_ID", "simulator").env("MARKETO_CLIENT_SECRET", &self.secret);
        command.env("MARKETO_EXPORT_POLL_SECONDS", "1");
        for (name, value) in &self.env {
            command.env_remove(name);
            if !value.is_empty() {
                command.env(name, value);
            }
        }
        command
    }

    pub async fn run(&self, args: &[&str]) -> Run {
        let output = tokio::time::timeout(MAX_RUN, self.command(args).output()).await;
        let Output { status, stdout, stderr } = output.unwrap_or_else(|_| panic!("{args:?} did not end")).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
    }

    /// A command over this story's state folder.
    pub async fn on_state(&self, args: &[&str]) -> Run {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend(["--state", state.to_str().unwrap()]);
        self.run(&all).await
    }

    /// A sync with dump and figures.
    pub async fn sync(&self, more: &[&str]) -> Run {
        let (dump, json) = (self.file("dump"), self.file("json"));
        let mut args = vec!["sync", "--dump", dump.to_str().unwrap(), "--json", json.to_str().unwrap()];
        args.extend(more);
        self.on_state(&args).await
    }

    /// A sync that has to end well and leave the truth; gives its figures.
    pub async fn sync_to_truth(&self, when: &str) -> Value {
        self.sync(&[]).await.ends(0, &[]);
        self.assert_truth(when);
        self.figures()
    }

    pub fn figures(&self) -> Value {
        serde_json::from_slice(&fs::read(self.file("json")).unwrap()).unwrap()
    }

    pub fn dump(&self) -> BTreeMap<i64, Value> {
        let text = fs::read_to_string(self.file("dump")).unwrap();
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: Vec<i64> = rows.iter().map(|row| row["marketoId"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted(), "a dump ascends by marketoId");
        ids.into_iter().zip(rows).collect()
    }

    /// Compares the last dump with the truth, field by field.
    #[track_caller]
    pub fn assert_truth(&self, when: &str) {
        let mut stored = self.dump();
        let mut wrong = Vec::new();
        for expected in self.world().truth() {
            match stored.remove(&expected.marketo_id) {
                None if expected.optional => {}
                Some(row) if agrees(&expected, &row) => {}
                row => wrong.push((expected.marketo_id, expected.status, row.map(|r| r["status"].clone()))),
            }
        }
        wrong.extend(stored.into_iter().map(|(id, row)| (id, "not expected", Some(row["status"].clone()))));
        assert!(wrong.is_empty(), "{when}: {} rows are wrong, such as {:?}", wrong.len(), &wrong[..wrong.len().min(5)]);
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Values of people who are not active are not compared: some of them are cleared, some are kept as they were.
fn agrees(expected: &ExpectedPerson, row: &Value) -> bool {
    let mut wanted = serde_json::to_value(expected).unwrap();
    wanted.as_object_mut().unwrap().remove("optional");
    if expected.status == "active" {
        return *row == wanted;
    }
    row["status"] == wanted["status"] && row["mergedInto"] == wanted["mergedInto"]
}
