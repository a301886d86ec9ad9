//! The controller: who leads, who is in sync, in which epoch, decided by records in a metadata partition.
//!
//! ```text
//!   brokers ──register, heartbeat, alter in-sync──> active controller ──records──> metadata partition
//!      ^                                                   ^                          │
//!      └────────────── committed records ──────────────────┴──────────────────────────┘
//! ```
//! A record is a command; whether it counts is decided by applying it, by everybody alike. So a controller that was
//! deposed without noticing can append what it likes (H-13).

pub mod active;
pub mod broker;
pub mod command;
mod follow;
pub mod image;
pub mod message;
pub mod office;
pub mod rejection;
pub mod sessions;

use partition::ids::PartitionId;

/// The partition that holds the controllers' records; Kafka's name for it.
///
/// # Panics
/// Never: the name is legal.
#[must_use]
pub fn metadata_partition() -> PartitionId {
    PartitionId::new("__cluster_metadata", 0).expect("letters and underscores make a legal topic")
}
