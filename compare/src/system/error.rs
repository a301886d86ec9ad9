//! Why a cluster does not run, or no longer does, and what the user is told.

use std::process::ExitCode;
use std::time::Duration;

/// Why a cluster does not run, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// What was asked cannot be done.
    #[error("{0}")]
    BadInput(String),
    /// A node ended though nobody ended it.
    #[error("{node} died: {last_words}")]
    ChildDied {
        /// Which: `isr-3/n2` or `isr-3/c1`.
        node: String,
        /// The last line it wrote on stderr, or how it ended.
        last_words: String,
    },
    /// It did not come up in time.
    #[error("{what} did not happen within {limit:?}")]
    TooSlow {
        /// What was awaited.
        what: String,
        /// How long.
        limit: Duration,
    },
}

impl LaunchError {
    /// What the process should end with: 2 for bad input, 1 for a finding.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) => ExitCode::from(2),
            Self::ChildDied { .. } | Self::TooSlow { .. } => ExitCode::from(1),
        }
    }
}
