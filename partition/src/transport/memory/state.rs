//! Who is connected to whom, what is under way, and when it arrives.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::task::Waker;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use super::pipe::{Arrived, Ends, Pipe, PipeId, Received, Sent, Side};
use super::refused;
use super::troubles::{Fare, Passage, Troubles, Way};
use crate::clock::Moment;
use crate::fault::{Fault, FeltCounter, NetworkFault};
use crate::ids::NodeId;
use crate::simulation::{Event, RunTrace};
use crate::transport::{Address, Frame, Link};

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
    /// Where nodes would listen whose machines have no power.
    silent: BTreeMap<Address, NodeId>,
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
    pub(super) fn new(seed: u64, trace: &RunTrace, felt: FeltCounter) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            troubles: Troubles::counted_by(felt),
            listening: BTreeMap::new(),
            silent: BTreeMap::new(),
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
        if pipe.reset() == Side::Open {
            self.trace.event(now, Event::Closed { from, to });
        }
    }

    pub(super) fn at(&self, address: Address) -> At {
        let listening = self.listening.get(&address).map(|listening| At::Listening(listening.node));
        let silent = self.silent.contains_key(&address).then_some(At::Silent);
        listening.or(silent).unwrap_or(At::Nobody)
    }

    pub(super) fn listen(
        &mut self,
        node: NodeId,
        at: Address,
        accept: mpsc::Sender<Link>,
        now: Moment,
    ) -> io::Result<(ListeningId, Address)> {
        self.speak(node, now);
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
            if pipe.is_broken() {
                return Sent::Broken;
            }
            if let Err(frame) = pipe.push(frame, waker) {
                frames.push_front(frame);
                return Sent::Waiting;
            }
            self.schedule(id, now);
        }
        Sent::All
    }

    /// Takes the next frame that has arrived.
    pub(super) fn receive(&mut self, id: PipeId, waker: Option<&Waker>) -> Received {
        self.pipes.get_mut(&id).map_or(Received::End, |pipe| pipe.receive(waker))
    }

    /// The sender is done: what is under way arrives first.
    pub(super) fn end(&mut self, id: PipeId, now: Moment) {
        let Some(pipe) = self.pipes.get_mut(&id) else { return };
        if !pipe.end() {
            return;
        }
        self.schedule(id, now);
    }

    /// The reader is gone: nothing that is under way will be read.
    pub(super) fn abandon(&mut self, id: PipeId) {
        if self.pipes.get(&id).is_some_and(|pipe| pipe.reader == Side::Silent) {
            return;
        }
        if let Some(mut pipe) = self.pipes.remove(&id) {
            self.arrivals.retain(|_, (at, _)| *at != id);
            pipe.wake();
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

    /// A node's machine loses its power: what it had sent still arrives, and then nothing is heard of it.
    pub(super) fn silence(&mut self, node: NodeId) {
        let of_node = self.listening.extract_if(.., |_, listening| listening.node == node);
        self.silent.extend(of_node.map(|(address, _)| (address, node)));
        for pipe in self.pipes.values_mut() {
            if pipe.way.from == node && pipe.writer == Side::Open {
                pipe.writer = Side::Silent;
            }
            if pipe.way.to == node && pipe.reader == Side::Open {
                pipe.reader = Side::Silent;
            }
        }
    }

    /// The machine is back, and knows nothing of the connections that others still think they have with it.
    fn speak(&mut self, node: NodeId, now: Moment) {
        self.silent.retain(|_, silent| *silent != node);
        let is_stale = |pipe: &Pipe| pipe.writer == Side::Silent || pipe.reader == Side::Silent;
        let is_its = |pipe: &Pipe| pipe.way.from == node || pipe.way.to == node;
        let stale = self.pipes.iter().filter(|(_, pipe)| is_its(pipe) && is_stale(pipe));
        let stale: Vec<PipeId> = stale.map(|(id, _)| *id).collect();
        for id in stale {
            self.reset(id, 0, now);
            if self.pipes.get(&id).is_some_and(|pipe| pipe.reader == Side::Silent) {
                self.pipes.remove(&id);
            }
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
                let arrived = self.arrive(id, now);
                if matches!(arrived, Some(Arrived::Frame { .. })) && self.troubles.takes_reply(way) {
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
    fn arrive(&mut self, id: PipeId, now: Moment) -> Option<Arrived> {
        let pipe = self.pipes.get_mut(&id)?;
        let (Way { from, to }, arrived) = (pipe.way, pipe.arrive()?);
        let event = match arrived {
            Arrived::Frame { size, crc } => Event::Delivered { from, to, size, crc },
            Arrived::End => Event::Closed { from, to },
        };
        self.trace.event(now, event);
        Some(arrived)
    }
}

/// Who is at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Listening(NodeId),
    /// A machine without power.
    Silent,
    /// A machine that refuses.
    Nobody,
}
