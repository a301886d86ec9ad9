//! PURE: what a consumer does when it was not served.

use super::{ConsumeError, Trimmed};
use crate::error::ReadError;
use crate::ids::Offset;

/// How the consumer came to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It asked for the beginning, wherever that is, and nothing was read yet.
    Earliest,
    /// It was told to read from there, or has read up to there.
    Given,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Asks again, after a pause; where that goes on for too long, elsewhere.
    Again,
    /// The log begins there, and nobody has missed anything.
    Begin(Offset),
    /// The log begins there: what lies before is missed.
    Skip(Offset),
    Fail(ConsumeError),
}

/// After a failed read. An offset beyond what may be seen is no error yet: whoever answered may be behind.
pub(super) fn after(error: &ReadError, origin: Origin, trimmed: Trimmed) -> Next {
    match error {
        ReadError::OutOfRange { asked, start, .. } if asked < start => match (origin, trimmed) {
            (Origin::Earliest, _) => Next::Begin(*start),
            (Origin::Given, Trimmed::GoOn) => Next::Skip(*start),
            (Origin::Given, Trimmed::Fail) => {
                Next::Fail(ConsumeError::Trimmed { position: *asked, start: *start })
            }
        },
        ReadError::OutOfRange { .. }
        | ReadError::NotLeader { .. }
        | ReadError::NotAvailable
        | ReadError::Timeout
        | ReadError::Damaged { .. }
        | ReadError::Unreachable(_)
        | ReadError::NoSuchPartition
        | ReadError::Stopped(_) => Next::Again,
    }
}
