//! Bulk extract: what a file contains, how it is generated piece by piece, and the life of the jobs that make it.
//! Must not know HTTP.

pub(crate) mod content;
pub(crate) mod file;
pub(crate) mod jobs;
