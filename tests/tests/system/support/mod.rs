//! What the stories share: worlds in memory and over the embedded DynamoDB, an emulated Lambda and an emulated SQS.

pub mod clock;
pub mod embedded;
pub mod functions;
pub mod lambda;
pub mod memory;
pub mod recorder;
pub mod sqs;
pub mod stage;
pub mod unsure;
