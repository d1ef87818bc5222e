//! What a check found: one line each, with how long it took.

use std::time::Duration;

use comfy_table::{CellAlignment, Table};

use crate::failure::CommandFailure;
use crate::output;

struct Finding {
    what: String,
    found: String,
    seconds: f64,
    holds: bool,
}

/// All of them, in the order in which they were found.
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes what holds.
    pub fn holds(&mut self, what: &str, found: String, took: Duration) {
        self.add(what, Ok(found), took);
    }

    /// Notes what was found, or that it failed.
    pub fn add(&mut self, what: &str, outcome: Result<String, CommandFailure>, took: Duration) {
        let holds = outcome.is_ok();
        let found = outcome.unwrap_or_else(|failure| failure.to_string());
        eprintln!("{}: {what}: {found} ({:.0} s)", if holds { "holds" } else { "FAILED" }, took.as_secs_f64());
        self.0.push(Finding { what: what.to_owned(), found, seconds: took.as_secs_f64(), holds });
    }

    /// Runs a step and notes how it ended.
    ///
    /// # Errors
    /// When the step failed: the same failure, for what follows need not be tried.
    pub async fn step(
        &mut self,
        what: &str,
        within: Duration,
        step: impl Future<Output = Result<String, CommandFailure>>,
    ) -> Result<(), CommandFailure> {
        let began = tokio::time::Instant::now();
        let late = || CommandFailure::Wrong(format!("not within {} s", within.as_secs()));
        let outcome = tokio::time::timeout(within, step).await.unwrap_or_else(|_| Err(late()));
        let failed = outcome.as_ref().err().map(|failure| CommandFailure::Wrong(format!("{what}: {failure}")));
        self.add(what, outcome, began.elapsed());
        failed.map_or(Ok(()), Err)
    }

    /// Prints the table.
    pub fn print(&self) {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
        table.set_header(["checked", "found", "seconds", "holds"]);
        for finding in &self.0 {
            let found = finding.found.lines().next().unwrap_or_default();
            let seconds = format!("{:.1}", finding.seconds);
            table.add_row([finding.what.as_str(), found, &seconds, if finding.holds { "yes" } else { "NO" }]);
        }
        if let Some(column) = table.column_mut(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        output::line(table);
    }

    /// Whether all of it holds.
    ///
    /// # Errors
    /// What does not.
    pub fn verdict(&self) -> Result<(), CommandFailure> {
        let failed: Vec<&str> =
            self.0.iter().filter(|finding| !finding.holds).map(|finding| finding.what.as_str()).collect();
        if failed.is_empty() {
            output::line("all of it holds");
            return Ok(());
        }
        Err(CommandFailure::Wrong(format!(
            "does not hold: {}; the logs are in target/deploy-local/logs",
            failed.join("; ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_step_that_fails_or_is_late_is_no_success() {
        let mut findings = Findings::new();
        findings.step("good", Duration::from_secs(1), async { Ok("it".to_owned()) }).await.unwrap();
        findings.verdict().unwrap();
        let late = findings.step("late", Duration::ZERO, std::future::pending()).await.unwrap_err();
        assert_eq!(late.to_string(), "late: not within 0 s");
        findings
            .step("bad", Duration::from_secs(1), async { Err(CommandFailure::Wrong("why".into())) })
            .await
            .unwrap_err();
        assert!(findings.verdict().unwrap_err().to_string().contains("late; bad"));
    }
}
