//! The query language: text to tokens, to a tree, bound to the schema, run over the tables.
//! Must not know HTTP.

mod bind;
mod lexer;
mod parser;
mod plan;
mod run;

pub(crate) use bind::bind;
pub(crate) use parser::parse;
pub(crate) use plan::Path;
pub(crate) use run::Cursor;

/// The most rows that may be skipped.
pub(crate) const MOST_OFFSET: u64 = 2_000;
