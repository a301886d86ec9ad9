//! Who is connected to whom, what is under way, and when it arrives.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::Waker;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::trace::Trace;
use super::{Latency, refused};
use crate::clock::Moment;
use crate::ids::NodeId;
use crate::transport::{Address, Frame, Link, frame};

/// Bytes under way or unread on one pipe, beyond which its sender waits: two socket buffers' worth.
const PIPE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// From one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
}

/// One direction of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PipeId(u64);

/// The two pipes of a connection, as one side uses them.
pub(super) struct Ends {
    pub(super) out: PipeId,
    pub(super) into: PipeId,
}

struct Pipe {
    way: Way,
    /// Under way, in order.
    sent: VecDeque<Item>,
    /// Of those, how many should have arrived but for a cut.
    held: usize,
    /// Arrived, and not read yet.
    arrived: VecDeque<Frame>,
    /// Bytes in both.
    bytes: u64,
    /// Nothing arrives before this: what follows does not overtake.
    not_before: Moment,
    writer: Side,
    reader: Side,
    waiting_writer: Option<Waker>,
    waiting_reader: Option<Waker>,
}

enum Item {
    Frame(Frame),
    End,
}

/// Whether an end of a pipe is in use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    /// The writer is done (and for the reader: has been seen to be done).
    Closed,
}

/// One listener of all there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListeningId(u64);

struct Listening {
    id: ListeningId,
    node: NodeId,
    accept: mpsc::Sender<Link>,
}

pub(super) struct State {
    random: StdRng,
    usual: Latency,
    latencies: BTreeMap<Way, Latency>,
    cuts: BTreeSet<Way>,
    listening: BTreeMap<Address, Listening>,
    next_listening: u64,
    pipes: BTreeMap<PipeId, Pipe>,
    next_pipe: u64,
    /// One entry for each item under way that is not held by a cut.
    arrivals: BTreeMap<(Moment, u64), PipeId>,
    next_arrival: u64,
    trace: Trace,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            usual: Latency::default(),
            latencies: BTreeMap::new(),
            cuts: BTreeSet::new(),
            listening: BTreeMap::new(),
            next_listening: 0,
            pipes: BTreeMap::new(),
            next_pipe: 0,
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            trace: Trace::default(),
        }
    }

    pub(super) fn note(&mut self, at: Moment, text: fmt::Arguments<'_>) {
        self.trace.line(at, text);
    }

    pub(super) fn trace(&self) -> &str {
        self.trace.lines()
    }

    pub(super) fn set_latency(&mut self, latency: Latency) {
        self.usual = latency;
    }

    pub(super) fn set_latency_between(&mut self, way: Way, latency: Latency) {
        self.latencies.insert(way, latency);
    }

    /// How long the next frame on this way takes.
    pub(super) fn draw(&mut self, way: Way) -> Duration {
        let Latency { least, most } = *self.latencies.get(&way).unwrap_or(&self.usual);
        self.random.random_range(least..=most.max(least))
    }

    pub(super) fn cuts(&self) -> Vec<Way> {
        self.cuts.iter().copied().collect()
    }

    pub(super) fn is_cut(&self, way: Way) -> bool {
        self.cuts.contains(&way)
    }

    pub(super) fn cut(&mut self, way: Way) {
        self.cuts.insert(way);
    }

    pub(super) fn heal(&mut self, way: Way, now: Moment) {
        self.cuts.remove(&way);
        let held: Vec<(PipeId, usize)> = self
            .pipes
            .iter_mut()
            .filter(|(_, pipe)| pipe.way == way)
            .map(|(id, pipe)| (*id, std::mem::take(&mut pipe.held)))
            .collect();
        for (id, count) in held {
            for _ in 0..count {
                self.schedule(id, now);
            }
        }
    }

    pub(super) fn node_at(&self, address: Address) -> Option<NodeId> {
        self.listening.get(&address).map(|listening| listening.node)
    }

    pub(super) fn listen(
        &mut self,
        node: NodeId,
        at: Address,
        accept: mpsc::Sender<Link>,
    ) -> io::Result<(ListeningId, Address)> {
        let address = if at.0.port() == 0 { self.free_address(node)? } else { at };
        if self.listening.contains_key(&address) {
            let text = format!("cannot listen on {address}: the address is in use");
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        let id = ListeningId(self.next_listening);
        self.next_listening += 1;
        self.listening.insert(address, Listening { id, node, accept });
        Ok((id, address))
    }

    fn free_address(&self, node: NodeId) -> io::Result<Address> {
        let ip = Address::simulated(node).0.ip();
        let mut addresses = (1..=u16::MAX).map(|port| Address(SocketAddr::new(ip, port)));
        let free = addresses.find(|address| !self.listening.contains_key(address));
        free.ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
    }

    /// Stops what was begun under this number; the node may have begun again since.
    pub(super) fn stop_listening(&mut self, id: ListeningId) {
        self.listening.retain(|_, listening| listening.id != id);
    }

    /// Makes the two pipes of a connection: the caller's ends, the other side's, and where the other side takes them.
    pub(super) fn connect(
        &mut self,
        from: NodeId,
        to: Address,
        now: Moment,
    ) -> io::Result<(Ends, Ends, mpsc::Sender<Link>)> {
        let listening = self.listening.get(&to).ok_or_else(|| refused("nobody listens there"))?;
        let (node, accept) = (listening.node, listening.accept.clone());
        self.trace.line(now, format_args!("{from}>{node} connect"));
        let there = self.pipe(Way { from, to: node }, now);
        let back = self.pipe(Way { from: node, to: from }, now);
        Ok((Ends { out: there, into: back }, Ends { out: back, into: there }, accept))
    }

    fn pipe(&mut self, way: Way, now: Moment) -> PipeId {
        let id = PipeId(self.next_pipe);
        self.next_pipe += 1;
        let pipe = Pipe {
            way,
            sent: VecDeque::new(),
            held: 0,
            arrived: VecDeque::new(),
            bytes: 0,
            not_before: now,
            writer: Side::Open,
            reader: Side::Open,
            waiting_writer: None,
            waiting_reader: None,
        };
        self.pipes.insert(id, pipe);
        id
    }

    /// Sends frames as far as there is room; `Pending` when there is none.
    pub(super) fn send(
        &mut self,
        id: PipeId,
        frames: &mut VecDeque<Frame>,
        now: Moment,
        waker: &Waker,
    ) -> Sent {
        while let Some(frame) = frames.pop_front() {
            let Some(pipe) = self.pipes.get_mut(&id) else { return Sent::Broken };
            if pipe.reader == Side::Closed || pipe.writer == Side::Closed {
                return Sent::Broken;
            }
            if pipe.bytes >= PIPE_BYTES_MAX {
                frames.push_front(frame);
                pipe.waiting_writer = Some(waker.clone());
                return Sent::Waiting;
            }
            pipe.bytes += frame::size(&frame).0;
            pipe.sent.push_back(Item::Frame(frame));
            self.schedule(id, now);
        }
        Sent::All
    }

    /// Takes the next frame that has arrived.
    pub(super) fn receive(&mut self, id: PipeId, waker: Option<&Waker>) -> Received {
        let Some(pipe) = self.pipes.get_mut(&id) else { return Received::End };
        if let Some(frame) = pipe.arrived.pop_front() {
            pipe.bytes -= frame::size(&frame).0;
            if let Some(writer) = pipe.waiting_writer.take() {
                writer.wake();
            }
            return Received::Frame(frame);
        }
        if pipe.reader == Side::Closed {
            return Received::End;
        }
        if let Some(waker) = waker {
            pipe.waiting_reader = Some(waker.clone());
        }
        Received::Nothing
    }

    /// The sender is done: what is under way arrives first.
    pub(super) fn end(&mut self, id: PipeId, now: Moment) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        if pipe.writer == Side::Closed {
            return;
        }
        pipe.writer = Side::Closed;
        pipe.sent.push_back(Item::End);
        if let Some(writer) = pipe.waiting_writer.take() {
            writer.wake();
        }
        self.schedule(id, now);
    }

    /// The reader is gone: nothing that is under way will be read.
    pub(super) fn abandon(&mut self, id: PipeId) {
        if let Some(pipe) = self.pipes.remove(&id) {
            self.arrivals.retain(|_, at| *at != id);
            for waker in [pipe.waiting_writer, pipe.waiting_reader].into_iter().flatten() {
                waker.wake();
            }
        }
    }

    pub(super) fn crash(&mut self, node: NodeId, now: Moment) {
        self.listening.retain(|_, listening| listening.node != node);
        let of_node = |way: fn(&Way) -> NodeId| {
            let pipes = self.pipes.iter().filter(move |(_, pipe)| way(&pipe.way) == node);
            pipes.map(|(id, _)| *id).collect::<Vec<_>>()
        };
        let (outgoing, incoming) = (of_node(|way| way.from), of_node(|way| way.to));
        for id in outgoing {
            self.end(id, now);
        }
        for id in incoming {
            self.abandon(id);
        }
    }

    fn schedule(&mut self, id: PipeId, now: Moment) {
        let Some(way) = self.pipes.get(&id).map(|pipe| pipe.way) else { return };
        let latency = self.draw(way);
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        let due = now.after(latency).max(pipe.not_before);
        pipe.not_before = due;
        self.arrivals.insert((due, self.next_arrival), id);
        self.next_arrival += 1;
    }

    pub(super) fn next_due(&self) -> Option<Moment> {
        self.arrivals.first_key_value().map(|((due, _), _)| *due)
    }

    pub(super) fn deliver_until(&mut self, now: Moment) {
        while let Some(first) = self.arrivals.first_entry().filter(|first| first.key().0 <= now) {
            let ((due, _), id) = first.remove_entry();
            let Some(pipe) = self.pipes.get_mut(&id) else { continue };
            if self.cuts.contains(&pipe.way) {
                pipe.held += 1;
                continue;
            }
            let Way { from, to } = pipe.way;
            match pipe.sent.pop_front() {
                Some(Item::Frame(frame)) => {
                    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame.head), &frame.body);
                    let size = frame::size(&frame);
                    self.trace.line(due, format_args!("{from}>{to} {size} {crc:08x}"));
                    pipe.arrived.push_back(frame);
                }
                Some(Item::End) => {
                    self.trace.line(due, format_args!("{from}>{to} end"));
                    pipe.reader = Side::Closed;
                }
                None => unreachable!("an arrival has been scheduled for each item"),
            }
            if let Some(reader) = pipe.waiting_reader.take() {
                reader.wake();
            }
        }
    }
}

/// How sending went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    Waiting,
    Broken,
}

/// What a reader finds.
pub(super) enum Received {
    Frame(Frame),
    Nothing,
    End,
}
