//! People: what a row holds, who qualifies, which observation wins.

mod apply;
mod fields;
mod observation;
mod opportunity;
mod person;
mod salesforce_id;

pub use apply::{Seen, WriteCounts, apply, apply_opportunities};
pub use fields::{FieldPlan, RecordReader};
pub use observation::{Decision, Observation, Observed, SeenOpportunity, decide, decide_opportunity};
pub use opportunity::chosen_opportunity;
pub use person::{Field, Fields, MarketoId, Person, PersonRow, Status, normalised_email};
pub use salesforce_id::to_18_characters;
