//! Shows how far the initial sync is: a bar with rate and ETA on a terminal, else one plain line every few seconds.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use domain::Failure;
use domain::initial_sync;
use domain::ports::PeoplePorts;
use domain::status::{self, Progress};
use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use tokio::time::Instant;

/// Between plain lines.
const PLAIN_EVERY: Duration = Duration::from_secs(3);

/// A progress display on standard error.
pub struct ProgressLine {
    bar: Option<ProgressBar>,
    printed: Option<Instant>,
}

impl ProgressLine {
    /// Starts without showing anything yet: most runs have no initial sync.
    pub fn start() -> Self {
        Self { bar: stderr().is_terminal().then(ProgressBar::no_length), printed: None }
    }

    /// Shows the state of the run under way.
    pub async fn show(&mut self, ports: &PeoplePorts) -> Result<(), Failure> {
        if !self.is_due() {
            return Ok(());
        }
        let Some(run) = initial_sync::peek(ports).await?.run else { return Ok(()) };
        let progress = status::progress(&*ports.state, ports.marketo.now(), &run).await?;
        self.show_progress(&progress);
        Ok(())
    }

    /// Shows how far a run is.
    pub fn show_progress(&mut self, progress: &Progress) {
        if !self.is_due() {
            return;
        }
        match &self.bar {
            Some(bar) => show_bar(bar, progress),
            None => eprintln!("initial sync: {}", words(progress)),
        }
        self.printed = Some(Instant::now());
    }

    /// Shows what is waited for.
    pub fn tell(&mut self, text: &str) {
        if !self.is_due() {
            return;
        }
        match &self.bar {
            Some(bar) => {
                if bar.length().is_none()
                    && let Ok(style) = ProgressStyle::with_template("{spinner} {msg}")
                {
                    bar.set_style(style);
                }
                bar.set_message(text.to_owned());
                bar.tick();
            }
            None => eprintln!("{text}"),
        }
        self.printed = Some(Instant::now());
    }

    fn is_due(&self) -> bool {
        self.bar.is_some() || self.printed.is_none_or(|at| at.elapsed() >= PLAIN_EVERY)
    }

    /// Ends the display.
    pub fn done(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn show_bar(bar: &ProgressBar, progress: &Progress) {
    if bar.length().is_none()
        && let Ok(style) = ProgressStyle::with_template("{spinner} initial sync [{bar:30}] {msg}")
    {
        bar.set_style(style);
    }
    bar.set_length(progress.total.max(1));
    bar.set_position(progress.processed);
    bar.set_message(words(progress));
    bar.tick();
}

fn words(progress: &Progress) -> String {
    if progress.exports_done == 0 {
        return format!(
            "waiting for Marketo's export ({} to come, {:.0} s so far)",
            progress.exports, progress.seconds
        );
    }
    let left = progress
        .eta_seconds
        .filter(|s| *s > 0.0)
        .map_or_else(String::new, |s| format!(", {} left", HumanDuration(Duration::from_secs_f64(s))));
    let exports = format!("exports {} of {}", progress.exports_done, progress.exports);
    if progress.processed < progress.total {
        let (stored, total) = (HumanCount(progress.processed), HumanCount(progress.total));
        return format!("{stored} of {total} people, {}/s{left}; {exports}", HumanCount(progress.rate as u64));
    }
    let (stored, roles) = (HumanCount(progress.processed), progress.roles);
    format!("{stored} people stored, {exports}; opportunities {} of {roles} readings{left}", progress.roles_done)
}
