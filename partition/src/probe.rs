//! A look at a replica from outside all protocols: for a harness that sees all replicas at one moment.
//!
//! Nobody answers here, so nothing can be late: what is told is what the replica is and has at the end of its last turn.
//! Replicas never look at each other this way.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering as Order};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::FutureExt;

use crate::ids::{ByteSize, Checksum, Epoch, Generation, NodeId, Offset, Ordinal};
use crate::log::{EpochHistory, LogReader};
use crate::partition::Role;
use crate::record::Batch;

/// One life of one replica, as it may be looked at.
pub trait Probe: fmt::Debug + Send + Sync {
    /// Raised when there may be something else to see; cheap enough to be asked after each step of a simulation.
    fn version(&self) -> u64;

    /// What the replica is and has; none before it is open, and when it has ended.
    fn snapshot(&self) -> Option<Snapshot>;

    /// The batches from the one that holds `from` up to the log end, as [`Probe::snapshot`] says it; none when they
    /// cannot be read. Only in simulation: what is not in memory is read from the disk at once.
    fn batches(&self, from: Offset) -> Option<Vec<BatchMark>>;
}

/// What a replica is and has at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which replica.
    pub node: NodeId,
    /// In which of its lives, where the protocol numbers them.
    pub life: Option<Life>,
    /// What it takes itself for.
    pub role: Role,
    /// In which epoch.
    pub epoch: Epoch,
    /// Whom it has promised what, in a protocol with votes.
    pub vote: Option<Vote>,
    /// How often its log was cut or begun anew: with another number, what was seen of the log may be gone.
    pub generation: Generation,
    /// The first offset there is.
    pub log_start: Offset,
    /// Which entry the batch that holds it is.
    pub first: Ordinal,
    /// What it takes for committed.
    pub high_watermark: Offset,
    /// What its log calls stored.
    pub stored: Offset,
    /// The next offset (LEO).
    pub log_end: Offset,
    /// How many entries are committed and applied, where the protocol counts them.
    pub entries: Option<Entries>,
    /// The furthest end of an append that this life has acknowledged as `Committed`; zero when none.
    pub acknowledged: Offset,
    /// Which epoch began where in its log.
    pub epochs: Arc<EpochHistory>,
    /// Who counts, in its own view.
    pub electorate: Electorate,
}

/// Which life of a replica: higher in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life(pub u64);

/// What a voter has promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote {
    /// In which epoch.
    pub epoch: Epoch,
    /// Whether its candidate was elected, as far as it has heard.
    pub standing: Standing,
    /// For whom.
    pub candidate: NodeId,
}

/// How far a candidate has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It stands for election.
    Candidate,
    /// A majority has elected it.
    Elected,
}

/// How far entries have come: each is the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// All before it are committed.
    pub committed: Ordinal,
    /// All before it are applied.
    pub applied: Ordinal,
}

/// Who counts for a commit, in one replica's view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Electorate {
    /// It does not know, or it does not lead.
    Unknown,
    /// An in-sync set, as the leader sees it.
    InSync(InSyncSet),
    /// Voters: a majority of each of these sets. There are two while the voters are being changed.
    Voters(Vec<BTreeSet<NodeId>>),
}

/// A leader's view of its in-sync set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSyncSet {
    /// The version of the record that it is from.
    pub version: u64,
    /// Who is in it, by that record, each in which life.
    pub members: Vec<(NodeId, Life)>,
    /// Who may be in it by now, since the leader has proposed so.
    pub maximal: Vec<(NodeId, Life)>,
    /// The set that may be on record by now in its place, since the leader has proposed it.
    pub proposed: Option<Vec<(NodeId, Life)>>,
    /// Whom a commit waits for.
    pub waits: WaitsFor,
    /// Whether a proposal is on its way.
    pub change: Change,
    /// How many must be in it for anything to be committed.
    pub min: usize,
}

/// Whom of an in-sync set a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Each that may be in it.
    All,
    /// Any [`InSyncSet::min`] of it, and of the proposed set as well.
    Enough,
}

/// Whether a leader's proposal is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None is.
    None,
    /// One is.
    Proposed,
}

/// What tells one batch from any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchMark {
    /// Its first offset.
    pub base: Offset,
    /// The offset after its last record.
    pub end: Offset,
    /// The epoch of the leader that placed it.
    pub epoch: Epoch,
    /// The checksum of what its producer made: the same wherever it is placed.
    pub checksum: Checksum,
}

impl BatchMark {
    /// What is seen of this batch, at this place.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        let (base, end) = (batch.base_offset(), batch.next_offset());
        Self { base, end, epoch: batch.epoch(), checksum: Checksum(batch.checksum()) }
    }
}

/// About how much is read at a time.
const PIECE: ByteSize = ByteSize::mib(1);

/// The batches from the one that holds `from` up to the log end; none when that takes waiting, as on a real disk.
#[must_use]
pub fn batches(log: &LogReader, from: Offset) -> Option<Vec<BatchMark>> {
    let (mut marks, mut next) = (Vec::new(), from);
    loop {
        let read = log.read(next, Offset(u64::MAX), PIECE).now_or_never()?.ok()?;
        for batch in read.iter() {
            let batch = batch.ok()?;
            next = batch.next_offset();
            marks.push(BatchMark::of(&batch));
        }
        if read.is_empty() {
            return Some(marks);
        }
    }
}

/// Where a task shows what only it can see. Whoever looks sees the last of it; nobody waits.
#[derive(Debug)]
pub struct Window<T>(Arc<Pane<T>>);

#[derive(Debug)]
struct Pane<T> {
    version: AtomicU64,
    watched: AtomicBool,
    shown: Mutex<Option<T>>,
}

impl<T> Clone for Window<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        let (version, watched) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Pane { version, watched, shown: Mutex::new(None) }))
    }
}

impl<T: Clone + PartialEq> Window<T> {
    /// From now on what is shown is kept; without anybody who looks, nothing is even put together.
    pub fn open(&self) {
        self.0.watched.store(true, Order::Relaxed);
    }

    /// Shows something; nothing happens when nobody looks, or it is what was shown before.
    pub fn show(&self, look: impl FnOnce() -> T) {
        if self.0.watched.load(Order::Relaxed) {
            self.put(Some(look()));
        }
    }

    /// There is nothing to be seen any more.
    pub fn close(&self) {
        self.put(None);
    }

    /// Raised by each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version.load(Order::Relaxed)
    }

    /// What was shown last.
    #[must_use]
    pub fn look(&self) -> Option<T> {
        self.shown().clone()
    }

    fn put(&self, new: Option<T>) {
        let mut shown = self.shown();
        if *shown != new {
            *shown = new;
            self.0.version.fetch_add(1, Order::Relaxed);
        }
    }

    fn shown(&self) -> MutexGuard<'_, Option<T>> {
        self.0.shown.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_raises_the_version_and_only_while_somebody_looks() {
        let window = Window::default();
        window.show(|| panic!("nobody looks, so nothing is put together"));
        window.open();
        window.show(|| 1);
        window.show(|| 1);
        assert_eq!((window.version(), window.look()), (1, Some(1)));
        window.close();
        window.close();
        assert_eq!((window.version(), window.look()), (2, None));
    }
}
