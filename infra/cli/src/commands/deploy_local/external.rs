//! Runs other programs to their end: what they say is kept in a log, and the end of it is shown where they fail. They die with the future.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::process::Command;

use crate::failure::CommandFailure;

/// Lines of a log that a failure shows.
const TAIL: usize = 20;

/// Runs a program, adds what it says to a log, and gives its standard output.
///
/// # Errors
/// When it cannot be started, or does not end well: what it was for, and the end of what it said.
pub async fn run(mut command: Command, what: &str, log: &Path) -> Result<String, CommandFailure> {
    command.stderr(appending(log)?);
    let (status, said) = to_its_end(command, what).await?;
    appending(log)?.write_all(said.as_bytes())?;
    if status.success() {
        return Ok(said);
    }
    Err(CommandFailure::Wrong(format!("{what} failed ({status}):\n{}", tail(log))))
}

/// Runs a program whose errors and progress everybody sees, and gives its standard output.
///
/// # Errors
/// When it cannot be started, or does not end well.
pub async fn run_shown(command: Command, what: &str) -> Result<String, CommandFailure> {
    let (status, said) = to_its_end(command, what).await?;
    status
        .success()
        .then_some(said)
        .ok_or_else(|| CommandFailure::Wrong(format!("{what} failed ({status}), as said above")))
}

async fn to_its_end(mut command: Command, what: &str) -> Result<(ExitStatus, String), CommandFailure> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let ending = command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let cannot = |e| CommandFailure::Wrong(format!("{what} is not possible: {program} cannot be started: {e}"));
    let output = ending.map_err(cannot)?.wait_with_output().await?;
    Ok((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// The last lines of a log, as far as it can be read.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(TAIL)..];
    format!("{}\n(the end of {})", last.join("\n"), log.display())
}

/// A log that is written to at its end.
pub fn appending(log: &Path) -> Result<File, CommandFailure> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(|e| CommandFailure::Wrong(format!("{} cannot be written: {e}", log.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_says_what_it_was_for_and_what_was_said() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let shell = |script: &str| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]);
            command
        };
        assert_eq!(run(shell("echo fine"), "a test", &log).await.unwrap(), "fine\n");
        let why = run(shell("echo out; echo because >&2; exit 3"), "a test", &log).await.unwrap_err().to_string();
        for part in ["a test failed", "exit status: 3", "because", "out"] {
            assert!(why.contains(part), "{part} in {why}");
        }
        let why = run_shown(shell("exit 4"), "a test").await.unwrap_err().to_string();
        assert!(why.contains("a test failed (exit status: 4)"), "{why}");
        let why = run(Command::new("/no/such/program"), "a test", &log).await.unwrap_err().to_string();
        assert!(why.contains("a test is not possible: /no/such/program"), "{why}");
    }
}
