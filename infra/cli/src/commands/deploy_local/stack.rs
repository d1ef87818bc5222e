//! The stack: deployed from the staged folder, its credentials put as an operator puts them, and what it tells of itself.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde_json::json;
use store::Tables;

use super::aws::{self, Aws, words};
use crate::environment::Environment;
use crate::failure::CommandFailure;

/// What the AWS command line says of a deployment that changes nothing.
const NO_CHANGES: &str = "No changes to deploy";

/// A deployed stack.
pub struct Stack {
    pub name: String,
    bucket: String,
    template: PathBuf,
    packaged: PathBuf,
    parameters: Vec<(&'static str, String)>,
    /// What it tells of itself, by name.
    pub outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Describes a stack that is not deployed yet.
    pub fn new(name: &str, template: PathBuf, parameters: Vec<(&'static str, String)>) -> Self {
        let packaged = template.with_file_name("packaged.yaml");
        let bucket = format!("{name}-artifacts");
        Self { name: name.to_owned(), bucket, template, packaged, parameters, outputs: BTreeMap::new() }
    }

    /// Deploys it; gives whether anything was changed.
    ///
    /// # Errors
    /// When a step fails; for the stack itself with the events that tell why.
    pub async fn deploy(&mut self, aws: &Aws) -> Result<bool, CommandFailure> {
        let make = aws.run(&words(&format!("s3 mb s3://{}", self.bucket)), "making the bucket for the programs").await;
        if let Err(failure) = make
            && !failure.to_string().contains("BucketAlreadyOwnedByYou")
        {
            return Err(failure);
        }
        let upload = aws::package(&self.template, &self.bucket, &self.packaged);
        aws.run(&upload, "uploading the programs").await?;
        let deploy = aws::deploy(&self.packaged, &self.bucket, &self.name, &self.parameters);
        let said = match aws.run(&deploy, "deploying the stack").await {
            Ok(said) => said,
            Err(failure) => return Err(CommandFailure::Wrong(format!("{failure}\n{}", self.why(aws).await))),
        };
        self.outputs = self.describe(aws).await?.1;
        Ok(!said.contains(NO_CHANGES))
    }

    /// Its state in CloudFormation's words, and its outputs.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn describe(&self, aws: &Aws) -> Result<(String, BTreeMap<String, String>), CommandFailure> {
        let describe = words(&format!("cloudformation describe-stacks --output json --stack-name {}", self.name));
        let answer = aws.json(&describe, "reading the stack").await?;
        let stack = &answer["Stacks"][0];
        let outputs = stack["Outputs"].as_array().into_iter().flatten().filter_map(|output| {
            Some((output["OutputKey"].as_str()?.to_owned(), output["OutputValue"].as_str()?.to_owned()))
        });
        Ok((stack["StackStatus"].as_str().unwrap_or_default().to_owned(), outputs.collect()))
    }

    /// The reasons that CloudFormation gives for what failed.
    async fn why(&self, aws: &Aws) -> String {
        let events = words(&format!("cloudformation describe-stack-events --output json --stack-name {}", self.name));
        let Ok(answer) = aws.json(&events, "reading the stack's events").await else { return String::new() };
        let failed = answer["StackEvents"].as_array().into_iter().flatten().filter_map(|event| {
            let (state, reason) = (event["ResourceStatus"].as_str()?, event["ResourceStatusReason"].as_str()?);
            state
                .ends_with("FAILED")
                .then(|| format!("{}: {reason}", event["LogicalResourceId"].as_str().unwrap_or("?")))
        });
        failed.collect::<Vec<_>>().join("\n")
    }

    /// Puts Marketo's credentials into the stack's secret, from a file that only this user can read.
    ///
    /// # Errors
    /// When the stack has no secret, or it cannot be written.
    pub async fn put_credentials(
        &self,
        aws: &Aws,
        marketo: &Environment,
        scratch: &Path,
    ) -> Result<(), CommandFailure> {
        let unreadable = |failure: domain::Failure| CommandFailure::Wrong(failure.to_string());
        let (id, secret) = marketo.marketo.credentials.get().await.map_err(unreadable)?;
        let mut file = tempfile::NamedTempFile::new_in(scratch)?;
        write!(file, "{}", json!({ "clientId": id, "clientSecret": secret.expose_secret() }))?;
        file.flush()?;
        let put = aws::put_secret(self.output("MarketoSecretArn")?, file.path());
        aws.run(&put, "putting Marketo's credentials").await.map(drop)
    }

    /// One of its outputs.
    ///
    /// # Errors
    /// When the template has no such output.
    pub fn output(&self, name: &str) -> Result<&str, CommandFailure> {
        let found = self.outputs.get(name).map(String::as_str);
        found.ok_or_else(|| {
            CommandFailure::Wrong(format!("the stack {} has no output {name}; template.yaml has to name it", self.name))
        })
    }

    /// Its tables.
    ///
    /// # Errors
    /// When the template does not name them.
    pub fn tables(&self) -> Result<Tables, CommandFailure> {
        Ok(Tables {
            people: self.output("PeopleTable")?.to_owned(),
            sync_state: self.output("SyncStateTable")?.to_owned(),
            activities: self.output("ActivitiesTable")?.to_owned(),
            opt_outs: self.output("OptOutsTable")?.to_owned(),
            tasks: self.output("TasksTable")?.to_owned(),
        })
    }

    /// Removes it from an endpoint that lives on, with the tables that the template would keep.
    ///
    /// # Errors
    /// When something stays behind.
    pub async fn remove(&self, aws: &Aws) -> Result<(), CommandFailure> {
        let (tables, name) = (self.tables()?, &self.name);
        for (args, what) in [
            (format!("cloudformation delete-stack --stack-name {name}"), "removing the stack"),
            (format!("cloudformation wait stack-delete-complete --stack-name {name}"), "removing the stack"),
            (format!("dynamodb delete-table --table-name {}", tables.people), "removing the people table"),
            (format!("dynamodb delete-table --table-name {}", tables.sync_state), "removing the sync-state table"),
            (format!("s3 rb --force s3://{}", self.bucket), "removing the bucket of the programs"),
        ] {
            aws.run(&words(&args), what).await?;
        }
        Ok(())
    }

    /// Writes what the functions logged into files, one a log group.
    ///
    /// # Errors
    /// When the logs cannot be read or written.
    pub async fn keep_logs(&self, aws: &Aws, log: &dyn Fn(&str) -> PathBuf) -> Result<(), CommandFailure> {
        let groups =
            format!("logs describe-log-groups --output json --log-group-name-prefix /aws/lambda/{}", self.name);
        let groups = aws.json(&words(&groups), "listing the functions' logs").await?;
        for group in groups["logGroups"].as_array().into_iter().flatten() {
            let Some(name) = group["logGroupName"].as_str() else { continue };
            let read = words(&format!("logs filter-log-events --output json --log-group-name {name}"));
            let events = aws.json(&read, "reading the functions' logs").await?;
            let lines: Vec<&str> = events["events"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|event| event["message"].as_str())
                .collect();
            let file = log(name.rsplit('/').next().unwrap_or(name));
            std::fs::write(file, lines.join("\n"))?;
        }
        Ok(())
    }
}

/// What the template is told: where Marketo is, and for which processor the functions were built.
pub fn parameters(marketo: &Environment) -> Vec<(&'static str, String)> {
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { std::env::consts::ARCH };
    vec![
        ("MarketoBaseUrl", marketo.marketo.base_url.to_string()),
        ("MarketoDailyCalls", marketo.limits.per_day.to_string()),
        ("MarketoCallsPer20Seconds", marketo.limits.per_20_seconds.to_string()),
        ("Architecture", architecture.to_owned()),
        ("LogLevel", "info".to_owned()),
    ]
}
