//! A stateful Marketo Engage over real HTTP, for tests and demonstrations: people, activity streams, bulk extract,
//! custom activities, limits and programmable faults. It must not know any client; what it does, it does from Marketo's
//! own documented behaviour.

mod clock;
mod config;
mod export;
mod faults;
mod http;
mod limits;
mod service;
mod simulator;
mod stats;
mod subscription;
mod tokens;
mod world;

pub use config::{ClockMode, Config, ExportConfig, Limits, StreamConfig};
pub use faults::{Fault, FaultAction};
pub use simulator::{CustomActivity, Simulator, World};
pub use stats::Stats;
pub use world::changes::{ChangeSet, Changed};
pub use world::people::FIRST_ID;
pub use world::truth::{ExpectedPerson, Truth};
pub use world::unsubscribed::Flags;
