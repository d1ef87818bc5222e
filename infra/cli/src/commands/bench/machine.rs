//! The machine that figures come from, without anything that names it.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// What has to be known to compare figures.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    pub cores: usize,
    pub memory_gibibytes: Option<f64>,
    pub processor: Option<String>,
    pub system: String,
    pub rust: Option<String>,
    /// Cargo's profile of this program.
    pub profile: &'static str,
}

impl Machine {
    pub fn this() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gibibytes: memory_gibibytes(),
            processor: processor(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rust: rust(),
            profile: if cfg!(debug_assertions) { "dev" } else { "release" },
        }
    }

    pub fn words(&self) -> String {
        let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        format!(
            "{} cores ({}), {} memory, {}, {}, {} profile",
            self.cores,
            or(&self.processor, "processor unknown"),
            self.memory_gibibytes.map_or_else(|| "unknown".to_owned(), |gib| format!("{gib:.0} GiB")),
            self.system,
            or(&self.rust, "rustc unknown"),
            self.profile
        )
    }
}

fn memory_gibibytes() -> Option<f64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes: f64 =
        text.lines().find_map(|l| l.strip_prefix("MemTotal:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kibibytes / 1024.0 / 1024.0 * 10.0).round() / 10.0)
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn rust() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1).map(|version| format!("rustc {version}"))
}
