//! The records of the organisation and what can happen to them.
//! Must not know HTTP.

pub(crate) mod changes;
pub(crate) mod checks;
pub(crate) mod datum;
pub(crate) mod events;
pub(crate) mod failure;
pub(crate) mod id;
pub(crate) mod locks;
pub(crate) mod put;
pub(crate) mod random;
pub(crate) mod row;
pub(crate) mod rules;
pub(crate) mod seeded;
pub(crate) mod state;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod values;
pub(crate) mod write;
