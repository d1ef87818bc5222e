//! The private Python environment with the AWS command line and the emulator, in fully pinned versions. Made once, and again when the pins
//! change.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::external;
use super::folders::Folders;
use crate::failure::CommandFailure;

/// The pins, beside the other files for emulators.
const PINS: &str = "requirements/deploy-local.txt";
/// Written last: a copy of the pins that are installed.
const DONE: &str = "pins.txt";
/// Oldest Python for which the pins hold.
const OLDEST: (u32, u32) = (3, 11);
const CANDIDATES: [&str; 5] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// An environment with everything in it.
pub struct Venv(PathBuf);

impl Venv {
    /// The environment, installed where it is missing or made of other pins.
    ///
    /// # Errors
    /// When there is no Python that is new enough, or the packages cannot be installed.
    pub async fn ready(folders: &Folders) -> Result<Self, CommandFailure> {
        let (venv, pins) = (Self(folders.venv()), folders.localstack(PINS));
        let wanted = fs::read_to_string(&pins)
            .map_err(|e| CommandFailure::Wrong(format!("{} cannot be read: {e}", pins.display())))?;
        if venv.holds(&wanted) {
            return Ok(venv);
        }
        let python = newest_enough().await?;
        eprintln!("installing the AWS command line and the emulator into {}", venv.0.display());
        if venv.0.exists() {
            fs::remove_dir_all(&venv.0)?;
        }
        let log = folders.log("install");
        let install = |program: &Path, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args);
            command
        };
        let (path, pinned) = (venv.0.to_string_lossy(), pins.to_string_lossy());
        let pip = ["-m", "pip", "--disable-pip-version-check"];
        let packages = [&pip[..], &["install", "--no-deps", "--requirement", &pinned]].concat();
        for command in [
            install(&python, &["-m", "venv", &path]),
            install(&venv.python(), &packages),
            install(&venv.python(), &[&pip[..], &["check"]].concat()),
        ] {
            external::run(command, "installing the pinned Python packages", &log).await.map_err(|failure| {
                CommandFailure::Wrong(format!(
                    "{failure}\nthe first run needs the Python package index, later ones do not"
                ))
            })?;
        }
        fs::write(venv.0.join(DONE), wanted)?;
        Ok(venv)
    }

    fn holds(&self, pins: &str) -> bool {
        self.python().is_file() && fs::read_to_string(self.0.join(DONE)).is_ok_and(|held| held == pins)
    }

    /// Its Python.
    pub fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// Another program in it.
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }
}

/// The first Python on the path that is new enough and can make environments.
async fn newest_enough() -> Result<PathBuf, CommandFailure> {
    for candidate in CANDIDATES {
        let probe = ["-c", "import sys, venv, ensurepip; print(*sys.version_info[:2])"];
        let Ok(answer) = Command::new(candidate).args(probe).kill_on_drop(true).output().await else { continue };
        if answer.status.success() && is_new_enough(&String::from_utf8_lossy(&answer.stdout)) {
            return Ok(candidate.into());
        }
    }
    Err(CommandFailure::Wrong(format!(
        "Python {}.{} or newer, with venv, is needed for the AWS command line and the emulator, and is not on the PATH; install it and run the same command again",
        OLDEST.0, OLDEST.1
    )))
}

/// Whether an answer such as `3 12` names a version that will do.
fn is_new_enough(answer: &str) -> bool {
    let mut parts = answer.split_whitespace().map(str::parse::<u32>);
    matches!((parts.next(), parts.next()), (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= OLDEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pythons_will_not_do() {
        for (answer, will_do) in
            [("3 11\n", true), ("3 14", true), ("4 0", true), ("3 9", false), ("2 7", false), ("", false)]
        {
            assert_eq!(is_new_enough(answer), will_do, "{answer}");
        }
    }

    #[test]
    fn every_package_is_pinned_once() {
        let pins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../localstack").join(PINS);
        let text = fs::read_to_string(pins).unwrap();
        let mut names: Vec<&str> = text
            .lines()
            .map(|line| line.split_once("==").unwrap_or_else(|| panic!("{line} is not pinned")).0)
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a package is pinned twice");
        assert!(["awscli", "ministack", "aws-sam-translator"].iter().all(|name| names.contains(name)));
    }

    #[test]
    fn an_environment_of_other_pins_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let venv = Venv(folder.path().to_owned());
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(venv.python(), "").unwrap();
        assert!(!venv.holds("a==1"), "it was never finished");
        fs::write(folder.path().join(DONE), "a==1").unwrap();
        assert!(venv.holds("a==1") && !venv.holds("a==2"));
    }
}
