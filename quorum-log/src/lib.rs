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
//! Who votes is changed while all goes on (`admin.rs`): a new node gets a copy first, without a vote; then most of the old
//! voters *and* most of the new must agree, then the new alone. A number that ever voted is not given away again.
//!
//! Left out: deleting what was trimmed on a leader while a voter is down (openraft keeps what it may yet have to send); telling
//! clients of nodes that were added (they are told where all are that may lead); keeping a wiped founder from voting: a
//! voter must not come back under its number with an empty disk, for it has promised things that it does not remember. The
//! leader that it had answered sees that, and gives it nothing; a later leader cannot.

pub mod admin;
pub mod cluster;
pub mod config;
mod door;
mod ledger;
mod message;
pub mod mutant;
mod network;
mod node;
mod operator;
mod partition;
mod probe;
mod raft;
mod replica;
mod runtime;
mod store;
mod watermark;

pub use config::{Config, Reads, Timing};
pub use node::{Node, OpenError};
