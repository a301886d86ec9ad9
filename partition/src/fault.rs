//! What can go wrong, as a closed list. Here it is only named; what commits a fault, and when, is a schedule's business.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{ByteSize, NodeId};

/// One fault, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
}

/// What a network does to frames. A connection never reorders: that would be a fault of ours, not of the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The end of all cuts and splits.
    HealAll,
    /// Frames on one way take so much longer.
    Delay {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// How much longer.
        by: Duration,
    },
    /// The connections between two nodes end.
    Reset {
        /// One of them.
        from: NodeId,
        /// The other.
        to: NodeId,
    },
}

/// What a disk does to bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DiskFault {
    /// Each sync takes so much longer.
    SlowSync {
        /// How much longer.
        by: Duration,
    },
    /// The next sync reports an error, and nobody knows what it kept.
    SyncError,
    /// Writes fail: there is no room.
    Full,
    /// There is room again.
    Freed,
    /// One bit of a stored file changes.
    FlipBit {
        /// Which byte of the log, counted over its files.
        at: ByteSize,
    },
    /// Of the last write, only the first bytes are kept when the power goes.
    TornWrite {
        /// How many.
        keeps: ByteSize,
    },
    /// All files are gone (only while the node is down).
    Wipe,
}

/// What a clock does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ClockFault {
    /// It runs ahead by so much from now on.
    Ahead {
        /// By how much.
        by: Duration,
    },
    /// It runs behind by so much from now on; a monotonic clock only stands still until then.
    Behind {
        /// By how much.
        by: Duration,
    },
    /// It runs at this many thousandths of its speed.
    Drift {
        /// 1000 is true time.
        permille: u32,
    },
}

/// What happens to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProcessFault {
    /// It ends without warning; the machine lives, and with it what was written.
    Kill,
    /// The machine loses its power: what was not synced is gone.
    PowerLoss,
    /// It ends in order.
    Stop,
    /// It starts again on the disk it had.
    Restart,
    /// It stands still.
    Pause,
    /// It goes on.
    Resume,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(fault) => write!(f, "{fault}"),
            Self::Disk { node, fault } => write!(f, "node {node}: {fault}"),
            Self::Clock { node, fault } => write!(f, "node {node}: {fault}"),
            Self::Process { node, fault } => write!(f, "node {node}: {fault}"),
        }
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to } => write!(f, "cut {from} -> {to}"),
            Self::Heal { from, to } => write!(f, "heal {from} -> {to}"),
            Self::Split { side } => {
                f.write_str("split off")?;
                side.iter().try_for_each(|node| write!(f, " {node}"))
            }
            Self::HealAll => f.write_str("heal all"),
            Self::Delay { from, to, by } => write!(f, "delay {from} -> {to} by {by:?}"),
            Self::Reset { from, to } => write!(f, "reset {from} - {to}"),
        }
    }
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlowSync { by } => write!(f, "each sync {by:?} slower"),
            Self::SyncError => f.write_str("a sync fails"),
            Self::Full => f.write_str("disk full"),
            Self::Freed => f.write_str("disk freed"),
            Self::FlipBit { at } => write!(f, "a bit flips at byte {at}"),
            Self::TornWrite { keeps } => write!(f, "a torn write keeps {keeps} bytes"),
            Self::Wipe => f.write_str("disk wiped"),
        }
    }
}

impl fmt::Display for ClockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ahead { by } => write!(f, "clock {by:?} ahead"),
            Self::Behind { by } => write!(f, "clock {by:?} behind"),
            Self::Drift { permille } => write!(f, "clock at {permille}/1000 of its speed"),
        }
    }
}

impl fmt::Display for ProcessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "killed",
            Self::PowerLoss => "power lost",
            Self::Stop => "stopped",
            Self::Restart => "restarted",
            Self::Pause => "paused",
            Self::Resume => "resumed",
        })
    }
}
