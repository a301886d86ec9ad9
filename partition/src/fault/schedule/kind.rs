//! The kinds of faults that a schedule can draw, and what is drawn of each.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};

use super::Frame;
use crate::fault::text::wrong;
use crate::fault::{ClockFault, DiskFault, Fault, FaultSyntax, NetworkFault, ProcessFault};
use crate::ids::{ByteSize, NodeId};

/// One kind of fault. Its text is the word its faults begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the fault of the same name")]
pub enum Kind {
    Cut,
    Split,
    Bridge,
    Flap,
    Delay,
    Loss,
    Reset,
    LoseReply,
    SlowSync,
    SyncError,
    WriteError,
    Full,
    ShortReads,
    FlipBit,
    Ahead,
    Behind,
    Drift,
    Kill,
    PowerLoss,
    PowerLossMidway,
    Wipe,
    Stop,
    Pause,
    Reassign,
    CancelReassign,
}

const NAMES: [(Kind, &str); 25] = [
    (Kind::Cut, "cut"),
    (Kind::Split, "split"),
    (Kind::Bridge, "bridge"),
    (Kind::Flap, "flap"),
    (Kind::Delay, "delay"),
    (Kind::Loss, "loss"),
    (Kind::Reset, "reset"),
    (Kind::LoseReply, "lose-reply"),
    (Kind::SlowSync, "slow-sync"),
    (Kind::SyncError, "sync-error"),
    (Kind::WriteError, "write-error"),
    (Kind::Full, "full"),
    (Kind::ShortReads, "short-reads"),
    (Kind::FlipBit, "flip-bit"),
    (Kind::Ahead, "ahead"),
    (Kind::Behind, "behind"),
    (Kind::Drift, "drift"),
    (Kind::Kill, "kill"),
    (Kind::PowerLoss, "power-loss"),
    (Kind::PowerLossMidway, "power-loss-midway"),
    (Kind::Wipe, "wipe"),
    (Kind::Stop, "stop"),
    (Kind::Pause, "pause"),
    (Kind::Reassign, "reassign"),
    (Kind::CancelReassign, "cancel-reassign"),
];

impl Kind {
    /// All there are.
    #[must_use]
    pub fn all() -> Vec<Self> {
        NAMES.iter().map(|(kind, _)| *kind).collect()
    }

    /// Whether bytes are lost that were synced: what a protocol bears only on so many replicas.
    #[must_use]
    pub fn is_harm(self) -> bool {
        matches!(self, Self::SyncError | Self::FlipBit | Self::Wipe)
    }

    /// Whether it changes who the replicas are. These are drawn apart from all others.
    #[must_use]
    pub fn is_of_membership(self) -> bool {
        matches!(self, Self::Reassign | Self::CancelReassign)
    }

    /// Whether it ends, starts or holds a process: two of these at once on one node make no sense.
    pub(super) fn is_of_process(self) -> bool {
        use Kind::{
            FlipBit, Full, Kill, Pause, PowerLoss, PowerLossMidway, Stop, SyncError, Wipe, WriteError,
        };
        matches!(
            self,
            Kill | PowerLoss
                | PowerLossMidway
                | Wipe
                | Stop
                | Pause
                | SyncError
                | WriteError
                | Full
                | FlipBit
        )
    }

    /// A fault of this kind; nothing where there is nobody whom it could hit.
    pub(super) fn draw(self, random: &mut StdRng, frame: &Frame, harmed: &[NodeId]) -> Option<Fault> {
        let servers: Vec<NodeId> = frame.replicas.iter().chain(&frame.controllers).copied().collect();
        if let Some(fault) = self.draw_network(random, frame, &servers)? {
            return Some(Fault::Network(fault));
        }
        let who = if self.is_harm() { harmed } else { &servers };
        let node = *who.choose(random)?;
        let disk = |fault| Fault::Disk { node, fault };
        let clock = |fault| Fault::Clock { node, fault };
        let process = |fault| Fault::Process { node, fault };
        Some(match self {
            Self::SlowSync => disk(DiskFault::SlowSync { by: millis(random, 1, 200) }),
            Self::SyncError => disk(DiskFault::SyncError),
            Self::WriteError => disk(DiskFault::WriteError),
            Self::Full => disk(DiskFault::Full),
            Self::ShortReads => disk(DiskFault::ShortReads),
            Self::FlipBit => disk(DiskFault::FlipBit { at: ByteSize(random.random_range(0..FLIP_WITHIN)) }),
            Self::Ahead => clock(ClockFault::Ahead { by: millis(random, 10, 5000) }),
            Self::Behind => clock(ClockFault::Behind { by: millis(random, 10, 5000) }),
            Self::Drift => clock(ClockFault::Drift { permille: random.random_range(500..=2000) }),
            Self::Kill => process(ProcessFault::Kill),
            Self::PowerLoss => process(ProcessFault::PowerLoss),
            Self::PowerLossMidway => process(ProcessFault::PowerLossMidway),
            Self::Wipe => process(ProcessFault::Wipe),
            Self::Stop => process(ProcessFault::Stop),
            Self::Pause => process(ProcessFault::Pause),
            Self::Cut
            | Self::Split
            | Self::Bridge
            | Self::Flap
            | Self::Delay
            | Self::Loss
            | Self::Reset
            | Self::LoseReply => unreachable!("drawn above"),
            Self::Reassign | Self::CancelReassign => unreachable!("drawn apart"),
        })
    }

    /// A fault of the network, if this is a kind of those; nothing at all where there are too few nodes.
    fn draw_network(
        self,
        random: &mut StdRng,
        frame: &Frame,
        servers: &[NodeId],
    ) -> Option<Option<NetworkFault>> {
        let mut draw_way = || {
            let one = *servers.choose(random)?;
            let others = servers.iter().chain(&frame.clients).copied().filter(|other| *other != one);
            let other = *others.collect::<Vec<_>>().choose(random)?;
            Some(if random.random() { (one, other) } else { (other, one) })
        };
        Some(Some(match self {
            Self::Cut => draw_way().map(|(from, to)| NetworkFault::Cut { from, to })?,
            Self::Reset => draw_way().map(|(from, to)| NetworkFault::Reset { from, to })?,
            Self::LoseReply => draw_way().map(|(from, to)| NetworkFault::LoseReply { from, to })?,
            Self::Flap => {
                let (one, other) = draw_way()?;
                NetworkFault::Flap { one, other, every: millis(random, 20, 800) }
            }
            Self::Delay => {
                let (from, to) = draw_way()?;
                NetworkFault::Delay { from, to, by: millis(random, 1, 400) }
            }
            Self::Loss => {
                let (from, to) = draw_way()?;
                NetworkFault::Loss { from, to, permille: random.random_range(10..=400) }
            }
            Self::Split => {
                let all: Vec<NodeId> = servers.iter().chain(&frame.clients).copied().collect();
                NetworkFault::Split { side: side(random, all)? }
            }
            Self::Bridge => {
                let middle = *servers.choose(random)?;
                let others = servers.iter().copied().filter(|node| *node != middle).collect();
                NetworkFault::Bridge { middle, side: side(random, others)? }
            }
            _ => return Some(None),
        }))
    }
}

/// A bit flips in about the first so many bytes of a log; a schedule does not know how long it will be.
const FLIP_WITHIN: u64 = 1 << 20;

fn millis(random: &mut StdRng, least: u64, most: u64) -> Duration {
    Duration::from_millis(random.random_range(least..=most))
}

/// Some of these nodes, but not all.
fn side(random: &mut StdRng, mut nodes: Vec<NodeId>) -> Option<Vec<NodeId>> {
    let most = nodes.len().checked_sub(1).filter(|most| *most > 0)?;
    nodes.shuffle(random);
    nodes.truncate(random.random_range(1..=most));
    nodes.sort_unstable();
    Some(nodes)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(kind, _)| kind == self);
        f.write_str(name.expect("each has a name").1)
    }
}

impl FromStr for Kind {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let kind = NAMES.iter().find(|(_, name)| *name == text);
        let names: Vec<&str> = NAMES.iter().map(|(_, name)| *name).collect();
        kind.map(|(kind, _)| *kind).ok_or_else(|| wrong(text, &format!("one of {}", names.join(", "))))
    }
}
