//! Which functions the template deploys. Reads only the lines that name their code; everything else of the template is CloudFormation's.

use std::fs;
use std::path::Path;

use crate::failure::CommandFailure;

/// The file that is deployed, seen from the repository.
pub const TEMPLATE: &str = "template.yaml";

/// A deployed function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Name of its crate and of its folder.
    pub name: String,
    /// Its `CodeUri`: a folder, seen from the template.
    pub code_uri: String,
}

/// The functions of the repository, each of which the template has to deploy.
///
/// # Errors
/// When there is no template, or template and folders name different functions.
pub fn functions(root: &Path) -> Result<Vec<Function>, CommandFailure> {
    let path = root.join(TEMPLATE);
    let text = fs::read_to_string(&path)
        .map_err(|e| CommandFailure::Wrong(format!("{} cannot be read: {e}", path.display())))?;
    let deployed = code_uris(&text);
    let mut folders: Vec<String> = fs::read_dir(root.join("functions"))?
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort_unstable();
    let mut named: Vec<&str> = deployed.iter().map(|function| function.name.as_str()).collect();
    named.sort_unstable();
    named.dedup();
    if named != folders {
        return Err(CommandFailure::Wrong(format!(
            "{TEMPLATE} deploys {}, and in functions/ are {}; name each folder as a CodeUri",
            list(&named),
            list(&folders)
        )));
    }
    Ok(deployed)
}

/// Every `CodeUri` of a template, which names the function by its last part.
fn code_uris(template: &str) -> Vec<Function> {
    let values = template.lines().filter_map(|line| line.trim_start().strip_prefix("CodeUri:"));
    let mut found: Vec<Function> = Vec::new();
    for value in values {
        let code_uri = value.split(" #").next().unwrap_or(value).trim().trim_matches(['"', '\'']).to_owned();
        let name = code_uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        if !found.iter().any(|function| function.code_uri == code_uri) {
            found.push(Function { name, code_uri });
        }
    }
    found
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/worker
  Pull:
    Type: AWS::Serverless::Function
    Properties: # CodeUri: not/this
      CodeUri: \"./functions/pull/\" # its folder
";

    fn repository(folders: &[&str], template: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join("functions").join(folder)).unwrap();
            fs::write(root.path().join("functions").join(folder).join("Cargo.toml"), "").unwrap();
        }
        fs::write(root.path().join(TEMPLATE), template).unwrap();
        root
    }

    #[test]
    fn functions_are_named_by_their_code() {
        let found = functions(repository(&["pull", "worker"], TWO).path()).unwrap();
        let found: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.code_uri.as_str())).collect();
        assert_eq!(found, [("worker", "functions/worker"), ("pull", "./functions/pull/")]);
    }

    #[test]
    fn a_function_without_a_resource_or_the_other_way_round_is_named() {
        for folders in [["pull", "worker", "other"].as_slice(), ["pull"].as_slice()] {
            let why = functions(repository(folders, TWO).path()).unwrap_err().to_string();
            assert!(why.contains("pull, worker") && why.contains(folders.last().unwrap()), "{why}");
        }
    }

    #[test]
    fn no_template_is_said() {
        let root = repository(&["pull"], TWO);
        fs::remove_file(root.path().join(TEMPLATE)).unwrap();
        assert!(functions(root.path()).unwrap_err().to_string().contains("template.yaml cannot be read"));
    }
}
