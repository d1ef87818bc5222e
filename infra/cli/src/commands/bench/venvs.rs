//! Where other people's clients are installed, and the programs of ours that run them. Installs nothing: `tests/peers/run` does.

use std::path::{Path, PathBuf};

pub const TAP_MARKETO: &str = "tap-marketo";
pub const AIRBYTE: &str = "airbyte-source-marketo";
pub const MARKETORESTPYTHON: &str = "marketorestpython";

/// Folder with a virtual environment for each client.
#[derive(Debug)]
pub struct Venvs(PathBuf);

impl Venvs {
    /// The folder given, else the one that `tests/peers/run` makes beside the built programs.
    ///
    /// # Errors
    /// When this program does not know where it lies.
    pub fn find(given: Option<PathBuf>) -> std::io::Result<Self> {
        if let Some(given) = given {
            return Ok(Self(given));
        }
        let program = std::env::current_exe()?;
        Ok(Self(program.ancestors().nth(2).unwrap_or(&program).join("peers/venvs")))
    }

    /// The Python of a client, where it is installed whole.
    pub fn python(&self, client: &str) -> Option<PathBuf> {
        let venv = self.0.join(client);
        venv.join("pins.sha256").is_file().then(|| venv.join("bin/python"))
    }

    /// Told instead of a figure.
    pub fn not_installed(client: &str) -> String {
        format!("{client} is not installed, so nothing is compared with it; `tests/peers/run` installs it")
    }

    /// A program that runs a client.
    pub fn program(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/clients").join(name)
    }
}
