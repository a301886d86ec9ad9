//! Delays that are injected: links and syncs as slow as those of places where such systems run.
//!
//! ```text
//!   zone 1            zone 2            zone 3        replica i is in zone (i - 1) mod zones, as is controller i;
//!   ┌──────────┐      ┌──────────┐      ┌──────────┐  a client is in the zone of whomever it asks, so that no system
//!   │ n1 n4 c1 │══════│ n2 n5 c2 │══════│ n3    c3 │  gains by where its leader happens to be
//!   └──────────┘      └──────────┘      └──────────┘
//!    within: each frame between two nodes of a zone    between: each frame between zones
//!    syncs: each fdatasync (and sync of a directory)
//! ```
//! Delays are drawn for each frame and each sync, independently: what one machine cannot show with its one disk and its
//! loopback. Left out: bandwidth, loss, and links that are slow together.

mod error;
mod file;
mod named;
mod shape;
mod told;

use std::path::Path;
use std::str::FromStr;

use partition::latency::Latency;
use serde::{Deserialize, Serialize};

pub use error::ProfileError;

/// How many times as long the links of a slow replica take. Enough to be outside of what a link's own scatter does, few
/// enough that a slow replica of three regions still answers within a second.
pub const SLOW_TIMES: u32 = 10;

/// What is injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// As it was asked for: `three-zones+nvme`.
    pub name: String,
    /// How long frames take; nothing is injected when absent.
    pub links: Option<Links>,
    /// How long syncs take; nothing is injected when absent.
    pub syncs: Option<Latency>,
}

/// How long frames take between nodes, by the zones they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Links {
    /// How many zones replicas are spread over.
    pub zones: u32,
    /// One way between two nodes of one zone, and between a client and whomever it asks.
    pub within: Latency,
    /// One way between zones.
    pub between: Latency,
}

/// The profile that injects nothing.
pub const NATURAL: &str = "natural";

impl Profile {
    /// Nothing is injected.
    #[must_use]
    pub fn natural() -> Self {
        Self { name: NATURAL.to_owned(), links: None, syncs: None }
    }

    /// Whether nothing is injected.
    #[must_use]
    pub fn is_natural(&self) -> bool {
        self.links.is_none() && self.syncs.is_none()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::natural()
    }
}

impl FromStr for Profile {
    type Err = ProfileError;

    /// A link profile, a disk profile behind a plus sign, or a file: whatever has a slash or ends in `.toml`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('/') || text.ends_with(".toml") {
            return file::read(Path::new(text));
        }
        named::parse(text)
    }
}

impl Links {
    /// One way between the replicas (or controllers) of these numbers.
    #[must_use]
    pub fn one_way(&self, from: u32, to: u32) -> Latency {
        let zone = |number: u32| number.saturating_sub(1) % self.zones.max(1);
        if zone(from) == zone(to) { self.within } else { self.between }
    }
}

#[cfg(test)]
pub(crate) mod tests;
