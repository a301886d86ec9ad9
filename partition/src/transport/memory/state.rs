//! Who is connected to whom, what is under way, and when it arrives.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::refused;
use super::troubles::{Fare, Passage, Troubles, Way};
use crate::clock::Moment;
use crate::fault::{Fault, NetworkFault};
use crate::ids::NodeId;
use crate::simulation::{Event, RunTrace};
use crate::transport::{Address, Frame, Link, frame};

/// Bytes under way or unread on one pipe, beyond which its sender waits: two socket buffers' worth.
const PIPE_BYTES_MAX: u64 = 4 * 1024 * 1024;

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
    /// The other direction of the same connection.
    twin: PipeId,
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
    /// The connection was reset.
    Reset,
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
    troubles: Troubles,
    listening: BTreeMap<Address, Listening>,
    next_listening: u64,
    pipes: BTreeMap<PipeId, Pipe>,
    next_pipe: u64,
    /// One entry for each item under way that is not held by a cut.
    arrivals: BTreeMap<(Moment, u64), (PipeId, Arrival)>,
    next_arrival: u64,
    trace: RunTrace,
}

/// What happens at the far end of a pipe.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// The next item arrives.
    Item,
    /// The sender has given up.
    Reset,
}

impl State {
    pub(super) fn new(seed: u64, trace: &RunTrace) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            troubles: Troubles::default(),
            listening: BTreeMap::new(),
            next_listening: 0,
            pipes: BTreeMap::new(),
            next_pipe: 0,
            arrivals: BTreeMap::new(),
            next_arrival: 0,
            trace: trace.clone(),
        }
    }

    pub(super) fn troubles(&mut self) -> &mut Troubles {
        &mut self.troubles
    }

    /// How long a packet takes on this way, or nothing while it is cut (or the way back is).
    pub(super) fn packet(&mut self, way: Way, now: Moment) -> Option<Fare> {
        let back = Way { from: way.to, to: way.from };
        let open = [way, back].map(|way| self.troubles.passage(way, now)) == [Passage::Open; 2];
        open.then(|| self.troubles.draw(way, &mut self.random))
    }

    pub(super) fn fault(&mut self, fault: &NetworkFault, now: Moment) {
        self.trace.event(now, Event::Fault(Fault::Network(fault.clone())));
        self.troubles.change(fault, now);
        if let NetworkFault::Reset { from, to } = fault {
            let (one, other) = (Way { from: *from, to: *to }, Way { from: *to, to: *from });
            let between =
                |(id, pipe): (&PipeId, &Pipe)| (pipe.way == one || pipe.way == other).then_some(*id);
            let between: Vec<PipeId> = self.pipes.iter().filter_map(between).collect();
            for id in between {
                let under_way = self.pipes.get(&id).map_or(0, |pipe| pipe.sent.len());
                let arrive = self.random.random_range(0..=under_way);
                self.reset(id, arrive, now);
            }
        }
        self.release(now);
    }

    /// What waited for a cut that is no more is on its way again.
    fn release(&mut self, now: Moment) {
        let held: Vec<(PipeId, usize)> = self
            .pipes
            .iter_mut()
            .filter(|(_, pipe)| pipe.held > 0 && self.troubles.passage(pipe.way, now) != Passage::Cut)
            .map(|(id, pipe)| (*id, std::mem::take(&mut pipe.held)))
            .collect();
        for (id, count) in held {
            for _ in 0..count {
                self.schedule(id, now);
            }
        }
    }

    /// Ends a pipe at once: of what is under way on it, the first so many frames arrive.
    fn reset(&mut self, id: PipeId, arrive: usize, now: Moment) {
        self.arrivals.retain(|_, (at, _)| *at != id);
        for _ in 0..arrive {
            self.arrive(id, now);
        }
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        let Way { from, to } = pipe.way;
        pipe.sent.clear();
        pipe.held = 0;
        pipe.writer = Side::Reset;
        if pipe.reader == Side::Open {
            pipe.reader = Side::Reset;
            self.trace.event(now, Event::Closed { from, to });
        }
        for waker in [pipe.waiting_writer.take(), pipe.waiting_reader.take()].into_iter().flatten() {
            waker.wake();
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
        self.trace.event(now, Event::Connected { from, to: node });
        let (there, back) = (PipeId(self.next_pipe), PipeId(self.next_pipe + 1));
        self.next_pipe += 2;
        self.pipes.insert(there, Pipe::new(Way { from, to: node }, back, now));
        self.pipes.insert(back, Pipe::new(Way { from: node, to: from }, there, now));
        Ok((Ends { out: there, into: back }, Ends { out: back, into: there }, accept))
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
            if pipe.reader != Side::Open || pipe.writer != Side::Open {
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
        match pipe.reader {
            Side::Open => {}
            Side::Closed => return Received::End,
            Side::Reset => return Received::Reset,
        }
        if let Some(waker) = waker {
            pipe.waiting_reader = Some(waker.clone());
        }
        Received::Nothing
    }

    /// The sender is done: what is under way arrives first.
    pub(super) fn end(&mut self, id: PipeId, now: Moment) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        if pipe.writer != Side::Open {
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
            self.arrivals.retain(|_, (at, _)| *at != id);
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
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        let (took, arrival) = match self.troubles.draw(pipe.way, &mut self.random) {
            Fare::Arrives(took) => (took, Arrival::Item),
            Fare::Never(took) => (took, Arrival::Reset),
        };
        let due = now.after(took).max(pipe.not_before);
        pipe.not_before = due;
        self.schedule_at(id, arrival, due);
    }

    fn schedule_at(&mut self, id: PipeId, arrival: Arrival, due: Moment) {
        self.arrivals.insert((due, self.next_arrival), (id, arrival));
        self.next_arrival += 1;
    }

    pub(super) fn next_due(&self) -> Option<Moment> {
        self.arrivals.first_key_value().map(|((due, _), _)| *due)
    }

    /// Delivers what is due.
    pub(super) fn deliver_until(&mut self, now: Moment) {
        while let Some(first) = self.arrivals.first_entry().filter(|first| first.key().0 <= now) {
            let (_, (id, arrival)) = first.remove_entry();
            self.deliver(id, arrival, now);
        }
    }

    fn deliver(&mut self, id: PipeId, arrival: Arrival, now: Moment) {
        let Some(way) = self.pipes.get(&id).map(|pipe| pipe.way) else { return };
        match self.troubles.passage(way, now) {
            Passage::CutUntil(then) => self.schedule_at(id, arrival, then),
            Passage::Cut => {
                // A sender that gives up behind a cut sends once more when it is healed.
                if let Some(pipe) = self.pipes.get_mut(&id) {
                    pipe.held += 1;
                }
            }
            Passage::Open if arrival == Arrival::Reset => self.reset_both(id, now),
            Passage::Open => {
                let is_frame = self.arrive(id, now) == Some(ItemKind::Frame);
                if is_frame && self.troubles.takes_reply(way) {
                    self.reset_both(id, now);
                }
            }
        }
    }

    fn reset_both(&mut self, id: PipeId, now: Moment) {
        let twin = self.pipes.get(&id).map(|pipe| pipe.twin);
        for id in [Some(id), twin].into_iter().flatten() {
            self.reset(id, 0, now);
        }
    }

    /// The first item under way is there.
    fn arrive(&mut self, id: PipeId, now: Moment) -> Option<ItemKind> {
        let pipe = self.pipes.get_mut(&id)?;
        let Way { from, to } = pipe.way;
        let kind = match pipe.sent.pop_front()? {
            Item::Frame(frame) => {
                let crc = crc32c::crc32c_append(crc32c::crc32c(&frame.head), &frame.body);
                let size = frame::size(&frame);
                self.trace.event(now, Event::Delivered { from, to, size, crc });
                pipe.arrived.push_back(frame);
                ItemKind::Frame
            }
            Item::End => {
                self.trace.event(now, Event::Closed { from, to });
                pipe.reader = Side::Closed;
                ItemKind::End
            }
        };
        if let Some(reader) = pipe.waiting_reader.take() {
            reader.wake();
        }
        Some(kind)
    }
}

impl Pipe {
    fn new(way: Way, twin: PipeId, now: Moment) -> Self {
        Self {
            way,
            twin,
            sent: VecDeque::new(),
            held: 0,
            arrived: VecDeque::new(),
            bytes: 0,
            not_before: now,
            writer: Side::Open,
            reader: Side::Open,
            waiting_writer: None,
            waiting_reader: None,
        }
    }
}

/// What has arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Frame,
    End,
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
    Reset,
}
