//! The AWS command line, as an operator uses it, against the emulated endpoint. Reads no configuration of the user's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::endpoint::Endpoint;
use super::external;
use super::folders::Folders;
use super::venv::Venv;
use crate::failure::CommandFailure;

/// The command line with where it sends its requests.
pub struct Aws {
    pub program: PathBuf,
    pub endpoint: Endpoint,
    log: PathBuf,
    home: TempDir,
}

impl Aws {
    /// The command line of the environment.
    ///
    /// # Errors
    /// When it gets no folder to call its home.
    pub fn new(venv: &Venv, folders: &Folders, endpoint: Endpoint) -> Result<Self, CommandFailure> {
        Ok(Self { program: venv.program("aws"), endpoint, log: folders.log("aws"), home: folders.scratch("home-")? })
    }

    /// Runs one command and gives what it prints.
    ///
    /// # Errors
    /// When it fails: what it was for, and the end of what it said.
    pub async fn run(&self, args: &[OsString], what: &str) -> Result<String, CommandFailure> {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .env_clear()
            .envs(self.endpoint.variables())
            .env("HOME", self.home.path())
            .env("TMPDIR", self.home.path())
            .env("AWS_CONFIG_FILE", self.home.path().join("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.home.path().join("credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(bundle) = std::env::var_os("AWS_CA_BUNDLE") {
            command.env("AWS_CA_BUNDLE", bundle);
        }
        external::run(command, what, &self.log).await
    }

    /// The same, for what is printed as JSON.
    ///
    /// # Errors
    /// Also when it is none.
    pub async fn json(&self, args: &[OsString], what: &str) -> Result<Value, CommandFailure> {
        let said = self.run(args, what).await?;
        serde_json::from_str(&said).map_err(|e| {
            CommandFailure::Wrong(format!("{what} failed: the AWS command line did not answer in JSON: {e}"))
        })
    }
}

/// Words of a command line.
pub fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

/// Uploads the functions' programs and writes the template that names them.
pub fn package(template: &Path, bucket: &str, packaged: &Path) -> Vec<OsString> {
    let mut args = words("cloudformation package --template-file");
    args.push(template.into());
    args.extend(words(&format!("--s3-bucket {bucket} --output-template-file")));
    args.push(packaged.into());
    args
}

/// Makes the stack, or changes it into what the template says.
pub fn deploy(packaged: &Path, bucket: &str, stack: &str, parameters: &[(&str, String)]) -> Vec<OsString> {
    let mut args = words("cloudformation deploy --template-file");
    args.push(packaged.into());
    args.extend(words(&format!(
        "--stack-name {stack} --s3-bucket {bucket} --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND \
         --no-fail-on-empty-changeset --parameter-overrides"
    )));
    args.extend(parameters.iter().map(|(name, value)| format!("{name}={value}").into()));
    args
}

/// Puts a secret's text, which is read from a file so that no list of processes shows it.
pub fn put_secret(id: &str, file: &Path) -> Vec<OsString> {
    let mut args = words("secretsmanager put-secret-value --secret-id");
    args.push(id.into());
    args.push("--secret-string".into());
    args.push(format!("file://{}", file.display()).into());
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[OsString]) -> String {
        args.iter().map(|arg| arg.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn command_lines_are_those_of_an_operator() {
        assert_eq!(
            line(&package(Path::new("stage/template.yaml"), "bucket", Path::new("stage/packaged.yaml"))),
            "cloudformation package --template-file stage/template.yaml --s3-bucket bucket --output-template-file stage/packaged.yaml"
        );
        let parameters = [("MarketoBaseUrl", "http://127.0.0.1:1".to_owned()), ("LogLevel", "info".to_owned())];
        assert_eq!(
            line(&deploy(Path::new("stage/packaged.yaml"), "bucket", "stack", &parameters)),
            "cloudformation deploy --template-file stage/packaged.yaml --stack-name stack --s3-bucket bucket \
             --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND --no-fail-on-empty-changeset \
             --parameter-overrides MarketoBaseUrl=http://127.0.0.1:1 LogLevel=info"
        );
        assert_eq!(
            line(&put_secret("arn", Path::new("/private/file"))),
            "secretsmanager put-secret-value --secret-id arn --secret-string file:///private/file"
        );
    }
}
