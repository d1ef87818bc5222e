//! The deployed functions as processes: built once, started with an environment, their output kept.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::lambda::{LambdaApi, Outcome};
use system_tests::lock;

/// The functions of the people flow.
pub const PEOPLE_FUNCTIONS: [&str; 3] = ["initial-sync-coordinator", "initial-sync-worker", "incremental-pull"];
/// The logger of sales activities.
pub const LOGGER: &str = "activity-logger";
/// What keeps opt-outs in step with Salesforce.
pub const RECONCILER: &str = "unsubscribe-reconciler";
/// What keeps reminder tasks in step with Salesforce.
pub const TASKS: &str = "task-reconciler";
/// All functions.
pub const FUNCTIONS: [&str; 6] =
    [PEOPLE_FUNCTIONS[0], PEOPLE_FUNCTIONS[1], PEOPLE_FUNCTIONS[2], LOGGER, RECONCILER, TASKS];
/// Time that an invocation is told to have.
const TIME: Duration = Duration::from_secs(120);
/// Longest that an invocation or a failing cold start may take here.
const LONGEST: Duration = Duration::from_secs(60);

/// Where the built functions lie. They are built with the profile and into the folder of the running test, out of the whole workspace, so
/// that the crates below them are those that `cargo test` has just built.
static BUILT: LazyLock<PathBuf> = LazyLock::new(build);

fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let profile = match folder.file_name().and_then(|name| name.to_str()).unwrap() {
        "debug" => "dev",
        other => other,
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace).args([
        "build",
        "--offline",
        "--workspace",
        "--bins",
        "--profile",
        profile,
        "--target-dir",
    ]);
    cargo.arg(folder.parent().unwrap());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.to_owned()
}

/// A function instance under an emulated Lambda. It is killed with this value.
pub struct Function {
    api: LambdaApi,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Function {
    /// Starts a function with nothing in its environment but what Lambda sets and what is given.
    pub async fn start(name: &str, environment: &[(&str, String)]) -> Self {
        let folder = tokio::task::spawn_blocking(|| BUILT.clone()).await.unwrap();
        let api = LambdaApi::start().await;
        let mut command = Command::new(folder.join(name));
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/07/01/[$LATEST]1")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("LOG_LEVEL", "debug")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let readers = vec![keep(stdout, output.clone()), keep(stderr, output.clone())];
        Self { api, child, output, readers }
    }

    /// Invokes it and waits for what it answers.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_with(event, TIME).await
    }

    /// The same, with so much time before Lambda would cut it off.
    pub async fn invoke_with(&self, event: &Value, time: Duration) -> Outcome {
        let outcome = self.api.invoke(event, time, LONGEST).await;
        outcome.unwrap_or_else(|| panic!("no answer; the function wrote:\n{}", self.output()))
    }

    /// All lines that it wrote so far.
    pub fn output(&self) -> String {
        lock(&self.output).clone()
    }

    /// Ends it, and gives all that it wrote.
    pub async fn stop(mut self) -> String {
        self.child.kill().unwrap();
        self.ended().await.1
    }

    /// Waits for its end, and for the last of its output.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let asked_until = tokio::time::Instant::now() + LONGEST;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if tokio::time::Instant::now() < asked_until => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                None => panic!("it runs on; it wrote:\n{}", self.output()),
            }
        };
        for reader in self.readers.drain(..) {
            tokio::task::spawn_blocking(move || reader.join()).await.unwrap().unwrap();
        }
        (status, self.output())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn keep(stream: impl Read + Send + 'static, output: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            lock(&output).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}
