//! What a log's error means to a client.

use partition::error::{ReadError, Refusal};
use partition::ids::{ByteSize, Offset};
use partition::log::LogError;

/// Why an append is refused.
pub(super) fn refusal(error: LogError, limit: ByteSize) -> Refusal {
    match error {
        LogError::Overloaded => Refusal::Overloaded,
        LogError::NoSpace(_) => Refusal::NoSpace,
        LogError::TooLarge(size) => Refusal::TooLarge { size, limit },
        LogError::Batch(error) => Refusal::Corrupt(error.to_string()),
        error => Refusal::Stopped(error.to_string()),
    }
}

/// Why a read is.
pub(super) fn read_error(asked: Offset, error: LogError) -> ReadError {
    match error {
        LogError::OutOfRange { asked, start, end } => ReadError::OutOfRange { asked, start, end },
        LogError::Damaged { at, what } => ReadError::Damaged { at, what },
        LogError::Batch(error) => ReadError::Damaged { at: asked, what: error.to_string() },
        error => ReadError::Stopped(error.to_string()),
    }
}
