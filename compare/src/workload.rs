//! What is asked of a partition while it is measured: whose records, how many at once, for how long.

pub mod closed_loop;
pub mod load;
pub mod open_loop;
pub mod payload;
mod tally;

pub use closed_loop::{ClosedLoop, InFlight, Span};
pub use load::{Arrivals, Load, Rate, Schedule};
pub use open_loop::{OUTSTANDING_MAX, OpenLoop};
pub use payload::{BatchShape, Keys, Payload, PayloadError, Source};
pub use tally::histogram;
