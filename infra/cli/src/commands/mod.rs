//! One file per command. Each builds what it needs, calls use cases, and prints.

mod bench;
mod can_send;
mod demo;
mod deploy_local;
mod explain;
mod log;
mod optout;
mod provision;
mod reconcile;
mod rejects;
mod settings;
mod status;
mod sync;
mod task;
mod verify;

use std::path::Path;

use crate::args::{Args, Command, ReconcileWhat, RejectsAction, SettingsAction};
use crate::embedded::Embedded;
use crate::environment::Environment;
use crate::failure::CommandFailure;
use crate::logging::Logging;
use crate::salesforce::SalesforceEnvironment;
use crate::state_dir::StateDir;

/// Runs the command named.
pub async fn run(args: Args) -> Result<(), CommandFailure> {
    match args.command {
        Command::Demo { people, seed, json } => demo::run(people, seed, json.as_deref()).await,
        Command::Sync { state, dump, json, full } => {
            sync::run(state.as_deref(), dump.as_deref(), json.as_deref(), full).await
        }
        Command::Status { state, json } => status::run(&state, json.as_deref()).await,
        Command::Verify { state, json } => verify::run(&state, json.as_deref()).await,
        Command::Explain { person, state } => explain::run(&state, &person).await,
        Command::Log { state, activities, json } => log::run(&state, &activities, json.as_deref()).await,
        Command::Optout { action } => optout::run(action).await,
        Command::CanSend { emails, file, non_commercial, state } => {
            can_send::run(emails, file.as_deref(), non_commercial, &state).await
        }
        Command::Reconcile { what: ReconcileWhat::Unsubscribes { state, dry_run, full, json } } => {
            reconcile::unsubscribes(&state, dry_run, full, json.as_deref()).await
        }
        Command::Reconcile { what: ReconcileWhat::Tasks { state, dry_run, json } } => {
            reconcile::tasks(&state, dry_run, json.as_deref()).await
        }
        Command::Task { action } => task::run(action).await,
        Command::Rejects { action: RejectsAction::List { of } } => rejects::list(&of).await,
        Command::Rejects { action: RejectsAction::Retry { of } } => rejects::retry(&of).await,
        Command::Provision { target, check, state } => provision::run(target, check, state.as_deref()).await,
        Command::Bench { people, quick, only, venvs, packaged, json } => {
            bench::run(&bench::Options::new(people, quick, &only, venvs, packaged)?, json.as_deref()).await
        }
        Command::DeployLocal { emulator, check, kill_functions, profile } => {
            deploy_local::run(deploy_local::Options { emulator, check, kill_functions, profile }).await
        }
        Command::BenchPart { part } => bench::parts::run(part).await,
        Command::Settings { action: SettingsAction::Get { key, state } } => settings::get(&state, key.as_deref()).await,
        Command::Settings { action: SettingsAction::Set { key, value, state } } => {
            settings::set(&state, &key, &value).await
        }
    }
}

/// The collection over an existing state folder.
async fn open(state: &Path) -> Result<Embedded, CommandFailure> {
    let state = StateDir::open(state)?;
    Embedded::start(Environment::from_process().await?, Some(state)).await
}

/// The logging of activities over an existing state folder, or in memory.
async fn open_logging(state: Option<&Path>) -> Result<Logging, CommandFailure> {
    let salesforce = SalesforceEnvironment::from_process().await?;
    let embedded = match state {
        Some(state) => open(state).await?,
        None => Embedded::start(Environment::from_process().await?, None).await?,
    };
    Logging::start(embedded, salesforce).await
}
