//! What the tests run against.

pub mod dynamodb;
pub mod sqs;
pub mod world;

use store::Tables;

/// The tables of the tests.
pub fn tables() -> Tables {
    Tables::with_prefix("test-")
}
