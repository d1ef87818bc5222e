//! Where `deploy-local` reads and writes. All that it writes lies below the target folder; one run at a time may use it.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::failure::CommandFailure;

/// The folders of one run.
pub struct Folders {
    /// The repository.
    pub root: PathBuf,
    home: PathBuf,
    lock: File,
}

impl Folders {
    /// Takes the folder beside the built programs for this run; what the run before has left goes, be it that it was killed.
    ///
    /// # Errors
    /// When another run has it, or it cannot be written.
    pub fn take() -> Result<Self, CommandFailure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().map_err(|e| {
            CommandFailure::Usage(format!(
                "deploy-local builds from the sources of this repository, which are gone: {e}"
            ))
        })?;
        let program = std::env::current_exe()?;
        let target = program.ancestors().nth(2).unwrap_or(&program);
        Self::at(root, target.join("deploy-local"))
    }

    fn at(root: PathBuf, home: PathBuf) -> Result<Self, CommandFailure> {
        let shown = home.display().to_string();
        let cannot = |e: std::io::Error| CommandFailure::Wrong(format!("{shown} cannot be written: {e}"));
        fs::create_dir_all(&home).map_err(cannot)?;
        let lock = File::create(home.join("lock")).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(CommandFailure::Wrong(format!(
                    "another deploy-local uses {}; wait until it ends, or give this one a target folder of its own with CARGO_TARGET_DIR",
                    shown
                )));
            }
            Err(TryLockError::Error(e)) => return Err(cannot(e)),
        }
        let folders = Self { root, home, lock };
        for fresh in [folders.logs(), folders.stage(), folders.scratches()] {
            if fresh.exists() {
                fs::remove_dir_all(&fresh).map_err(cannot)?;
            }
            fs::create_dir_all(&fresh).map_err(cannot)?;
        }
        Ok(folders)
    }

    /// The Python environment, which is kept from run to run.
    pub fn venv(&self) -> PathBuf {
        self.home.join("venv")
    }

    /// What is deployed.
    pub fn stage(&self) -> PathBuf {
        self.home.join("stage")
    }

    /// What the programs said.
    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    /// A log by name.
    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// A file of the folder with all that is needed for emulators.
    pub fn localstack(&self, name: &str) -> PathBuf {
        self.root.join("infra/localstack").join(name)
    }

    fn scratches(&self) -> PathBuf {
        self.home.join("scratch")
    }

    /// A folder that ends with its value, for what nobody needs afterwards.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self, name: &str) -> std::io::Result<tempfile::TempDir> {
        tempfile::Builder::new().prefix(name).tempdir_in(self.scratches())
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // Said aloud: a child that is just being started holds the file, too, until it has become another program.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_at_a_time_and_what_is_old_goes() {
        let folder = tempfile::tempdir().unwrap();
        let at = || Folders::at(folder.path().to_owned(), folder.path().join("deploy-local"));
        let first = at().unwrap();
        fs::write(first.log("emulator"), "old").unwrap();
        let left = first.scratch("secret-").unwrap().keep();
        assert!(at().err().unwrap().to_string().contains("another deploy-local"));
        drop(first);
        let second = at().unwrap();
        assert!(!second.log("emulator").exists() && !left.exists());
    }
}
