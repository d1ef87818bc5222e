//! JSON logs, one object a line. Fields are dotted (`run.id`, `export.id`); ids and counts only, never names, addresses, tokens or bodies.

use std::io::{stderr, stdout};

use tracing_subscriber::EnvFilter;

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// Standard output, as Lambda wants it.
    Stdout,
    /// Standard error, so that results keep standard output for themselves.
    Stderr,
}

/// Starts logging at a level, which [`crate::config::EnvReader::log_level`] reads. A second call does nothing.
pub fn start(destination: Destination, level: &str) {
    let level = level.to_lowercase();
    // The SDK and HTTP crates log requests, with query strings and items in them, at their lower levels; the embedded DynamoDB warns
    // of every refused condition, which is how conditions work.
    let filter = EnvFilter::try_new(format!(
        "warn,dynoxide=error,domain={level},marketo={level},store={level},runtime={level},actions_sync={level}"
    ));
    let builder = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter.unwrap_or_else(|_| EnvFilter::new("warn")));
    let _already_started = match destination {
        Destination::Stdout => builder.with_writer(stdout).try_init(),
        Destination::Stderr => builder.with_writer(stderr).try_init(),
    };
}
