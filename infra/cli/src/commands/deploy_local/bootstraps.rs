//! Builds the functions' programs for this machine: an emulator without containers runs them as processes of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::process::Command;

use super::external;
use super::template::Function;
use crate::failure::CommandFailure;

/// Builds all of them and gives where each lies.
///
/// # Errors
/// When the compiler refuses one; it says why on standard error.
pub async fn build(
    root: &Path,
    functions: Vec<Function>,
    profile: &str,
) -> Result<Vec<(Function, PathBuf)>, CommandFailure> {
    eprintln!("building {} functions for this machine (profile {profile})", functions.len());
    let mut command = command(root, &functions, profile);
    // Cargo's own variables of this run would make it build everything again.
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo_run(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    let said = external::run_shown(command, "building the functions").await?;
    let mut built = programs(&said);
    functions
        .into_iter()
        .map(|function| match built.remove(&function.name) {
            Some(program) => Ok((function, program)),
            None => Err(CommandFailure::Wrong(format!(
                "the crate {} has no program of this name, which its Cargo.toml has to name",
                function.name
            ))),
        })
        .collect()
}

fn command(root: &Path, functions: &[Function], profile: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(root).args(["build", "--message-format", "json-render-diagnostics", "--profile", profile]);
    // Not as packages, of which Cargo would compile the AWS SDK once more, with fewer features.
    for function in functions {
        command.args(["--bin", &function.name]);
    }
    command
}

fn is_of_cargo_run(name: &str) -> bool {
    name == "CARGO" || name == "CARGO_MANIFEST_DIR" || name == "CARGO_MANIFEST_PATH" || name.starts_with("CARGO_PKG_")
}

/// The programs that were built, by name.
fn programs(messages: &str) -> HashMap<String, PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    messages
        .filter_map(|message| {
            let program = message["executable"].as_str()?;
            Some((message["target"]["name"].as_str()?.to_owned(), PathBuf::from(program)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_the_functions_are_built_and_found() {
        let functions = [("worker", "functions/worker"), ("pull", "functions/pull")]
            .map(|(name, code_uri)| Function { name: name.into(), code_uri: code_uri.into() });
        let command = command(Path::new("/"), &functions, "dist");
        let args: Vec<_> = command.as_std().get_args().map(|arg| arg.to_str().unwrap()).collect();
        let wanted = "build --message-format json-render-diagnostics --profile dist --bin worker --bin pull";
        assert_eq!(args.join(" "), wanted);

        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"domain"},"executable":null}"#,
            "\nnot JSON\n",
            r#"{"reason":"compiler-artifact","target":{"name":"worker"},"executable":"/t/worker"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(programs(messages), HashMap::from([("worker".to_owned(), PathBuf::from("/t/worker"))]));
    }
}
