//! `can-send`: whether a mail may go to an address, and why not.

use std::fs;
use std::path::Path;

use super::optout::address;
use crate::embedded::LocalTables;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::state_dir::StateDir;
use crate::{opt_outs, output};

pub async fn run(
    emails: Vec<String>,
    file: Option<&Path>,
    non_commercial: bool,
    state: &Path,
) -> Result<(), CommandFailure> {
    let mut emails = emails;
    // A line of a file that is no address is refused like any other address; something typed is a slip.
    for email in &emails {
        address(email)?;
    }
    if let Some(file) = file {
        let cannot = |e: std::io::Error| CommandFailure::Usage(format!("{} cannot be read: {e}", file.display()));
        let text = fs::read_to_string(file).map_err(cannot)?;
        emails.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    if emails.is_empty() {
        return Err(CommandFailure::Usage("name an email address, or a file of them with --file".into()));
    }
    let environment = Environment::from_process().await?;
    let tables = LocalTables::open(Some(StateDir::open_or_create(state)?)).await?;
    let decisions = opt_outs::checker(&tables, &environment).check(&emails, non_commercial).await?;
    for decision in &decisions {
        output::line(serde_json::to_string(decision)?);
    }
    let refused = decisions.iter().filter(|decision| !decision.allowed).count();
    if refused == 0 {
        return Ok(());
    }
    Err(CommandFailure::Wrong(format!("{refused} of {} may not be mailed", decisions.len())))
}
