//! Where a cell runs, and what a silence means there.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a cell runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// In virtual time.
    #[default]
    Simulated,
    /// On processes, one a node, in real time.
    Processes,
}

impl Ground {
    /// A silence no longer than this is no interruption: less than any timeout after which a node is missed.
    #[must_use]
    pub(super) fn unnoticed(self) -> Duration {
        match self {
            Self::Simulated => Duration::from_millis(250),
            // A process that waits for its turn on a busy machine is silent too.
            Self::Processes => Duration::from_millis(400),
        }
    }

    /// A silence no longer than this ends by itself: less than the faults last.
    #[must_use]
    pub(super) fn by_itself(self) -> Duration {
        match self {
            Self::Simulated => Duration::from_secs(6),
            Self::Processes => Duration::from_secs(4),
        }
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Simulated => "simulated",
            Self::Processes => "processes",
        })
    }
}
