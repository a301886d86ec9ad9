//! What is asked of a partition while it is measured: whose records, how many at once, for how long.

pub mod closed_loop;
pub mod payload;

pub use closed_loop::{ClosedLoop, InFlight, Span};
pub use payload::{BatchShape, Payload, PayloadError, Source};
