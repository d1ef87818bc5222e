//! Files and standard output of commands.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use crate::failure::CommandFailure;

/// Writes a file beside and renames it, so that whoever reads it sees the old one or the whole new one.
pub fn replace_file(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandFailure> {
    let cannot = |e: io::Error| CommandFailure::Wrong(format!("cannot write {}: {e}", path.display()));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let mut file = BufWriter::new(File::create(&draft).map_err(cannot)?);
    write(&mut file).and_then(|()| file.flush()).map_err(cannot)?;
    drop(file);
    fs::rename(&draft, path).map_err(cannot)
}

/// Writes a value as JSON to a file, where one was asked for.
pub fn json(path: Option<&Path>, value: &impl Serialize) -> Result<(), CommandFailure> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(value)?;
    replace_file(path, |file| writeln!(file, "{text}"))
}

/// Prints a line of a command's result.
#[expect(clippy::print_stdout, reason = "results belong on standard output")]
pub fn line(text: impl std::fmt::Display) {
    println!("{text}");
}
