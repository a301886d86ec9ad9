//! Faults as text, one syntax for traces, schedules and the command line: `cut 1>2`, `pause 3`, `drift 2 1.050`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{ClockFault, DiskFault, Fault, MembershipFault, NetworkFault, ProcessFault};
use crate::ids::{ByteSize, NodeId};

/// Text that is no fault, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FaultSyntax(pub(super) String);

pub(super) fn wrong(text: &str, wanted: &str) -> FaultSyntax {
    FaultSyntax(format!("`{text}` is not {wanted}"))
}

/// A span in the largest unit that shows it exactly.
pub(super) struct Span(pub(super) Duration);

const UNITS: [(&str, u128); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, size) =
            UNITS.into_iter().find(|(_, size)| nanos.is_multiple_of(*size)).expect("one divides all");
        write!(f, "{}{unit}", nanos / size)
    }
}

impl FromStr for Span {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let wanted = "a span of time such as 3s, 50ms, 80us or 5ns";
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let (_, size) =
            UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(|| wrong(text, wanted))?;
        let nanos = number.parse::<u128>().ok().and_then(|number| number.checked_mul(size));
        let nanos = nanos.and_then(|nanos| u64::try_from(nanos).ok()).ok_or_else(|| wrong(text, wanted))?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

/// Thousandths, as a decimal fraction.
struct Permille(u32);

impl fmt::Display for Permille {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl FromStr for Permille {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let parse = || {
            let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
            let legal = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            let thousandths = legal.then(|| format!("{part:0<3}").parse::<u32>().ok())??;
            whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(thousandths)
        };
        parse().map(Self).ok_or_else(|| wrong(text, "a fraction such as 0.2 or 1.050"))
    }
}

/// Nodes with commas between.
struct Side<T>(T);

impl fmt::Display for Side<&[NodeId]> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&texts.join(","))
    }
}

impl FromStr for Side<Vec<NodeId>> {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        text.split(',').map(node).collect::<Result<_, _>>().map(Self)
    }
}

fn node(text: &str) -> Result<NodeId, FaultSyntax> {
    text.parse().map(NodeId).map_err(|_| wrong(text, "a node's number"))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(fault) => write!(f, "{fault}"),
            Self::Disk { node, fault } => fault.write(f, *node),
            Self::Clock { node, fault } => fault.write(f, *node),
            Self::Process { node, fault } => write!(f, "{fault} {node}"),
            Self::Membership(fault) => write!(f, "{fault}"),
        }
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { from, to } => write!(f, "cut {from}>{to}"),
            Self::Heal { from, to } => write!(f, "heal {from}>{to}"),
            Self::Split { side } => write!(f, "split {}", Side(&side[..])),
            Self::Join { side } => write!(f, "join {}", Side(&side[..])),
            Self::Bridge { middle, side } => write!(f, "bridge {middle} {}", Side(&side[..])),
            Self::Unbridge { middle, side } => write!(f, "unbridge {middle} {}", Side(&side[..])),
            Self::Flap { one, other, every } => write!(f, "flap {one}-{other} {}", Span(*every)),
            Self::Unflap { one, other } => write!(f, "unflap {one}-{other}"),
            Self::HealAll => f.write_str("heal-all"),
            Self::Delay { from, to, by } => write!(f, "delay {from}>{to} {}", Span(*by)),
            Self::Loss { from, to, permille } => write!(f, "loss {from}>{to} {}", Permille(*permille)),
            Self::Reset { from, to } => write!(f, "reset {from}-{to}"),
            Self::LoseReply { from, to } => write!(f, "lose-reply {from}>{to}"),
        }
    }
}

impl DiskFault {
    fn write(&self, f: &mut fmt::Formatter<'_>, node: NodeId) -> fmt::Result {
        match self {
            Self::SlowSync { by } => write!(f, "slow-sync {node} {}", Span(*by)),
            Self::SyncError => write!(f, "sync-error {node}"),
            Self::WriteError => write!(f, "write-error {node}"),
            Self::Full => write!(f, "full {node}"),
            Self::Freed => write!(f, "freed {node}"),
            Self::ShortReads => write!(f, "short-reads {node}"),
            Self::WholeReads => write!(f, "whole-reads {node}"),
            Self::FlipBit { at } => write!(f, "flip-bit {node} {}", at.0),
        }
    }
}

impl ClockFault {
    fn write(&self, f: &mut fmt::Formatter<'_>, node: NodeId) -> fmt::Result {
        match self {
            Self::Ahead { by } => write!(f, "ahead {node} {}", Span(*by)),
            Self::Behind { by } => write!(f, "behind {node} {}", Span(*by)),
            Self::Drift { permille } => write!(f, "drift {node} {}", Permille(*permille)),
            Self::Steady => write!(f, "steady {node}"),
        }
    }
}

impl fmt::Display for ProcessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "kill",
            Self::PowerLoss => "power-loss",
            Self::PowerLossMidway => "power-loss-midway",
            Self::Wipe => "wipe",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Pause => "pause",
            Self::Resume => "resume",
        })
    }
}

impl fmt::Display for MembershipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reassign { replicas } => write!(f, "reassign {}", Side(&replicas[..])),
            Self::CancelReassign => f.write_str("cancel-reassign"),
        }
    }
}

/// What follows the first word.
struct Rest<'a> {
    all: &'a str,
    words: std::str::SplitWhitespace<'a>,
}

impl Rest<'_> {
    fn word(&mut self, wanted: &str) -> Result<&str, FaultSyntax> {
        self.words.next().ok_or_else(|| FaultSyntax(format!("`{}` lacks {wanted}", self.all)))
    }

    fn node(&mut self) -> Result<NodeId, FaultSyntax> {
        node(self.word("a node's number")?)
    }

    fn side(&mut self) -> Result<Vec<NodeId>, FaultSyntax> {
        Ok(self.word("the nodes of one side, such as 1,2")?.parse::<Side<_>>()?.0)
    }

    fn replicas(&mut self) -> Result<Vec<NodeId>, FaultSyntax> {
        Ok(self.word("the replicas that are to be, such as 1,2,4")?.parse::<Side<_>>()?.0)
    }

    fn span(&mut self) -> Result<Duration, FaultSyntax> {
        Ok(self.word("a span of time such as 50ms")?.parse::<Span>()?.0)
    }

    fn permille(&mut self) -> Result<u32, FaultSyntax> {
        Ok(self.word("a fraction such as 0.2")?.parse::<Permille>()?.0)
    }

    fn two(&mut self, between: char, wanted: &str) -> Result<(NodeId, NodeId), FaultSyntax> {
        let word = self.word(wanted)?;
        let (one, other) = word.split_once(between).ok_or_else(|| wrong(word, wanted))?;
        Ok((node(one)?, node(other)?))
    }

    fn way(&mut self) -> Result<(NodeId, NodeId), FaultSyntax> {
        self.two('>', "one way between two nodes, such as 1>2")
    }

    fn pair(&mut self) -> Result<(NodeId, NodeId), FaultSyntax> {
        self.two('-', "two nodes, such as 1-2")
    }
}

impl FromStr for Fault {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let mut rest = Rest { all: text, words };
        let network = network(name, &mut rest)?.map(Self::Network);
        let fault = match (network, name) {
            (Some(fault), _) => Some(fault),
            (None, "reassign") => {
                Some(Self::Membership(MembershipFault::Reassign { replicas: rest.replicas()? }))
            }
            (None, "cancel-reassign") => Some(Self::Membership(MembershipFault::CancelReassign)),
            (None, _) => of_a_node(name, &mut rest)?,
        };
        let fault = fault.ok_or_else(|| wrong(name, "a fault such as cut, split, kill or pause"))?;
        match rest.words.next() {
            None => Ok(fault),
            Some(more) => Err(FaultSyntax(format!("`{text}` ends before `{more}`"))),
        }
    }
}

fn network(name: &str, rest: &mut Rest<'_>) -> Result<Option<NetworkFault>, FaultSyntax> {
    let of_way = |rest: &mut Rest<'_>, fault: fn(NodeId, NodeId) -> NetworkFault| {
        rest.way().map(|(from, to)| fault(from, to))
    };
    Ok(Some(match name {
        "cut" => of_way(rest, |from, to| NetworkFault::Cut { from, to })?,
        "heal" => of_way(rest, |from, to| NetworkFault::Heal { from, to })?,
        "lose-reply" => of_way(rest, |from, to| NetworkFault::LoseReply { from, to })?,
        "split" => NetworkFault::Split { side: rest.side()? },
        "join" => NetworkFault::Join { side: rest.side()? },
        "bridge" => NetworkFault::Bridge { middle: rest.node()?, side: rest.side()? },
        "unbridge" => NetworkFault::Unbridge { middle: rest.node()?, side: rest.side()? },
        "flap" => {
            let ((one, other), every) = (rest.pair()?, rest.span()?);
            if every.is_zero() {
                return Err(wrong("0s", "a span that a state of flapping can last"));
            }
            NetworkFault::Flap { one, other, every }
        }
        "unflap" => rest.pair().map(|(one, other)| NetworkFault::Unflap { one, other })?,
        "reset" => rest.pair().map(|(from, to)| NetworkFault::Reset { from, to })?,
        "heal-all" => NetworkFault::HealAll,
        "delay" => {
            let ((from, to), by) = (rest.way()?, rest.span()?);
            NetworkFault::Delay { from, to, by }
        }
        "loss" => {
            let ((from, to), permille) = (rest.way()?, rest.permille()?);
            NetworkFault::Loss { from, to, permille }
        }
        _ => return Ok(None),
    }))
}

fn of_a_node(name: &str, rest: &mut Rest<'_>) -> Result<Option<Fault>, FaultSyntax> {
    let node = match name {
        "" => return Ok(None),
        _ => rest.node(),
    };
    let disk = |fault| node.clone().map(|node| Some(Fault::Disk { node, fault }));
    let clock = |fault| node.clone().map(|node| Some(Fault::Clock { node, fault }));
    let process = |fault| node.clone().map(|node| Some(Fault::Process { node, fault }));
    match name {
        "slow-sync" => disk(DiskFault::SlowSync { by: rest.span()? }),
        "sync-error" => disk(DiskFault::SyncError),
        "write-error" => disk(DiskFault::WriteError),
        "full" => disk(DiskFault::Full),
        "freed" => disk(DiskFault::Freed),
        "short-reads" => disk(DiskFault::ShortReads),
        "whole-reads" => disk(DiskFault::WholeReads),
        "flip-bit" => {
            let at = rest.word("which byte")?;
            let at = at.parse().map_err(|_| wrong(at, "the number of a byte"))?;
            disk(DiskFault::FlipBit { at: ByteSize(at) })
        }
        "ahead" => clock(ClockFault::Ahead { by: rest.span()? }),
        "behind" => clock(ClockFault::Behind { by: rest.span()? }),
        "drift" => clock(ClockFault::Drift { permille: rest.permille()? }),
        "steady" => clock(ClockFault::Steady),
        "kill" => process(ProcessFault::Kill),
        "power-loss" => process(ProcessFault::PowerLoss),
        "power-loss-midway" => process(ProcessFault::PowerLossMidway),
        "wipe" => process(ProcessFault::Wipe),
        "stop" => process(ProcessFault::Stop),
        "restart" => process(ProcessFault::Restart),
        "pause" => process(ProcessFault::Pause),
        "resume" => process(ProcessFault::Resume),
        _ => Ok(None),
    }
}
