//! The folder that keeps a local run's tables: made, recognised and locked here.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::CommandFailure;

const MARKER: &str = "actions-sync.json";
const DATABASE: &str = "dynamodb.sqlite";
const LOCK: &str = "lock";
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Marker {
    program: String,
    layout: u32,
    /// Whose people are kept here, once known.
    subscription: Option<String>,
    /// Tables whose making has begun and not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unfinished_tables: Vec<String>,
}

impl Marker {
    fn of_new_folder() -> Self {
        Self { program: "actions-sync".into(), layout: LAYOUT, subscription: None, unfinished_tables: Vec::new() }
    }
}

/// A state folder of ours, locked for this process.
#[derive(Debug)]
pub struct StateDir {
    folder: PathBuf,
    lock: File,
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // Said aloud: a child that is just being started holds the file, too, until it has become another program.
        let _ = self.lock.unlock();
    }
}

impl StateDir {
    /// Opens the folder, and makes it where it is new or empty.
    pub fn open_or_create(folder: &Path) -> Result<Self, CommandFailure> {
        fs::create_dir_all(folder).map_err(|e| cannot(folder, "be made", &e))?;
        let empty = fs::read_dir(folder).map_err(|e| cannot(folder, "be read", &e))?.next().is_none();
        if empty {
            write_marker(folder, &Marker::of_new_folder())?;
        }
        Self::open(folder)
    }

    /// Opens a folder that a sync has made.
    pub fn open(folder: &Path) -> Result<Self, CommandFailure> {
        if !folder.is_dir() {
            return Err(CommandFailure::Usage(format!(
                "{} is not a state folder; make one with `actions-sync sync --state {}`",
                folder.display(),
                folder.display()
            )));
        }
        read_marker(folder)?;
        let lock = File::create(folder.join(LOCK)).map_err(|e| cannot(folder, "be locked", &e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock }),
            Err(TryLockError::WouldBlock) => Err(CommandFailure::Wrong(format!(
                "{} is in use by another actions-sync; wait until it ends, or name another folder",
                folder.display()
            ))),
            Err(TryLockError::Error(e)) => Err(cannot(folder, "be locked", &e)),
        }
    }

    /// Binds the folder to a subscription; a folder of another one is refused, because ids mean other people there.
    pub fn claim(&self, subscription: &str) -> Result<(), CommandFailure> {
        let marker = read_marker(&self.folder)?;
        match marker.subscription {
            None => write_marker(&self.folder, &Marker { subscription: Some(subscription.to_owned()), ..marker }),
            Some(kept) if kept == subscription => Ok(()),
            Some(kept) => Err(CommandFailure::Usage(format!(
                "{} holds the people of {kept}, and MARKETO_BASE_URL names {subscription}; name another folder or that Marketo",
                self.folder.display()
            ))),
        }
    }

    /// Tables that a process began to make and, as far as is known, did not finish. Nothing was ever written to them.
    pub fn unfinished_tables(&self) -> Result<Vec<String>, CommandFailure> {
        Ok(read_marker(&self.folder)?.unfinished_tables)
    }

    /// Keeps which tables are being made; none once they are.
    pub fn note_unfinished_tables(&self, tables: Vec<String>) -> Result<(), CommandFailure> {
        let marker = read_marker(&self.folder)?;
        write_marker(&self.folder, &Marker { unfinished_tables: tables, ..marker })
    }

    /// Path of the database file.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }
}

fn read_marker(folder: &Path) -> Result<Marker, CommandFailure> {
    let foreign = |why: &str| {
        CommandFailure::Usage(format!(
            "{} {why}; nothing in it was changed. Name a new or empty folder, or one that actions-sync made",
            folder.display()
        ))
    };
    let text = match fs::read_to_string(folder.join(MARKER)) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(foreign("holds files, but none of actions-sync"));
        }
        Err(_) => return Err(foreign("has a marker file that cannot be read")),
    };
    let marker: Marker = serde_json::from_str(&text).map_err(|_| foreign("has a damaged marker file"))?;
    if marker.program != "actions-sync" {
        return Err(foreign("belongs to another program"));
    }
    if marker.layout != LAYOUT {
        return Err(foreign(&format!("has layout {}, and this program knows layout {LAYOUT}", marker.layout)));
    }
    Ok(marker)
}

fn write_marker(folder: &Path, marker: &Marker) -> Result<(), CommandFailure> {
    let draft = folder.join(format!("{MARKER}.new"));
    // Written beside and renamed, so that a kill leaves the old marker or the new one.
    fs::write(&draft, serde_json::to_vec(marker)?).map_err(|e| cannot(folder, "be written", &e))?;
    fs::rename(&draft, folder.join(MARKER)).map_err(|e| cannot(folder, "be written", &e))
}

fn cannot(folder: &Path, what: &str, error: &std::io::Error) -> CommandFailure {
    CommandFailure::Usage(format!("the state folder {} cannot {what}: {error}", folder.display()))
}
