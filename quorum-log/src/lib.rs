//! A record is committed when a majority of the voters has it.
//!
//! This is Raft, by openraft, with the partition's log as Raft's log: each record is written once on each voter, as part
//! of the batch in which its client sent it.
//!
//! 1. One voter leads, for a term (an *epoch* here). It was elected by a majority, each of whom had no more than it had.
//! 2. A client sends a batch to the leader. The leader appends it to its log, syncs it, and sends it to the others, all
//!    at once: its own disk has no precedence over theirs.
//! 3. A follower appends what the leader sends, where the leader says, syncs it, and says so. Where its log contradicts
//!    the leader's, it first cuts its own.
//! 4. When the batch is on the disks of a majority, the leader counted, and is of the leader's own epoch, then it and
//!    all before it is committed. The high watermark moves behind it, the client is answered, readers see it, and the
//!    followers hear of it with the next message.
//! 5. When a leader is not heard of for a while, a follower stands for election. It asks first whether it would be
//!    elected, so that one who was cut off does not depose a leader that is well.
//!
//! ```text
//!   client     leader             follower   follower
//!     |--batch-->|                    |          |
//!     |          |--batch------------>|          |
//!     |          |--batch-----------------------------> (slow)
//!     |        [sync]               [sync]       |
//!     |          |<--stored-----------|          |
//!     |<--done---|  2 of 3: committed |          |
//!     |          |--committed-------->|          |
//! ```
//!
//! So with 2f + 1 voters any f may fail, and the slowest f delay nobody. Nothing has to be decided about who is slow,
//! and no one outside is asked.
//!
//! Giving up the start of the log: a trim, by a client or by retention, is an entry like any other, and each voter gives
//! up as much when it applies it. A voter that ends below the leader's start begins anew there, with the leader's table
//! of what producers had sent before: that is all a snapshot holds here.
//!
//! Where to read: `replica.rs` says what openraft decides and where it calls us; `watermark.rs` turns its entries into
//! offsets; `door.rs` is what clients meet, `store.rs` what openraft meets, `network.rs` what the other voters meet;
//! `runtime.rs` makes it repeatable.
//!
//! Left out: changing the voters (they are configured, for good), learners, leases for reads (each linearizable read
//! asks a majority), deleting what was trimmed on a leader while a voter is down (openraft keeps what it may yet have to
//! send), and telling a wiped voter from a new one: a voter must not come back under its id with an empty disk, for it has
//! promised things that it does not remember.

pub mod cluster;
pub mod config;
mod door;
mod message;
pub mod mutant;
mod network;
mod node;
mod partition;
mod probe;
mod raft;
mod replica;
mod runtime;
mod store;
mod watermark;

pub use config::{Config, Timing};
pub use node::{Node, OpenError};
