//! The sales engagement app as far as others see it: makes up what sellers do, as the messages that the app sends, and knows what must come
//! of it at each destination. Must not know the logger.

mod day;
mod expected;

pub use day::{Someone, day, duplicated, shuffled};
pub use expected::Expected;
