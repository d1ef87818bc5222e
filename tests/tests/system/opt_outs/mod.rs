//! Stories of opt-outs: both vendors simulated behind real HTTP, the register on the embedded DynamoDB.

mod calls;
mod checks;
mod orders;
mod stage;
mod thousands;
mod troubles;
mod unticked;
