//! What every story needs: a seeded Marketo, a folder, the program as a child process, and the comparison with the truth.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use simulator_marketo::{Config, ExpectedPerson, ExportConfig, Limits, Simulator, World};
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// Longest life of a child; one that hangs fails its story instead of the whole suite.
const MAX_RUN: Duration = Duration::from_secs(120);
/// Most differences that a failure names.
const MAX_NAMED: usize = 5;

/// A Marketo, and a place to keep its people.
pub struct Story {
    simulator: Simulator,
    folder: TempDir,
    env: BTreeMap<String, String>,
}

/// What a run of the program gave.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// Draws the seed of a story, or takes the one asked for, and prints it.
pub fn seed(story: &str) -> u64 {
    let asked = std::env::var("STORIES_SEED").ok().map(|text| text.parse().expect("STORIES_SEED is a whole number"));
    let seed = asked.unwrap_or_else(|| fastrand::u64(1..=u64::from(u32::MAX)));
    eprintln!("{story}: STORIES_SEED={seed}");
    seed
}

/// A subscription without the limit of call rates and with quick exports, for stories that are about neither.
pub fn quick(story: &str, people: u64) -> Config {
    Config {
        people,
        seed: seed(story),
        limits: Limits { rate: false, ..Limits::default() },
        export: ExportConfig { seconds: 0.3, ..ExportConfig::default() },
        ..Config::default()
    }
}

impl Story {
    pub async fn of(config: Config) -> Self {
        let mut env = BTreeMap::from([
            ("MARKETO_CLIENT_ID".to_owned(), config.client_id.clone()),
            ("MARKETO_CLIENT_SECRET".to_owned(), config.client_secret.clone()),
            ("MARKETO_EXPORT_POLL_SECONDS".to_owned(), "1".to_owned()),
        ]);
        let simulator = Simulator::start(config).await.unwrap();
        env.insert("MARKETO_BASE_URL".to_owned(), simulator.base_url());
        Self { simulator, folder: tempfile::tempdir().unwrap(), env }
    }

    pub fn world(&self) -> World {
        self.simulator.world()
    }

    pub fn base_url(&self) -> String {
        self.simulator.base_url()
    }

    /// Sets a variable for the runs to come; an empty value takes it away.
    pub fn env(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.env.remove(name);
        } else {
            self.env.insert(name.to_owned(), value.to_owned());
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Begins anew in a folder that is not there yet.
    pub fn forget(&self) {
        fs::remove_dir_all(self.state()).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_actions-sync"));
        command.args(args).env_clear().envs(&self.env).kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end. Of one that hangs, it shows what it said and what it asked of Marketo.
    pub async fn run(&self, args: &[&str]) -> Run {
        let began = Instant::now();
        let told = tempfile::NamedTempFile::new_in(self.folder.path()).unwrap();
        let mut command = self.command(args);
        let child = command.stdout(Stdio::piped()).stderr(told.reopen().unwrap()).spawn().unwrap();
        let ended = tokio::time::timeout(MAX_RUN, child.wait_with_output()).await;
        let stderr = fs::read(told.path()).unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let Ok(output) = ended else {
            panic!("{args:?} did not end; it said\n{}\nMarketo: {:?}", text(stderr), self.world().stats());
        };
        let Output { status, stdout, .. } = output.unwrap();
        let run = Run {
            code: status.code().unwrap_or(-1),
            stdout: text(stdout),
            stderr: text(stderr),
            took: began.elapsed(),
        };
        assert!(!run.stderr.contains("panicked at"), "{args:?} panicked: {}", run.stderr);
        run
    }

    /// Runs a command over this story's state folder.
    pub async fn on_state(&self, args: &[&str]) -> Run {
        let state = self.state();
        let mut all = args.to_vec();
        all.extend(["--state", state.to_str().unwrap()]);
        self.run(&all).await
    }

    /// Sets a setting, which has to be accepted.
    pub async fn set(&self, key: &str, value: &str) {
        self.on_state(&["settings", "set", key, value]).await.ends(0, &[]);
    }

    /// A sync with dump and figures.
    pub async fn sync(&self, more: &[&str]) -> Run {
        let (dump, json) = (self.path("dump"), self.path("json"));
        let mut args = vec!["sync", "--dump", dump.to_str().unwrap(), "--json", json.to_str().unwrap()];
        args.extend(more);
        self.on_state(&args).await
    }

    /// A sync that has to end well and leave the truth; the world then counts as settled. Gives its figures.
    pub async fn sync_to_truth(&self, when: &str) -> Value {
        self.sync(&[]).await.ends(0, &[]);
        self.is_true(when);
        self.world().settle();
        self.figures()
    }

    /// Begins a sync without waiting for it.
    pub fn begin_sync(&self) -> Child {
        let state = self.state();
        self.begin(&["sync", "--state", state.to_str().unwrap()])
    }

    /// Begins a command without waiting for it.
    pub fn begin(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The last figures.
    pub fn figures(&self) -> Value {
        self.json("json")
    }

    /// A JSON file of this story.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The rows of the last dump.
    pub fn dump(&self) -> BTreeMap<i64, Value> {
        let text = fs::read_to_string(self.path("dump")).unwrap();
        let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: Vec<i64> = rows.iter().map(|row| row["marketoId"].as_i64().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "a dump ascends by marketoId, each once");
        ids.into_iter().zip(rows).collect()
    }

    /// How the last dump and the truth differ, in words.
    pub fn differences(&self) -> Vec<String> {
        let mut stored = self.dump();
        let mut differences = Vec::new();
        for expected in self.world().truth() {
            match stored.remove(&expected.marketo_id) {
                None if expected.optional => {}
                None => differences.push(format!("{} is missing, should be {}", expected.marketo_id, expected.status)),
                Some(row) => differences.extend(difference(&expected, row)),
            }
        }
        differences.extend(stored.into_iter().map(|(id, row)| format!("{id} is {} and should not be", row["status"])));
        differences
    }

    /// Checks the last dump, field by field.
    #[track_caller]
    pub fn is_true(&self, when: &str) {
        let found = self.differences();
        let named = &found[..found.len().min(MAX_NAMED)];
        assert!(found.is_empty(), "{when}: {} rows are wrong, such as {named:#?}", found.len());
    }
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

/// Values of people who are not active are not compared; neither are extra fields, of which the truth knows nothing.
fn difference(expected: &ExpectedPerson, mut row: Value) -> Option<String> {
    let mut wanted = serde_json::to_value(expected).unwrap();
    wanted.as_object_mut().unwrap().remove("optional");
    row.as_object_mut().unwrap().remove("extra");
    if expected.status != "active" {
        let same = row["status"] == wanted["status"] && row["mergedInto"] == wanted["mergedInto"];
        return (!same).then(|| format!("{} is {}, should be {}", expected.marketo_id, row["status"], expected.status));
    }
    (row != wanted).then(|| {
        let wanted = wanted.as_object().unwrap();
        let differing: Vec<_> = wanted.iter().filter(|(key, value)| row.get(*key) != Some(value)).collect();
        format!("{}: should have {differing:?}, is {row}", expected.marketo_id)
    })
}
