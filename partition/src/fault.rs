//! What can go wrong, as a closed list; who commits it; and schedules that a seed draws.
//!
//! ```text
//!   Schedule ──(moment, fault)──> Nemesis ─┬─ Network ──> Simulation ─> transport::memory   cuts, delays, losses, resets
//!    seeded, or from text                  ├─ Disk ─────> Simulation ─> SimulatedDisk       errors, no room, flipped bits
//!    "3s+2s cut 1>2; ..."                  │                          └> the node's writer  slow syncs
//!                                          ├─ Clock ────> Simulation ─> clock::skew         jumps, drift, standing still
//!                                          ├─ Process ──> trait Cluster                     kill, stop, pause, wipe, restart
//!                                          │    and what a crash's disk keeps: Simulation::keeps
//!                                          └─ Membership > trait Cluster                     reassign, cancel-reassign
//! ```
//!
//! A fault is either a moment's (a reset, a flipped bit) or lasts until [`Fault::end`] is committed; a [`Nemesis`] knows
//! what is on, and ends it all for the liveness phase of a run. That a partition is moved to other replicas is no fault, but
//! it has to go well whenever one happens; so it is committed, drawn and left out like one.
//!
//! Left out: faults of memory and of the processor; a network that changes bytes (TCP's and the frames' checksums would
//! make it a reset); reads that fail with an error.

mod felt;
mod nemesis;
mod schedule;
mod text;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ByteSize, NodeId};

pub use felt::{Felt, FeltCounter};
pub use nemesis::Nemesis;
pub use schedule::{Episode, Frame, Kind, Schedule};
pub use text::FaultSyntax;

/// One fault, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fault {
    /// Between nodes.
    Network(NetworkFault),
    /// Under a node's files.
    Disk {
        /// Whose disk.
        node: NodeId,
        /// What happens to it.
        fault: DiskFault,
    },
    /// To a node's clock.
    Clock {
        /// Whose clock.
        node: NodeId,
        /// What happens to it.
        fault: ClockFault,
    },
    /// To a node as a whole.
    Process {
        /// Which node.
        node: NodeId,
        /// What happens to it.
        fault: ProcessFault,
    },
    /// To the partition's replicas as a set.
    Membership(MembershipFault),
}

/// What a network does to frames. A connection never reorders: that would be a fault of ours, not of the network.
/// Two connections overtake each other as their delays have it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum NetworkFault {
    /// Nothing arrives from one node at another; the way back is a cut of its own.
    Cut {
        /// The sender.
        from: NodeId,
        /// The one who hears nothing.
        to: NodeId,
    },
    /// The end of a cut.
    Heal {
        /// The sender.
        from: NodeId,
        /// The one who hears again.
        to: NodeId,
    },
    /// The nodes of this side and all others hear nothing of each other.
    Split {
        /// One side.
        side: Vec<NodeId>,
    },
    /// The end of a split.
    Join {
        /// The same side.
        side: Vec<NodeId>,
    },
    /// The nodes of this side and all others hear nothing of each other, but one node hears all and is heard by all.
    Bridge {
        /// The node in the middle.
        middle: NodeId,
        /// One side.
        side: Vec<NodeId>,
    },
    /// The end of a bridge.
    Unbridge {
        /// The node in the middle.
        middle: NodeId,
        /// The same side.
        side: Vec<NodeId>,
    },
    /// Two nodes are cut from each other and healed again, each for so long, in turn.
    Flap {
        /// One of them.
        one: NodeId,
        /// The other.
        other: NodeId,
        /// How long each state lasts.
        every: Duration,
    },
    /// The end of flapping.
    Unflap {
        /// One of them.
        one: NodeId,
        /// The other.
        other: NodeId,
    },
    /// The end of all that is wrong with the network.
    HealAll,
    /// Frames on one way take so much longer; zero ends it.
    Delay {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// How much longer.
        by: Duration,
    },
    /// So many of a thousand frames on one way are lost; zero ends it. TCP sends a lost frame again, so it arrives late,
    /// and what follows it waits; one that is lost too often ends the connection.
    Loss {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// Of a thousand.
        permille: u32,
    },
    /// The connections between two nodes end; of what is under way, chance decides how much arrives.
    Reset {
        /// One of them.
        from: NodeId,
        /// The other.
        to: NodeId,
    },
    /// The connections between two nodes end when the next frame from the one has arrived at the other: what it asked
    /// for is done, the answer is lost, and it asks again.
    LoseReply {
        /// The one who asks.
        from: NodeId,
        /// The one whose answer is lost.
        to: NodeId,
    },
}

/// What a disk does to bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DiskFault {
    /// Each sync takes so much longer; zero ends it.
    SlowSync {
        /// How much longer.
        by: Duration,
    },
    /// The next sync reports an error. Of what it should have kept, chance keeps some; a later sync, as on Linux, knows
    /// nothing of the rest and succeeds.
    SyncError,
    /// The next write reports an error, and writes nothing.
    WriteError,
    /// Writes that need room fail: there is none.
    Full,
    /// There is room again: what waited for it goes on by itself.
    Freed,
    /// Reads give fewer bytes than they were asked for, as read(2) may.
    ShortReads,
    /// Reads give all they were asked for.
    WholeReads,
    /// One bit of a stored segment changes.
    FlipBit {
        /// Which byte, counted over the segments in order of their names; past the last, counting goes on at the first.
        at: ByteSize,
    },
}

/// What a clock does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ClockFault {
    /// It jumps ahead by so much.
    Ahead {
        /// By how much.
        by: Duration,
    },
    /// It is set back by so much; a monotonic clock only stands still until then.
    Behind {
        /// By how much.
        by: Duration,
    },
    /// It runs at this many thousandths of its speed.
    Drift {
        /// 1000 is true time, 0 stands still.
        permille: u32,
    },
    /// It runs at true speed from what it reads: the end of a drift, and of standing still.
    Steady,
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProcessFault {
    /// It ends without warning; the machine lives, and with it what was written.
    Kill,
    /// The machine loses its power: what was not synced is gone.
    PowerLoss,
    /// The machine loses its power while its disk is at work: of what was not synced, chance keeps some, in any order,
    /// and tears writes between two sectors.
    PowerLossMidway,
    /// It ends without warning, and its disk is replaced by an empty one.
    Wipe,
    /// It ends in order.
    Stop,
    /// It starts again on the disk it has. One that runs is killed first.
    Restart,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
}

/// What an operator does to the set of replicas. How, and whether it is refused, is each system's own affair; that it is
/// asked for is over at once, and nothing undoes it when faults end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MembershipFault {
    /// The partition is to be replicated by these.
    Reassign {
        /// Who, in assignment order.
        replicas: Vec<NodeId>,
    },
    /// A reassignment that is under way is to end where it began.
    CancelReassign,
}

impl Fault {
    /// The node it happens to, unless it happens between nodes.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::Network(_) | Self::Membership(_) => None,
            Self::Disk { node, .. } | Self::Clock { node, .. } | Self::Process { node, .. } => Some(*node),
        }
    }

    /// What ends it; nothing when it is over at once, or is an end itself.
    #[must_use]
    pub fn end(&self) -> Option<Self> {
        Some(match self {
            Self::Network(fault) => Self::Network(fault.end()?),
            Self::Disk { node, fault } => fault.end(*node)?,
            Self::Clock { node, fault } => Self::Clock { node: *node, fault: fault.end()? },
            Self::Process { node, fault } => Self::Process { node: *node, fault: fault.end()? },
            Self::Membership(_) => return None,
        })
    }
}

impl NetworkFault {
    fn end(&self) -> Option<Self> {
        Some(match self.clone() {
            Self::Cut { from, to } => Self::Heal { from, to },
            Self::Split { side } => Self::Join { side },
            Self::Bridge { middle, side } => Self::Unbridge { middle, side },
            Self::Flap { one, other, .. } => Self::Unflap { one, other },
            Self::Delay { from, to, by } if !by.is_zero() => Self::Delay { from, to, by: Duration::ZERO },
            Self::Loss { from, to, permille } if permille > 0 => Self::Loss { from, to, permille: 0 },
            _ => return None,
        })
    }
}

impl DiskFault {
    /// An error is over at once, but the log that met it is poisoned until its node is started anew.
    fn end(&self, node: NodeId) -> Option<Fault> {
        let fault = match self {
            Self::SlowSync { by } if !by.is_zero() => Self::SlowSync { by: Duration::ZERO },
            Self::ShortReads => Self::WholeReads,
            Self::Full => Self::Freed,
            Self::SyncError | Self::WriteError | Self::FlipBit { .. } => {
                return Some(Fault::Process { node, fault: ProcessFault::Restart });
            }
            Self::SlowSync { .. } | Self::WholeReads | Self::Freed => return None,
        };
        Some(Fault::Disk { node, fault })
    }
}

impl ClockFault {
    fn end(&self) -> Option<Self> {
        match self {
            Self::Behind { .. } | Self::Drift { .. } => Some(Self::Steady),
            Self::Ahead { .. } | Self::Steady => None,
        }
    }
}

impl ProcessFault {
    fn end(self) -> Option<Self> {
        match self {
            Self::Kill | Self::PowerLoss | Self::PowerLossMidway | Self::Wipe | Self::Stop => {
                Some(Self::Restart)
            }
            Self::Pause => Some(Self::Resume),
            Self::Restart | Self::Resume => None,
        }
    }
}
