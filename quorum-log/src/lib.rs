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
//! of what producers had sent before, and with who voted then: that is all a snapshot holds here.
//!
//! Who votes is changed while all goes on (`admin.rs`): a new node gets a copy first, without a vote; then most of the old
//! voters *and* most of the new must agree, then the new alone. One change at a time; one that a dying leader has left half
//! done is finished by asking for it again. A number that ever voted is not given away again (R-08).
//!
//! A linearizable read asks most voters, after it came, whether this replica leads still; by [`Reads::Lease`] it relies on
//! what they said a while ago, and on clocks. A follower serves what it knows to be committed: stale, and never wrong.
//!
//! What is seen when nodes fail and are cut off, with the default times (heartbeat 300 ms, election after 1 to 2 s), in virtual
//! time; `tests/elections.rs` and `tests/membership.rs` print it. Two safeguards are off by default in openraft: pre-vote
//! (R-01, R-02), and falling silent without a majority (R-02, R-03).
//!
//! | what | how long nobody's append is acknowledged |
//! |---|---|
//! | a follower is cut off and comes back (R-01); a link between two of three is cut (R-02) | not at all: no election |
//! | of five, the leader hears one other; three hear each other (R-02) | 5.2 s: lease, silence, election |
//! | the leader is heard and hears nobody (R-03) | 5.2 s at most. Without the silence it would last until the link heals |
//! | the leader dies (R-10: a thousand times, each time another was elected) | 3.6 s, at most 4.3 s: a lease of 2 s, then the election |
//! | the leader is stopped in order, or voted out | less than 10 ms: it hands over first |
//! | a follower hangs, and is replaced by a new node (R-11) | not at all |
//!
//! Where openraft does otherwise than Raft's paper: a follower waits out the leader's lease (the longest election timeout)
//! before it stands, so a fail-over takes at least that; a leader without a majority takes no new appends and stays leader
//! in name; a leader that restarts could go on in its term (H-01: switched off); and
//! a voter that was voted out is not told so, asks in vain whether it would be elected, and is switched off by its operator.
//!
//! Many partitions on one node are as many raft groups ([`host`]), over one connection to each other node, one writer and one
//! checkpoint store. Their heartbeats may be gathered, a frame for all of them.
//!
//! What is held for a follower that does not answer is bounded: 8 MiB or 64 messages on their way, of 1 MiB each (and at most
//! one batch more); everything else stays in the log, from where it is read again. What clients may have waiting for the
//! writer is half of `pending_bytes_max`; beyond that they are told to come again.
//!
//! Where to read: `replica.rs` says what openraft decides and where it calls us; `watermark.rs` turns its entries into
//! offsets; `ledger.rs` holds its count of copies against our own; `door.rs` is what clients meet, `store.rs` what openraft
//! meets, `network.rs` what the other voters meet, `host.rs` how many partitions share a node, `operator.rs` what operators meet; `runtime.rs` makes it repeatable.
//!
//! Left out: deleting what was trimmed on a leader while a voter is down (openraft keeps what it may yet have to send); telling
//! clients of nodes that were added (they are told where all are that may lead); finishing a change that a dead leader left,
//! unasked; keeping a wiped voter from voting: one must not come back under its number with an empty disk, for it has promised
//! things that it does not remember, and what was acknowledged can be lost with that (R-07). The leader that it had answered
//! sees it, and gives it nothing; a later leader cannot.

pub mod admin;
pub mod cluster;
pub mod config;
mod door;
pub mod host;
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
pub use host::Host;
pub use node::{Birth, Node, OpenError};
