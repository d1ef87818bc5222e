//! The deployed functions as processes under an emulated Lambda. Their own programs are taken where they lie beside this one; else this
//! program runs the same code in their place.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::lambda::LambdaApi;
use super::processes;
use crate::failure::CommandFailure;

pub const COORDINATOR: &str = "initial-sync-coordinator";
pub const WORKER: &str = "initial-sync-worker";
pub const PULL: &str = "incremental-pull";
pub const LOGGER: &str = "activity-logger";

/// A function instance. Ends with this value.
pub struct Function {
    name: &'static str,
    api: LambdaApi,
    child: Child,
    /// Whether it is the function's own program.
    pub deployed: bool,
    pub invocations: u64,
    /// Time of all invocations.
    pub busy: Duration,
}

impl Function {
    /// Starts a function with nothing in its environment but what Lambda sets and what is given.
    ///
    /// # Errors
    /// When the process cannot be started.
    pub async fn start(name: &'static str, environment: &[(&str, String)]) -> Result<Self, CommandFailure> {
        let this = std::env::current_exe()?;
        let own = this.with_file_name(name);
        if own.is_file() {
            return Self::of_program(name, &own, environment).await;
        }
        let mut command = Command::new(&this);
        command.args(["bench-part", "function", name]);
        Self::run(name, command, false, environment).await
    }

    /// Starts this program as a function, in the same way.
    ///
    /// # Errors
    /// As for [`Self::start`].
    pub async fn of_program(
        name: &'static str,
        program: &Path,
        environment: &[(&str, String)],
    ) -> Result<Self, CommandFailure> {
        Self::run(name, Command::new(program), true, environment).await
    }

    async fn run(
        name: &'static str,
        mut command: Command,
        deployed: bool,
        environment: &[(&str, String)],
    ) -> Result<Self, CommandFailure> {
        let api = LambdaApi::start().await?;
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &api.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/07/01/[$LATEST]1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "bench")
            .env("AWS_SECRET_ACCESS_KEY", "bench")
            .env("LOG_LEVEL", "warn")
            .env("STACK_NAME", "bench")
            .envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        Ok(Self { name, api, child, deployed, invocations: 0, busy: Duration::ZERO })
    }

    /// Invokes it and waits for what it answers.
    ///
    /// # Errors
    /// When it reports an error, or nothing.
    pub async fn invoke(&mut self, event: &Value) -> Result<Value, CommandFailure> {
        let began = Instant::now();
        let outcome = self.api.invoke(event).await;
        self.busy += began.elapsed();
        self.invocations += 1;
        let why = match outcome {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) => error.to_string(),
            None => "it does not answer".to_owned(),
        };
        Err(CommandFailure::Wrong(format!("{} failed: {why}", self.name)))
    }

    /// Most memory it has had so far, bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        processes::peak_memory(self.child.id())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
