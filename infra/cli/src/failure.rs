//! How a command ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

use domain::{Advice, Failure, FailureKind};

/// What an operator is told, and the exit code that goes with it.
#[derive(Debug)]
pub enum CommandFailure {
    /// Bad usage or configuration (exit 2): nothing was done.
    Usage(String),
    /// Ran, but something is wrong (exit 1).
    Wrong(String),
}

impl CommandFailure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Wrong(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for CommandFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Wrong(text) => f.write_str(text),
        }
    }
}

impl From<Failure> for CommandFailure {
    fn from(failure: Failure) -> Self {
        let next = match failure.advice() {
            Advice::Park { until } => {
                format!(
                    "; it resets at {until:.0} (midnight US Central time); the place is kept, run the same command again then"
                )
            }
            Advice::Retry { .. } => "; the place is kept, run the same command again".to_owned(),
            Advice::Reject | Advice::Halt => String::new(),
        };
        match failure.kind {
            FailureKind::BadSetting | FailureKind::BadCredentials => Self::Usage(format!("{failure}{next}")),
            _ => Self::Wrong(format!("{failure}{next}")),
        }
    }
}

impl From<std::io::Error> for CommandFailure {
    fn from(error: std::io::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<serde_json::Error> for CommandFailure {
    fn from(error: serde_json::Error) -> Self {
        Self::Wrong(format!("cannot write JSON: {error}"))
    }
}

impl From<runtime::Error> for CommandFailure {
    fn from(error: runtime::Error) -> Self {
        Self::Wrong(error.to_string())
    }
}

impl From<runtime::config::ConfigError> for CommandFailure {
    fn from(error: runtime::config::ConfigError) -> Self {
        Self::Usage(error.to_string())
    }
}
