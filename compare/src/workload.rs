//! What is asked of a partition while it is measured: whose records, how many at once, for how long.

#[cfg(test)]
mod appends;
pub mod closed_loop;
pub mod load;
pub mod open_loop;
pub mod outlet;
pub mod payload;
mod tally;

pub use closed_loop::{ANSWER_WITHIN, ClosedLoop, InFlight, Span};
pub use load::{Arrivals, Load, Percent, Rate, Schedule};
pub use open_loop::{OUTSTANDING_MAX, OpenLoop};
pub use outlet::{Gathering, Linger, Outlet, records_of_full_batch};
pub use payload::{BatchShape, Keys, Payload, PayloadError, Source};
pub use tally::histogram;
