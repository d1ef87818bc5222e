//! A stateful Salesforce over real HTTP, for tests and demonstrations: records, queries, field security, locks, limits and
//! programmable faults. It must not know any client; what it does, it does from Salesforce's own documented behaviour.

mod clock;
mod config;
mod faults;
mod http;
mod jwt;
mod limits;
mod schema;
mod service;
mod sessions;
mod simulator;
mod soql;
mod stats;
mod world;

pub use config::{
    Access, ClockMode, Config, CustomField, FieldChange, Limits, Picklist, Predicate, TaskStatus, ValidationRule,
};
pub use faults::{Fault, FaultAction};
pub use simulator::{Simulator, World};
pub use stats::Stats;
pub use world::changes::Edit;
pub use world::events::Converted;
pub use world::seeded::{Populated, Population};
