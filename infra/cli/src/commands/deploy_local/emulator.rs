//! ministack as a process of this command: on the loopback address, with an environment of its own, and gone with this value, together with
//! every function process that it started. Knows nothing of what is deployed to it.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::endpoint::Endpoint;
use super::folders::Folders;
use super::processes::{self, PROC, Process};
use super::venv::Venv;
use super::{LOOK, external};
use crate::failure::CommandFailure;

/// Starts it and ends with whoever holds its standard input.
const LAUNCHER: &str = "emulator.py";
/// Longest time until it takes requests.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Longest time for the processes to be gone after they were killed.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// Variables of this process that functions may need to trust who they talk to.
const PASSED_ON: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// What Lambda's process of a function is called.
const BOOTSTRAP: &str = "bootstrap";

/// A running emulator.
pub struct Emulator {
    pub endpoint: Endpoint,
    port: u16,
    /// Its standard input is held open by this value: when this process dies in whatever way, the launcher reads its end.
    child: Child,
    ended: bool,
    log: PathBuf,
    _data: TempDir,
}

impl Emulator {
    /// Starts it on a free port and waits until it takes requests.
    ///
    /// # Errors
    /// When it does not start, with the end of what it said.
    pub async fn start(venv: &Venv, folders: &Folders) -> Result<Self, CommandFailure> {
        let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
        let (endpoint, data, log) = (Endpoint::on_port(port), folders.scratch("data-")?, folders.log("emulator"));
        let mut command = command(&venv.python(), &folders.localstack(LAUNCHER), &endpoint, port, data.path());
        let output = external::appending(&log)?;
        let child = command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut emulator = Self { endpoint, port, child, ended: false, log, _data: data };
        emulator.wait_until_ready().await?;
        Ok(emulator)
    }

    async fn wait_until_ready(&mut self) -> Result<(), CommandFailure> {
        let began = Instant::now();
        while !is_ready(self.port).await {
            let ended = self.child.try_wait()?;
            if ended.is_some() || began.elapsed() > READY_WITHIN {
                let how =
                    ended.map_or_else(|| format!("did not answer in {READY_WITHIN:?}"), |s| format!("ended ({s})"));
                return Err(CommandFailure::Wrong(format!("the emulator {how}:\n{}", external::tail(&self.log))));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it ends by itself, and says what it said at last.
    pub async fn died(&mut self) -> CommandFailure {
        loop {
            match self.child.try_wait() {
                Ok(None) => tokio::time::sleep(LOOK).await,
                Ok(Some(status)) => {
                    return CommandFailure::Wrong(format!(
                        "the emulator ended ({status}):\n{}",
                        external::tail(&self.log)
                    ));
                }
                Err(e) => return e.into(),
            }
        }
    }

    /// Ends it and all that it started, and makes sure of that.
    ///
    /// # Errors
    /// When a process lives on, or its port still answers.
    pub async fn end(mut self) -> Result<String, CommandFailure> {
        let (group, began) = (self.child.id(), Instant::now());
        let ended = self.members().len();
        self.kill();
        loop {
            let left = self.members();
            let answers = TcpStream::connect(("127.0.0.1", self.port)).await.is_ok();
            if left.is_empty() && !answers {
                return Ok(format!("{ended} processes ended, port {} closed", self.port));
            }
            if began.elapsed() > GONE_WITHIN {
                let left: Vec<_> =
                    left.iter().map(|process| format!("{} ({})", process.pid, process.program)).collect();
                return Err(CommandFailure::Wrong(format!(
                    "what the emulator started does not end: process group {group} still has {left:?}, port {} {}",
                    self.port,
                    if answers { "still answers" } else { "is closed" }
                )));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Functions do not leave the group that they are started in.
    fn members(&self) -> Vec<Process> {
        let mut all = processes::all(Path::new(PROC));
        all.retain(|process| process.group == self.child.id());
        all
    }

    fn kill(&mut self) {
        processes::kill_group(self.child.id());
        // It is killed already; this takes it off the list of processes.
        let _ = self.child.wait();
        self.ended = true;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if !self.ended {
            self.kill();
        }
    }
}

/// The functions' processes that an emulator runs now.
pub fn functions_of(emulator: u32) -> Vec<Process> {
    let all = processes::all(Path::new(PROC));
    let below = processes::descendants(emulator, &all);
    below.into_iter().filter(|process| process.program == BOOTSTRAP).cloned().collect()
}

/// The command line, in a process group of its own and with nothing in its environment but what it needs: functions inherit all of it.
fn command(python: &Path, launcher: &Path, endpoint: &Endpoint, port: u16, data: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(launcher).arg("--until-input-ends").process_group(0).current_dir(data).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command
        .envs(endpoint.variables())
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        // Queue addresses are made of this; `localhost` may mean an address that is not listened on.
        .env("MINISTACK_HOST", "127.0.0.1")
        // Functions act in their roles, and what their policies do not allow is refused.
        .env("AUTH", "true")
        .env("HOME", data)
        .env("TMPDIR", data)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Whether it says that it takes requests.
async fn is_ready(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"GET /_ministack/ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"HTTP/1.1 200")
    };
    tokio::time::timeout(READY_WITHIN, ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_listens_on_loopback_and_inherits_nothing() {
        let endpoint = Endpoint::on_port(4567);
        let command = command(Path::new("python"), Path::new("launcher"), &endpoint, 4567, Path::new("/data"));
        let variables: BTreeMap<_, _> = command
            .get_envs()
            .map(|(name, value)| (name.to_str().unwrap(), value.unwrap().to_str().unwrap()))
            .collect();
        assert_eq!(variables["BIND_HOST"], "127.0.0.1");
        assert_eq!(variables["AWS_ENDPOINT_URL"], "http://127.0.0.1:4567");
        assert_eq!((variables["TMPDIR"], variables["HOME"]), ("/data", "/data"));
        let more = variables.keys().filter(|name| !PASSED_ON.contains(*name)).count();
        assert_eq!(more, 12, "{variables:?}");
    }

    #[tokio::test]
    async fn nobody_is_not_ready() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        assert!(!is_ready(port).await);
    }
}
