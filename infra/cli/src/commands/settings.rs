//! `settings get` and `settings set`.

use std::path::Path;

use domain::settings::{self, SETTINGS};

use crate::embedded::LocalTables;
use crate::failure::CommandFailure;
use crate::output;
use crate::state_dir::StateDir;

pub async fn get(state: &Path, key: Option<&str>) -> Result<(), CommandFailure> {
    if let Some(key) = key {
        settings::spec(key)?;
    }
    let tables = LocalTables::open(Some(StateDir::open(state)?)).await?;
    let settings = settings::load(&*tables.state).await?;
    match key {
        Some(key) => output::line(settings.get(key)?),
        None => {
            for setting in SETTINGS {
                output::line(format!(
                    "{} = {}    (allowed: {})",
                    setting.key,
                    settings.get(setting.key)?,
                    setting.allowed()
                ));
            }
        }
    }
    Ok(())
}

pub async fn set(state: &Path, key: &str, value: &str) -> Result<(), CommandFailure> {
    // Refused before the folder is touched, so that a wrong setting makes no folder.
    settings::spec(key)?.checked(value)?;
    let tables = LocalTables::open(Some(StateDir::open_or_create(state)?)).await?;
    let author = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "operator".into());
    let settings = settings::set(&*tables.state, &tables.clock, key, value, &author).await?;
    output::line(format!("{key} = {}", settings.get(key)?));
    Ok(())
}
