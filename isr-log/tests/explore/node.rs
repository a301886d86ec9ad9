//! One replica with what its runtime would keep, and a fingerprint of all of that which decides its future.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use isr_log::metadata::Incarnation;
use isr_log::replica::{FetchId, Replica, Rules};
use partition::clock::Moment;
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::Role;

use crate::log::{FakeLog, Record};

/// Every clock begins here: so a moment is known by its size, and a fingerprint can say how long ago it was.
pub const DAWN: Moment = Moment(1 << 60);
/// Passes after each decision that a leader reads, so that what was heard after it is told from what was heard before.
const TURN: Duration = Duration::from_millis(1);

/// One replica of three, by its place in the assignment.
pub type At = usize;

/// The node at this place.
pub fn node_id(at: At) -> NodeId {
    NodeId(u32::try_from(at).expect("three replicas") + 1)
}

/// The place of this node.
pub fn place(node: NodeId) -> At {
    node.0 as usize - 1
}

/// A fetch that a leader holds.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Held {
    pub id: FetchId,
    pub from: At,
    pub epoch: Epoch,
    /// Whether its sender still waits for the answer, and is connected.
    pub wanted: bool,
}

/// Whether the process runs, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    Runs,
    Crashed,
    /// Its disk has lost what it had stored, and nobody knows until it registers.
    Torn,
    Stopped,
    /// It never comes back.
    Gone,
}

/// One replica.
#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub replica: Replica,
    pub log: FakeLog,
    pub life: Incarnation,
    /// The first life since which the disk has kept all that it had stored: not before it was emptied, nor before it lied.
    pub kept_since: Incarnation,
    pub process: Process,
    /// How many decisions it has read.
    pub read: usize,
    pub clock: Moment,
    pub held: Vec<Held>,
    /// What came with the reply that is being taken into account.
    pub fetched: Vec<Record>,
    /// Appends that wait to be committed: the offset after each.
    pub pending: Vec<Offset>,
}

impl Node {
    /// The first life of a node, or the next one.
    pub fn begin(at: At, life: Incarnation, rules: Rules, log: FakeLog, high_watermark: Offset) -> Self {
        let replica = Replica::new(node_id(at), life, rules, high_watermark.min(log.end()));
        let (held, fetched, pending) = (Vec::new(), Vec::new(), Vec::new());
        let (id, process, read, clock) = (node_id(at), Process::Runs, 0, DAWN);
        Self { id, replica, log, life, kept_since: life, process, read, clock, held, fetched, pending }
    }

    pub fn is_up(&self) -> bool {
        self.process == Process::Runs
    }

    pub fn leads(&self) -> bool {
        self.is_up() && self.replica.role() == Role::Leader
    }

    /// The epoch of the decision that it has read last.
    pub fn epoch(&self) -> Epoch {
        self.replica.decided().map_or(Epoch::ZERO, |state| state.epoch)
    }

    /// What is on its disk.
    pub fn durable(&self) -> &[Record] {
        &self.log.records[..self.log.durable]
    }

    /// What it calls committed.
    pub fn committed(&self) -> &[Record] {
        &self.log.records[..crate::log::index(self.replica.high_watermark())]
    }

    /// After a decision was read, time passes; but only leaders compare moments with each other, so the clock of
    /// everybody else stands at the beginning. A follower goes by one moment, the end of a pause, and is only ever woken at it;
    /// nobody limits here how fast it catches up.
    pub fn wind(&mut self, decided: bool) {
        if !self.leads() {
            self.clock = DAWN;
        } else if decided {
            self.clock = self.clock.after(TURN);
        }
    }

    /// All that decides what it does next. Moments count by how long ago they were.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = Ages { now: self.clock, inner: Mixer::default() };
        self.log.records.hash(&mut hasher);
        self.log.durable.hash(&mut hasher);
        (self.life, self.kept_since, self.process, &self.held, &self.pending).hash(&mut hasher);
        self.replica.hash(&mut hasher);
        hasher.finish()
    }
}

/// A hasher that takes moments for ages. Two replicas whose clocks differ, and all their moments by as much, are the
/// same: a replica only ever compares its own moments.
struct Ages {
    now: Moment,
    inner: Mixer,
}

impl Hasher for Ages {
    fn finish(&self) -> u64 {
        self.inner.finish()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.inner.write(bytes);
    }

    fn write_u8(&mut self, value: u8) {
        self.inner.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.inner.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        let is_moment = value >= DAWN.0 / 2;
        self.inner.write_u64(if is_moment {
            value.wrapping_sub(self.now.0).wrapping_add(DAWN.0)
        } else {
            value
        });
    }

    fn write_usize(&mut self, value: usize) {
        self.inner.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.inner.write_isize(value);
    }
}

/// A hasher that takes a word at a time: one multiplication to 128 bits, folded. The standard one takes four times as long
/// for what is mostly small numbers, and nobody attacks this one.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value ^ 0x9e37_79b9_7f4a_7c15) * 0xa076_1d64_78bd_642f;
        let low = product & u128::from(u64::MAX);
        self.0 = u64::try_from(low ^ (product >> 64)).expect("64 bits each");
    }
}
