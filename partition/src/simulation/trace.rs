//! What happened in a run: a digest of all of it, always, and its lines of text, when they are asked for.
//!
//! A line is `<virtual nanoseconds> <what>`; [`Event`]'s text says what. Timers are in the digest only.

use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::clock::{Moment, Whose};
use crate::fault::Fault;
use crate::ids::{ByteSize, NodeId};

/// A run that writes more than this has no end: it is stopped rather than let fill the memory.
const TRACE_BYTES_MAX: usize = 1 << 30;

/// Something that happened at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A timer went off: a writer's is a write or a sync that ended.
    Timer(Whose),
    /// A connection was made.
    Connected {
        /// By whom.
        from: NodeId,
        /// With whom.
        to: NodeId,
    },
    /// A frame arrived.
    Delivered {
        /// Who sent it.
        from: NodeId,
        /// Where it arrived.
        to: NodeId,
        /// How large it is.
        size: ByteSize,
        /// Its checksum.
        crc: u32,
    },
    /// A connection's end arrived.
    Closed {
        /// Who ended it.
        from: NodeId,
        /// Who learned of it.
        to: NodeId,
    },
    /// A fault was committed, or ended.
    Fault(Fault),
    /// A node's process ended; its disk kept what [`Keeps`](super::Keeps) says.
    Crashed {
        /// Which node.
        node: NodeId,
        /// What its disk kept.
        keeps: super::Keeps,
    },
    /// What a node, a client or a checker had to say.
    Note(String),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timer(whose) => write!(f, "timer {whose:?}"),
            Self::Connected { from, to } => write!(f, "{from}>{to} connect"),
            Self::Delivered { from, to, size, crc } => write!(f, "{from}>{to} {size} {crc:08x}"),
            Self::Closed { from, to } => write!(f, "{from}>{to} end"),
            Self::Fault(fault) => write!(f, "fault: {fault}"),
            Self::Crashed { node, keeps } => write!(f, "crash {node} ({keeps})"),
            Self::Note(text) => f.write_str(text),
        }
    }
}

/// Whether a run keeps its trace as text, or only its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracing {
    /// The digest alone: what a sweep over many seeds needs.
    Digest,
    /// Each event as a line of text.
    Text,
}

/// A run's events in one number: two runs of one seed have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub u64);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The trace of one run. Clones speak of the same one.
#[derive(Clone)]
pub(crate) struct Trace(Arc<Mutex<State>>);

struct State {
    hasher: DefaultHasher,
    lines: Option<String>,
    /// What happened since the run last stood still.
    step: Vec<Event>,
}

impl Trace {
    pub(crate) fn new(tracing: Tracing) -> Self {
        let lines = (tracing == Tracing::Text).then(String::new);
        Self(Arc::new(Mutex::new(State { hasher: DefaultHasher::new(), lines, step: Vec::new() })))
    }

    pub(crate) fn event(&self, at: Moment, event: Event) {
        let mut state = self.state();
        (at, &event).hash(&mut state.hasher);
        if let Some(lines) = state.lines.as_mut().filter(|_| !matches!(event, Event::Timer(_))) {
            assert!(lines.len() < TRACE_BYTES_MAX, "a simulated run without end");
            writeln!(lines, "{} {event}", at.0).expect("writing to a string does not fail");
        }
        state.step.push(event);
    }

    /// Takes what happened since this was asked last.
    pub(super) fn take_step(&self) -> Vec<Event> {
        std::mem::take(&mut self.state().step)
    }

    pub(super) fn text(&self) -> String {
        self.state().lines.clone().unwrap_or_default()
    }

    pub(super) fn digest(&self) -> Digest {
        Digest(self.state().hasher.finish())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no holder panics")
    }
}
