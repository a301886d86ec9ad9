//! Why a log does not do what it was asked.

use crate::ids::{ByteSize, Offset};
use crate::record::BatchError;

/// Why a log does not take an append, or does not answer a read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It failed before, or was closed.
    #[error("the log is poisoned: {0}")]
    Poisoned(String),
    /// Too much waits for the writer.
    #[error("too much waits to be written")]
    Overloaded,
    /// The disk is full: nothing is appended until there is room; reads go on.
    #[error("no space left on the disk: {0}; free some, or lower the retention")]
    NoSpace(String),
    /// A batch larger than the configuration takes.
    #[error("a batch of {0} bytes is too large")]
    TooLarge(ByteSize),
    /// Placed batches do not follow the log end, or go back in epochs; or a cut that is not between two batches.
    #[error("expected a batch at {expected}, got one at {found}")]
    Gap {
        /// Where one would have to begin.
        expected: Offset,
        /// The base offset it carried.
        found: Offset,
    },
    /// Bytes that are not sound batches.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The offset lies outside the log.
    #[error("{asked} is outside {start}..={end}")]
    OutOfRange {
        /// What was asked.
        asked: Offset,
        /// The log start.
        start: Offset,
        /// The log end.
        end: Offset,
    },
    /// The file system refused.
    #[error("{0}")]
    Disk(String),
    /// What is stored there is not what was written.
    #[error("damaged at {at}: {what}")]
    Damaged {
        /// The offset where it begins.
        at: Offset,
        /// What is wrong.
        what: String,
    },
}

impl LogError {
    /// A file system error, with the place where it happened.
    pub(crate) fn disk(path: &std::path::Path, error: &std::io::Error) -> Self {
        let room = if error.kind() == std::io::ErrorKind::StorageFull { " (no space left)" } else { "" };
        Self::Disk(format!("{}: {error}{room}", path.display()))
    }
}
