//! Checks of the repository itself: which crate may know which, and what every file promises. Reads manifests and sources, runs nothing.

#![expect(clippy::expect_used, reason = "a test fails where it expects")]

mod template;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_owned()
}

/// What `cargo metadata` says of a package, as far as it is needed here.
#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// `dev` or `build`; none for what the crate itself is built of.
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

fn workspace() -> Vec<Package> {
    let command = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(env!("CARGO")).args(command).current_dir(root()).output().expect("cargo runs");
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("cargo can read the workspace");
    metadata.packages
}

/// Which of our crates each of ours may depend on.
fn allowed(package: &str, path: &Path) -> Option<&'static [&'static str]> {
    const FUNCTION: &[&str] = &["runtime", "domain"];
    match package {
        "domain" | "transport" | "simulator-app" | "simulator-marketo" | "simulator-salesforce" => Some(&[]),
        "store" => Some(&["domain"]),
        "marketo" | "salesforce" => Some(&["domain", "transport"]),
        "runtime" => Some(&["domain", "marketo", "salesforce", "store"]),
        "actions-sync" | "system-tests" => Some(&[
            "domain",
            "marketo",
            "runtime",
            "salesforce",
            "simulator-app",
            "simulator-marketo",
            "simulator-salesforce",
            "store",
            "transport",
        ]),
        _ if path.components().any(|c| c.as_os_str() == "functions") => Some(FUNCTION),
        _ => None,
    }
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let packages = workspace();
    let ours: Vec<String> = packages.iter().map(|p| p.name.clone()).collect();
    assert!(ours.len() >= 10, "{ours:?}");
    for package in &packages {
        let allowed = allowed(&package.name, &package.manifest_path);
        let allowed =
            allowed.unwrap_or_else(|| panic!("{} has no place among the arrows yet: give it one here", package.name));
        for dependency in package.dependencies.iter().filter(|d| d.kind.is_none() && ours.contains(&d.name)) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{} must not depend on {}",
                package.name,
                dependency.name
            );
        }
    }
}

#[test]
fn the_rules_know_no_network_no_aws_and_no_clock_of_the_machine() {
    let packages = workspace();
    let domain = packages.iter().find(|p| p.name == "domain").expect("there is a domain");
    for dependency in domain.dependencies.iter().filter(|d| d.kind.is_none()) {
        let name = dependency.name.as_str();
        assert!(
            !name.starts_with("aws") && !["tokio", "reqwest", "hyper", "lambda_runtime"].contains(&name),
            "domain knows {name}"
        );
    }
    for file in rust_files(&root().join("shared/domain/src")) {
        let text = fs::read_to_string(&file).expect("readable");
        for forbidden in ["SystemTime", "Instant::now", "Timestamp::now", "std::env", "fastrand"] {
            assert!(!text.contains(forbidden), "{} uses {forbidden}", file.display());
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_readable() {
    let mut seen = 0;
    for folder in ["functions", "shared", "infra", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).expect("readable");
            assert!(text.starts_with("//! "), "{} does not open with `//!`", file.display());
            assert!(text.lines().count() <= 600, "{} is too long to be read in one sitting", file.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} files were found");
}

#[test]
fn functions_only_wire_and_serve() {
    let mains: Vec<PathBuf> =
        rust_files(&root().join("functions")).into_iter().filter(|f| f.ends_with("main.rs")).collect();
    assert!(mains.len() >= 3);
    for main in mains {
        let lines = fs::read_to_string(&main).expect("readable").lines().count();
        assert!(lines <= 40, "{} has {lines} lines", main.display());
    }
}

#[test]
fn architecture_fits_its_bound() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("there is an ARCHITECTURE.md");
    assert!(text.lines().count() <= 150);
    for package in workspace() {
        let folder =
            package.manifest_path.parent().and_then(|p| p.strip_prefix(root()).ok()).expect("in the workspace");
        let folder = folder.to_str().expect("plain names");
        let room = folder
            .rsplit_once('/')
            .map_or(folder, |(parent, _)| if parent == "functions" { "functions/" } else { folder });
        assert!(text.contains(room), "ARCHITECTURE.md does not name {room}");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}
