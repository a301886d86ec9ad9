//! A partition with no protocol at all: what a promise costs is its ratio to this floor.
//!
//! ```text
//!   client ──append──> leader ──write──> its log ──────stored──┐
//!                        ├──────push────> echo ──write, stored─┼──> k of n have it: acknowledged
//!                        └──────push────> echo ──write, stored─┘
//! ```
//! Client, door, batches, checksums, log, writer and transport are those of the two systems. There is no epoch to
//! check, no election, no truncation of what diverged, no duplicate refused: a leader that dies is simply gone, and what
//! it acknowledged may not be what it comes back with. So a floor is fit for measuring and for nothing else.

mod echo;
mod errors;
mod leader;
mod link;
mod message;
mod tally;
mod waiting;

use std::collections::BTreeMap;
use std::path::PathBuf;

use partition::ids::{NodeId, PartitionId};
use partition::log::{LogConfig, LogError};
use partition::transport::Address;

pub use echo::FloorEcho;
pub use leader::FloorLeader;

/// One node of a floor.
#[derive(Clone, Debug)]
pub struct FloorConfig {
    /// Which node it is.
    pub node: NodeId,
    /// The partition it copies.
    pub partition: PartitionId,
    /// Where its log lies.
    pub dir: PathBuf,
    /// How the log is kept.
    pub log: LogConfig,
}

/// Whom a floor's leader pushes to, and how many it waits for.
#[derive(Clone, Debug)]
pub struct FloorPeers {
    /// The other n-1.
    pub echoes: BTreeMap<NodeId, Address>,
    /// An append is acknowledged when so many have it stored, the leader counted: all n, or a majority.
    pub copies: usize,
}

/// Why a floor does not start.
#[derive(Debug, thiserror::Error)]
pub enum FloorError {
    /// Its log does not open.
    #[error(transparent)]
    Log(#[from] LogError),
    /// More copies than nodes, or none.
    #[error("a floor of {nodes} cannot wait for {copies} copies")]
    Copies {
        /// How many there are.
        nodes: usize,
        /// How many were asked for.
        copies: usize,
    },
}
