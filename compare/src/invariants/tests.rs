//! Each invariant: what breaks it is reported under its name, and what only looks like it is not.

mod controllers;
mod in_sync;
mod logs;
mod majority;
mod one_replica;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use isr_log::metadata::PartitionState;
use partition::clock::Moment;
use partition::ids::{Checksum, Epoch, Generation, NodeId, Offset, Ordinal, RecordCount};
use partition::log::Durability;
use partition::partition::Role;
use partition::probe::{
    BatchMark, Change, Electorate, Entries, InSyncSet, Life, Probe, Snapshot, Standing, Vote, WaitsFor,
};

use super::{Invariant, Loss, Setting, Violation, Watch};

/// The life in which each replica is, unless a test says otherwise.
const LIFE: u64 = 7;
const NOW: Moment = Moment(1);
/// So much later that no answer is under way any more.
const LATER: Moment = Moment(60_000_000_000);

/// A replica as a test wants it to look.
#[derive(Clone, Debug)]
struct Plant {
    snapshot: Snapshot,
    marks: Vec<BatchMark>,
}

/// A replica whose log holds one record a batch: for each its epoch, and what it holds.
fn replica(node: u32, log: &[(u32, u32)]) -> Plant {
    let marks: Vec<BatchMark> = (0..)
        .zip(log)
        .map(|(at, (epoch, value))| {
            let (base, end) = (Offset(at), Offset(at + 1));
            BatchMark { base, end, epoch: Epoch(*epoch), checksum: Checksum(*value) }
        })
        .collect();
    let end = Offset(marks.len() as u64);
    let snapshot = Snapshot {
        node: NodeId(node),
        life: Some(Life(LIFE)),
        role: Role::Follower,
        epoch: Epoch(1),
        vote: None,
        generation: Generation::ZERO,
        log_start: Offset::ZERO,
        first: Ordinal::ZERO,
        high_watermark: Offset::ZERO,
        stored: end,
        log_end: end,
        entries: None,
        acknowledged: Offset::ZERO,
        epochs: Arc::default(),
        electorate: Electorate::Unknown,
    };
    Plant { snapshot, marks }
}

impl Plant {
    fn with(mut self, change: impl FnOnce(&mut Snapshot)) -> Self {
        change(&mut self.snapshot);
        self
    }

    /// It takes so much for committed.
    fn high(self, high: u64) -> Self {
        self.with(|snapshot| snapshot.high_watermark = Offset(high))
    }

    fn stored(self, to: u64) -> Self {
        self.with(|snapshot| snapshot.stored = Offset(to))
    }

    /// Its log was cut since it was seen last.
    fn cut(self, generation: u64) -> Self {
        self.with(|snapshot| snapshot.generation = Generation(generation))
    }

    /// It leads, and this many of version 1 of the set are in sync, two of whom must be.
    fn leads(self, epoch: u32, in_sync: &[u32]) -> Self {
        let members: Vec<_> = in_sync.iter().map(|node| (NodeId(*node), Life(LIFE))).collect();
        self.with(|snapshot| {
            snapshot.role = Role::Leader;
            snapshot.epoch = Epoch(epoch);
            let maximal = members.clone();
            let (proposed, waits, change) = (None, WaitsFor::All, Change::None);
            snapshot.electorate = Electorate::InSync(InSyncSet {
                version: 1,
                members,
                maximal,
                proposed,
                waits,
                change,
                min: 2,
            });
        })
    }

    fn set(mut self, change: impl FnOnce(&mut InSyncSet)) -> Self {
        let Electorate::InSync(set) = &mut self.snapshot.electorate else { panic!("a leader's") };
        change(set);
        self
    }

    /// It leads by majority of three.
    fn elected(self, epoch: u32) -> Self {
        let node = self.snapshot.node;
        self.voted(epoch, Standing::Elected, node.0).with(|snapshot| {
            snapshot.role = Role::Leader;
            let voters = (1..=3).map(NodeId).collect();
            snapshot.electorate = Electorate::Voters(vec![voters]);
        })
    }

    fn voted(self, epoch: u32, standing: Standing, candidate: u32) -> Self {
        self.with(|snapshot| {
            let epoch = Epoch(epoch);
            snapshot.life = None;
            snapshot.epoch = epoch;
            snapshot.vote = Some(Vote { epoch, standing, candidate: NodeId(candidate) });
        })
    }

    fn entries(self, committed: u64, applied: u64) -> Self {
        let (committed, applied) = (Ordinal(committed), Ordinal(applied));
        self.with(|snapshot| snapshot.entries = Some(Entries { committed, applied }))
    }
}

/// A watch, and replicas that look as they are told.
struct Scene {
    now: Moment,
    watch: Watch,
    replicas: BTreeMap<NodeId, Arc<Fake>>,
}

#[derive(Debug, Default)]
struct Fake(Mutex<Shown>);

/// The version, and what is shown under it.
type Shown = (u64, Option<(Snapshot, Vec<BatchMark>)>);

impl Probe for Fake {
    fn version(&self) -> u64 {
        self.0.lock().unwrap().0
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.0.lock().unwrap().1.as_ref().map(|(snapshot, _)| snapshot.clone())
    }

    fn batches(&self, from: Offset) -> Option<Vec<BatchMark>> {
        let shown = self.0.lock().unwrap();
        let (_, marks) = shown.1.as_ref()?;
        Some(marks.iter().filter(|mark| mark.base >= from).copied().collect())
    }
}

impl Scene {
    fn new(durability: Durability) -> Self {
        Self {
            now: NOW,
            watch: Watch::new(Setting { durability, replicas: 3, powers: 0 }),
            replicas: BTreeMap::new(),
        }
    }

    fn synced() -> Self {
        Self::new(Durability::Synced)
    }

    /// These replicas look so from now on, all at once.
    fn try_show(&mut self, plants: impl IntoIterator<Item = Plant>) -> Result<(), Violation> {
        for Plant { snapshot, marks } in plants {
            let node = snapshot.node;
            let fake = self.replicas.entry(node).or_insert_with(|| {
                let fake = Arc::new(Fake::default());
                self.watch.started(node, Arc::clone(&fake) as Arc<dyn Probe>);
                fake
            });
            let mut shown = fake.0.lock().unwrap();
            *shown = (shown.0 + 1, Some((snapshot, marks)));
        }
        self.watch.step(self.now)
    }

    fn show(&mut self, plants: impl IntoIterator<Item = Plant>) {
        self.try_show(plants).unwrap();
    }

    /// Time passes, in which nothing happens.
    fn later(&mut self) {
        self.now = LATER;
    }

    /// These replicas look so from now on, and that breaks this invariant.
    fn breaks(&mut self, name: Invariant, plants: impl IntoIterator<Item = Plant>) {
        let violation = self.try_show(plants).expect_err("a broken invariant");
        assert_eq!(violation.name, name, "{violation}");
    }

    fn end(&mut self, node: u32, loss: Loss) {
        self.replicas.remove(&NodeId(node));
        self.watch.ended(NOW, NodeId(node), loss).unwrap();
    }

    fn ack(&mut self, base: u64, value: u32) -> Result<(), Violation> {
        self.watch.acked(NOW, Offset(base), RecordCount(1), Checksum(value))
    }
}

fn named(outcome: Result<(), Violation>, name: Invariant) {
    let violation = outcome.expect_err("a broken invariant");
    assert_eq!(violation.name, name, "{violation}");
}

/// What the controllers may have decided: 1 leads, and these of 1, 2 and 3 are in sync, two of whom must be.
fn decided(epoch: u32, in_sync: &[u32]) -> PartitionState {
    use isr_log::metadata::{CommitRule, Incarnation, PartitionSpec, Version};
    let id = "t-0".parse().unwrap();
    let spec = PartitionSpec {
        id,
        replicas: (1..=3).map(NodeId).collect(),
        min_isr: 2,
        commit: CommitRule::AllInSync,
    };
    PartitionState {
        leader: Some(NodeId(1)),
        epoch: Epoch(epoch),
        in_sync: in_sync.iter().map(|node| (NodeId(*node), Incarnation(Offset(LIFE)))).collect(),
        version: Version(1),
        ..PartitionState::undecided(spec)
    }
}

#[test]
fn every_name_is_listed_once() {
    let mut names = Invariant::ALL.to_vec();
    names.dedup();
    assert_eq!(names, Invariant::ALL);
    assert_eq!(Invariant::AckedNotLost.to_string(), "AckedNotLost");
}
