//! The controller: who leads, who is in sync, in which epoch, decided by records in a metadata partition.
//!
//! ```text
//!   brokers ──register, heartbeat, alter in-sync──> active controller ──records──> metadata partition
//!      ^                                                   ^                          │
//!      └────────────── committed records ──────────────────┴──────────────────────────┘
//! ```
//! A record is a command; whether it counts is decided by applying it, by everybody alike. So a controller that was
//! deposed without noticing can append what it likes (H-13).
//!
//! - [`command`], [`rejection`]: what a record says, and why it may not count.
//! - [`image`]: what the records have decided; fencing, in-sync sets and elections in one atom.
//! - [`sessions`], [`office`]: what an active controller decides, and how one becomes active.
//! - [`active`]: a controller at work. [`broker`]: a broker's end of it. [`message`]: what passes between the two.
//!
//! Left out so far: eligible leader replicas and unclean election (so the last member of an in-sync set is the only one
//! that may lead), controlled shutdown (a broker that stops in order is fenced after a session, as one that crashed), return
//! of the leadership to the first replica, new replicas for a partition that exists, and snapshots of the image (so the
//! metadata partition is never trimmed, H-15).

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
