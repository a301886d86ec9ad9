//! What a node is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A replica by in-sync set.
    Isr,
    /// A replica by majority.
    Quorum,
    /// One of the controllers that `Isr` asks: a replica of the metadata partition, by majority.
    Controller,
    /// A floor's leader.
    FloorLeader,
    /// One of its echoes.
    FloorEcho,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Isr, Self::Quorum, Self::Controller, Self::FloorLeader, Self::FloorEcho];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isr => "isr",
            Self::Quorum => "quorum",
            Self::Controller => "controller",
            Self::FloorLeader => "floor-leader",
            Self::FloorEcho => "floor-echo",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why a text names no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such role: {0:?} (isr, quorum, controller, floor-leader, floor-echo)")]
pub struct NotARole(String);

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| NotARole(text.to_owned()))
    }
}
