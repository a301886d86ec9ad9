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
//! - [`lease`]: how leaders may answer reads alone, and whom nobody deposes meanwhile.
//! - [`active`]: a controller at work. [`broker`]: a broker's end of it. [`message`]: what passes between the two.
//!
//! - [`admin`]: what an operator asks for.
//!
//! The log is kept short: now and then a snapshot of the image is appended, and what lies before it is given up (H-15).
//! Whoever leads next is found in this order: the in-sync set; who is *eligible*, since it left the set while that was
//! short and nothing more was committed (KIP-966); when all of these have ended uncleanly, whoever has most of them, once
//! enough have said what they have (`image/comparison`); and only where [`crate::rules`] allow it, anybody.
//!
//! Where enough in sync suffice for a commit (`CommitRule::EnoughInSync`) none of this order holds. The members are asked
//! what they have, in an epoch that nobody leads; whoever reads that leaves the old leader before it answers. When all but
//! k - 1 of the set have answered, the one with most leads, in the epoch after (`image/poll`, H-17).
//!
//! A partition moves to other brokers by a record that names them; until all of them are in sync those of both assignments
//! replicate, and nobody is let go who holds what is committed (`image/reassignment`). Another record takes its place, or
//! cancels it.
//!
//! Left out so far: new replicas for a partition that commits by any k of its set; a list of the moves that are under way,
//! which the partitions' own status tells.

pub mod active;
pub mod admin;
pub mod broker;
pub mod command;
mod follow;
pub mod image;
pub mod lease;
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
