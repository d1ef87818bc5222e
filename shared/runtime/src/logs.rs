//! JSON logs, one object a line. Fields are dotted (`run.id`, `export.id`); ids and counts only, never names, addresses, tokens or bodies.

use std::io::{Write, stderr, stdout};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, as Lambda wants it.
    Stdout,
    /// Standard error, so that results keep standard output for themselves.
    Stderr,
}

/// What is logged at the level asked for: our own crates.
const OURS: [&str; 6] = ["domain", "marketo", "salesforce", "store", "runtime", "actions_sync"];

/// Starts logging at a level, which [`crate::config::EnvReader::log_level`] reads; an unknown one is `info`. A second call does nothing.
pub fn start(destination: Destination, level: &str) {
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    // The SDK and HTTP crates log requests, with query strings and items in them, at their lower levels; the embedded DynamoDB warns
    // of every refused condition, which is how conditions work.
    let others = Targets::new().with_default(LevelFilter::WARN).with_target("dynoxide", LevelFilter::ERROR);
    let filter = others.with_targets(OURS.map(|name| (name, level)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(move || match destination {
            Destination::Stdout => Box::new(stdout()) as Box<dyn Write>,
            Destination::Stderr => Box::new(stderr()),
        });
    let _already_started = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
