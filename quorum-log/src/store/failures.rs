//! A store whose disk fails at any one of its calls: it answers an error, or what it has promised is there afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use openraft::RaftLogReader;
use openraft::storage::{IOFlushed, RaftLogStorage, RaftStateMachine};
use openraft::type_config::TypeConfigExt;
use partition::fault::{DiskFault, Fault};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Ordinal, PartitionId};
use partition::log::LogConfig;
use partition::record::{Batch, BatchBuilder};
use partition::simulation::{self, Keeps, Tracing};
use partition::transport::Address;
use partition::world::World;
use tokio::sync::mpsc;

use super::failing::{Call, FailingDisk, Manner};
use super::{Store, open};
use crate::config::{Config, Reads, Timing};
use crate::mutant::{Mutant, Mutated};
use crate::raft::{
    Entry, Located, Payload, Proposal, Types, VoteRecord, Voters, epoch_of, log_id, raft_node,
};
use crate::runtime::scoped;

const NODE: NodeId = NodeId(1);
/// An answer that has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(10);
/// The entry that the leader of epoch 2 contradicts, and what comes after it.
const CONTRADICTED: u64 = 5;
/// The entry that gives up what lies before [`KEPT`].
const TRIM: u64 = 8;
const KEPT: Offset = Offset(3);

/// What a store has said is so, and must be so ever after.
#[derive(Clone, Debug, Default)]
struct Promised {
    /// It has given this vote,
    vote: Option<VoteRecord>,
    /// and may have given this one.
    tried: Option<VoteRecord>,
    /// It has all entries before this one,
    stored: u64,
    /// of which those from [`CONTRADICTED`] on are of epoch 2, if there are any.
    cut: bool,
    /// It knows who votes.
    voters: bool,
    /// The log starts here, or later.
    start: Offset,
}

fn vote_in(epoch: u32) -> VoteRecord {
    VoteRecord { epoch: Epoch(epoch), node: 2, elected: true }
}

fn placed(at: u64, epoch: u32) -> Batch {
    let value = Bytes::from(format!("record {at} of epoch {epoch}"));
    BatchBuilder::of_values(0, &[value]).placed(Offset(at), Epoch(epoch))
}

/// Entry 0 says who votes, and [`TRIM`] gives up the start of the log; each takes one offset, so that entry `i` lies at `i`.
fn entry(at: u64, epoch: u32) -> Entry {
    let payload = match at {
        0 => {
            let members = BTreeMap::from([(raft_node(NODE), Located::default())]);
            let voters = Voters::new(vec![BTreeSet::from([raft_node(NODE)])], members);
            Payload::Membership(voters.unwrap())
        }
        TRIM => Payload::Proposed(Proposal::Trim(KEPT)),
        _ => Payload::Placed(placed(at, epoch)),
    };
    Entry { log_id: log_id(Epoch(epoch), Ordinal(at)), payload }
}

impl Promised {
    async fn vote(&mut self, store: &mut Store, epoch: u32) -> io::Result<()> {
        self.tried = Some(vote_in(epoch));
        store.log.save_vote(&vote_in(epoch).into()).await?;
        self.vote = self.tried;
        Ok(())
    }

    /// Appends entries, and waits until they are said to be stored.
    async fn append(&mut self, store: &mut Store, from: u64, until: u64, epoch: u32) -> io::Result<()> {
        let (flushed, stored) = Types::oneshot();
        let entries: Vec<Entry> = (from..until).map(|at| entry(at, epoch)).collect();
        store.log.append(entries, IOFlushed::signal(flushed)).await?;
        stored.await.map_err(|_| io::Error::other("nobody will ever say that it is stored"))??;
        (self.stored, self.cut) = (until, epoch == 2);
        Ok(())
    }

    /// Commits and applies entries as openraft does.
    async fn apply(&mut self, store: &mut Store, from: u64, last: u64, epoch: u32) -> io::Result<()> {
        store.log.save_committed(Some(log_id(Epoch(epoch), Ordinal(last)))).await?;
        let entries = store.log.try_get_log_entries(from..=last).await?;
        store.machine.apply(stream::iter(entries.into_iter().map(|entry| Ok((entry, None))))).await
    }

    /// All that openraft asks of a store, in an order that a follower sees.
    async fn live(&mut self, store: &mut Store) -> io::Result<()> {
        self.vote(store, 1).await?;
        self.append(store, 0, 1, 0).await?;
        self.append(store, 1, 4, 1).await?;
        self.append(store, 4, 7, 1).await?;
        self.apply(store, 0, 3, 1).await?;
        self.voters = true;
        self.vote(store, 2).await?;
        self.stored = CONTRADICTED;
        store.log.truncate_after(Some(log_id(Epoch(1), Ordinal(CONTRADICTED - 1)))).await?;
        self.append(store, CONTRADICTED, TRIM, 2).await?;
        self.append(store, TRIM, TRIM + 1, 2).await?;
        self.apply(store, 4, TRIM, 2).await?;
        self.start = KEPT;
        store.log.purge(log_id(Epoch(1), Ordinal(KEPT.0 - 1))).await?;
        self.append(store, TRIM + 1, TRIM + 4, 2).await?;
        // Not from memory: the log keeps nothing there.
        let entries = store.log.try_get_log_entries(KEPT.0..).await?;
        assert_eq!(entries.len() as u64, self.stored - KEPT.0, "an entry that is stored was not read");
        Ok(())
    }

    /// Holds a store that was opened again against what was promised.
    async fn check(&self, store: &mut Store) -> Result<(), String> {
        let vote = store.log.read_vote().await.map_err(text)?.map(VoteRecord::from);
        holds(vote == self.vote || vote == self.tried, || format!("it voted {vote:?}"))?;
        let state = store.log.get_log_state().await.map_err(text)?;
        let end = state.last_log_id.map_or(0, |last| last.index + 1);
        holds(end >= self.stored, || format!("it ends at entry {end}"))?;
        let mut newest = Epoch::ZERO;
        for Entry { log_id, payload } in store.log.try_get_log_entries(..).await.map_err(text)? {
            let (at, epoch) = (log_id.index, epoch_of(log_id.leader_id.term));
            holds(epoch >= newest, || format!("entry {at} is of epoch {epoch}, after {newest}"))?;
            newest = epoch;
            let cut = self.cut && at >= CONTRADICTED;
            holds(!cut || epoch == Epoch(2), || format!("entry {at} of epoch {epoch} was cut off"))?;
            let Payload::Placed(batch) = payload else { return Err(format!("entry {at} is no batch")) };
            let said = batch.is_control() || batch == placed(at, epoch.0);
            holds(said, || format!("entry {at} is not what was appended"))?;
        }
        let (applied, voters) = store.machine.applied_state().await.map_err(text)?;
        holds(applied <= state.last_log_id, || format!("applied {applied:?} of {end}"))?;
        let knows = voters.membership().voter_ids().any(|voter| voter == raft_node(NODE));
        holds(knows || !self.voters, || "it forgot who votes".to_owned())?;
        let start = store.replica.extent()?.start;
        holds(start >= self.start, || format!("it starts at {start}"))
    }
}

fn text(error: io::Error) -> String {
    format!("it cannot be read: {error}")
}

fn holds(so: bool, or: impl FnOnce() -> String) -> Result<(), String> {
    if so { Ok(()) } else { Err(or()) }
}

async fn opened(world: &World, mutated: Mutated) -> io::Result<Store> {
    let config = Config {
        node: NODE,
        voters: BTreeMap::from([(NODE, Address::simulated(NODE))]),
        partition: PartitionId::new("failures", 0).unwrap(),
        dir: PathBuf::from("/store"),
        log: LogConfig { cache_bytes: ByteSize::ZERO, ..LogConfig::default() },
        timing: Timing::default(),
        reads: Reads::default(),
    };
    let (events, mut reported) = mpsc::unbounded_channel();
    let (trims, _) = mpsc::unbounded_channel();
    let store = open(world, &config, mutated, events, trims).await?;
    let replica = Arc::clone(&store.replica);
    world.tasks.spawn(async move {
        while let Some(event) = reported.recv().await {
            replica.observe(event);
        }
    });
    Ok(store)
}

/// How one life of a store went.
struct Lived {
    /// Which call failed; none when it lived to its end before that.
    failed: Option<(Call, PathBuf)>,
    /// Whether it answered all that it was asked.
    answered: io::Result<()>,
    /// What it had promised, and what of that did not hold.
    found: Result<(), String>,
}

/// A store lives until its disk fails at call `at`, then its machine loses its power, and it is opened again.
fn live(manner: Manner, at: u64, mutant: Option<Mutant>) -> Lived {
    let lived = simulation::attempt(at, Tracing::Digest, async |simulation| {
        let mutated = mutant.map_or(Mutated::NOT, |mutant| Mutated::by(mutant, &simulation));
        let disk = FailingDisk::of(&simulation, NODE, manner, at);
        let world = World { disk: Arc::new(disk.clone()), ..simulation.world(NODE) };
        let mut promised = Promised::default();
        let life = async {
            let mut store = opened(&world, mutated).await?;
            promised.live(&mut store).await
        };
        let answered = simulation.clock().timeout(PATIENCE, scoped(&world, life)).await;
        let answered = answered.unwrap_or_else(|_| Err(io::Error::other("it does not answer")));
        drop(world);
        simulation.keeps(NODE, Keeps::Chance);
        simulation.crash(NODE).await;
        simulation.fault(&Fault::Disk { node: NODE, fault: DiskFault::Freed });
        let world = simulation.world(NODE);
        let found = match opened(&world, mutated).await {
            Ok(mut store) => scoped(&world, promised.check(&mut store)).await,
            Err(error) => Err(format!("it does not open again: {error}")),
        };
        let found = found.map_err(|what| format!("{manner:?} at call {at}: {what}, after {promised:?}"));
        Lived { failed: disk.failed(), answered, found }
    });
    lived.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Lives with a failure at each call that a whole life makes.
fn lives(manner: Manner, mutant: Option<Mutant>) -> Vec<Lived> {
    let each = (0..).map(|at| live(manner, at, mutant));
    each.take_while(|lived| lived.failed.is_some()).collect()
}

#[test]
fn a_store_keeps_what_it_has_promised_whichever_call_of_its_disk_fails() {
    for manner in [Manner::Error, Manner::Full, Manner::PowerCut] {
        let lives = lives(manner, None);
        let broken: Vec<&String> = lives.iter().filter_map(|lived| lived.found.as_ref().err()).collect();
        assert!(broken.is_empty(), "{broken:#?}");
        println!("{manner:?} at each of {} calls", lives.len());
        assert!(lives.len() > 50, "{manner:?}: a life of {} calls tests little", lives.len());
    }
}

#[test]
fn a_store_answers_an_error_when_its_disk_does() {
    let mut told = BTreeSet::new();
    for lived in lives(Manner::Error, None) {
        let (call, path) = lived.failed.expect("it failed");
        let of = path.extension().and_then(|of| of.to_str()).unwrap_or_default().to_owned();
        match lived.answered {
            Err(_) => _ = told.insert((call, of)),
            // Votes, and what is kept beside the log, are written when they are asked for, and not otherwise.
            Ok(()) => assert!(of != "vote" && of != "kept", "{call:?} of {} failed, unsaid", path.display()),
        }
    }
    for of in ["log", "vote", "kept"] {
        for call in [Call::Open, Call::Read, Call::Write, Call::Sync] {
            assert!(told.contains(&(call, of.to_owned())), "{call:?} of a .{of} never failed: {told:?}");
        }
    }
}

#[test]
fn a_full_disk_lets_no_vote_and_no_entry_pass_for_stored() {
    let lives = lives(Manner::Full, None);
    let unanswered = lives.iter().filter(|lived| lived.answered.is_err()).count();
    println!("{unanswered} of {} lives found the disk full", lives.len());
    assert!(unanswered > 0, "no life needed room");
}

#[test]
fn a_bit_that_flips_is_an_error_to_who_reads_it_and_never_another_record() {
    for at in 0..400 {
        simulation::run(at, async |simulation| {
            let world = simulation.world(NODE);
            let mut store = opened(&world, Mutated::NOT).await.unwrap();
            let mut promised = Promised::default();
            promised.append(&mut store, 0, 1, 0).await.unwrap();
            promised.append(&mut store, 1, 6, 1).await.unwrap();
            let flip = DiskFault::FlipBit { at: ByteSize(at) };
            simulation.fault(&Fault::Disk { node: NODE, fault: flip });
            let read = store.log.try_get_log_entries(1..6).await;
            for Entry { log_id, payload } in read.into_iter().flatten() {
                let Payload::Placed(batch) = payload else { panic!("{payload:?} was read") };
                assert_eq!(batch, placed(log_id.index, 1), "bit {at} flipped, and nobody noticed");
            }
        });
    }
}

#[test]
fn a_store_that_skips_a_sync_is_found_out() {
    for mutant in [Mutant::SkipSync, Mutant::SkipVoteSync] {
        let broken =
            lives(Manner::PowerCut, Some(mutant)).iter().filter(|lived| lived.found.is_err()).count();
        assert!(broken > 0, "{mutant} keeps all that it promises");
    }
}

#[test]
fn applying_records_writes_nothing() {
    simulation::run(1, async |simulation| {
        // It fails at no call: so many are never made.
        let disk = FailingDisk::of(&simulation, NODE, Manner::Error, u64::MAX);
        let world = World { disk: Arc::new(disk.clone()), ..simulation.world(NODE) };
        let mut store = opened(&world, Mutated::NOT).await.unwrap();
        let mut promised = Promised::default();
        promised.append(&mut store, 0, 1, 0).await.unwrap();
        promised.append(&mut store, 1, 8, 1).await.unwrap();
        promised.apply(&mut store, 0, 0, 0).await.unwrap();
        let before = disk.writes();
        promised.apply(&mut store, 1, 7, 1).await.unwrap();
        assert_eq!(disk.writes(), before, "records lie in the log, and nowhere else");
    });
}
