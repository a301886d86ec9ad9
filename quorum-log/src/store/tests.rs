//! What the store must not lose, and must not believe, through a loss of power.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use openraft::storage::{IOFlushed, RaftLogStorage, RaftStateMachine};
use openraft::{RaftLogReader, SnapshotMeta, StorageHelper};
use partition::ids::{ByteSize, Epoch, NodeId, Offset, Ordinal, PartitionId};
use partition::log::{Log, LogConfig, LogEvent, Producers};
use partition::record::{Batch, BatchBuilder};
use partition::simulation;
use partition::transport::Address;
use partition::world::World;
use tokio::sync::mpsc;

use super::kept::{Beginning, Start};
use super::log::await_stored;
use super::{Store, checkpoint, open};
use crate::config::{Config, Reads, Timing};
use crate::raft::{Entry, Located, Payload, StoredVoters, Vote, VoteRecord, Voters, log_id, raft_node};
use crate::runtime::scoped;

const NODE: NodeId = NodeId(1);

fn config() -> Config {
    Config {
        node: NODE,
        voters: BTreeMap::from([(NODE, Address::simulated(NODE))]),
        partition: PartitionId::new("store", 0).unwrap(),
        dir: PathBuf::from("/store"),
        log: LogConfig::default(),
        timing: Timing::default(),
        reads: Reads::default(),
    }
}

/// Opens the store; the events of the log's writer wait for [`observe_all`].
async fn opened(world: &World) -> (Store, mpsc::UnboundedReceiver<LogEvent>) {
    let (events, reported) = mpsc::unbounded_channel();
    let (trims, _) = mpsc::unbounded_channel();
    (open(world, &config(), crate::mutant::Mutated::NOT, events, trims).await.unwrap(), reported)
}

fn placed(base: u64) -> Batch {
    BatchBuilder::of_values(0, &[Bytes::from(format!("record {base}"))]).placed(Offset(base), Epoch(1))
}

fn entry(at: u64, base: u64) -> Entry {
    Entry { log_id: log_id(Epoch(1), Ordinal(at)), payload: Payload::Placed(placed(base)) }
}

#[test]
fn a_vote_is_durable_before_anybody_hears_of_it() {
    simulation::run(1, async |simulation| {
        let vote = Vote::from(VoteRecord { epoch: Epoch(4), node: 2, elected: false });
        let (mut store, _events) = opened(&simulation.world(NODE)).await;
        store.log.save_vote(&vote).await.unwrap();
        drop(store);
        simulation.crash(NODE).await;
        let (mut store, _events) = opened(&simulation.world(NODE)).await;
        assert_eq!(store.log.read_vote().await.unwrap(), Some(vote));
    });
}

#[test]
fn a_vote_is_not_reported_saved_while_earlier_entries_are_not() {
    simulation::run(1, async |simulation| {
        let vote = Vote::from(VoteRecord { epoch: Epoch(4), node: 2, elected: false });
        let world = simulation.world(NODE);
        let (mut store, mut events) = opened(&world).await;
        store.log.append([entry(0, 0)], IOFlushed::noop()).await.unwrap();
        let replica = Arc::clone(&store.replica);
        // The event that tells of the sync has not been taken: openraft must not hear of the vote either.
        let patience = std::time::Duration::from_secs(1);
        assert!(world.clock.timeout(patience, store.log.save_vote(&vote)).await.is_err());
        replica.observe(events.recv().await.unwrap());
        store.log.save_vote(&vote).await.unwrap();
    });
}

#[test]
fn h07_nothing_is_applied_or_committed_beyond_the_recovered_log() {
    simulation::run(1, async |simulation| {
        let world = simulation.world(NODE);
        let (mut store, mut events) = opened(&world).await;
        store.log.append([entry(0, 0)], IOFlushed::noop()).await.unwrap();
        store.replica.observe(events.recv().await.unwrap());
        await_stored(&store.replica, Offset(1)).await.unwrap();
        // The others have synced these, so they are committed, and applied here; this disk has not.
        store.log.append([entry(1, 1), entry(2, 2)], IOFlushed::noop()).await.unwrap();
        let last = log_id(Epoch(1), Ordinal(2));
        store.log.save_committed(Some(last)).await.unwrap();
        store.replica.applied(last, Offset::ZERO);
        checkpoint(&world, &config(), &store.replica);
        drop(store);
        simulation.crash(NODE).await;

        let (mut store, _events) = opened(&simulation.world(NODE)).await;
        let state = store.log.get_log_state().await.unwrap();
        assert_eq!(state.last_log_id, Some(log_id(Epoch(1), Ordinal(0))), "the power cut took the rest");
        assert!(store.machine.applied_state().await.unwrap().0 <= state.last_log_id);
        assert!(store.log.read_committed().await.unwrap() <= state.last_log_id);
        let mut helper = StorageHelper::new(&mut store.log, &mut store.machine).with_id(raft_node(NODE));
        let state = scoped(&simulation.world(NODE), helper.get_initial_state()).await;
        state.expect("openraft starts on what is left");
        let next = store.log.append([entry(1, 1)], IOFlushed::noop()).await;
        next.expect("and goes on without a hole");
    });
}

#[test]
fn h09_who_has_what_a_snapshot_speaks_for_keeps_it_and_calls_it_committed() {
    simulation::run(1, async |simulation| {
        let (mut store, mut events) = opened(&simulation.world(NODE)).await;
        store.log.append([entry(0, 0), entry(1, 1), entry(2, 2)], IOFlushed::noop()).await.unwrap();
        while store.replica.extent().unwrap().stored < Offset(3) {
            store.replica.observe(events.recv().await.unwrap());
        }
        assert_eq!(store.replica.extent().unwrap().high, Offset(0), "it has not heard what is committed");
        let before = log_id(Epoch(1), Ordinal(1));
        let (first, entry) = (Offset(2), Ordinal(2));
        let start = Start { first, entry, base: first, before: Some(before.into()) };
        let meta = SnapshotMeta { last_log_id: Some(before), last_membership: StoredVoters::default() };
        let (producers, ever_voted) = (Producers::default(), BTreeSet::new());
        let beginning = Beginning { start, producers, ever_voted };
        store.machine.install_snapshot(&meta, beginning).await.unwrap();
        let known = store.replica.with_watermark(|watermark| (watermark.committed(), watermark.high()));
        assert_eq!(known, (entry, first), "applied, so committed");
        assert_eq!(store.replica.with_log(Log::end).unwrap(), Offset(3), "what follows it stays");
    });
}

#[test]
fn a_checkpoint_that_the_log_bears_out_is_where_a_restart_begins() {
    simulation::run(1, async |simulation| {
        let world = simulation.world(NODE);
        let (mut store, mut events) = opened(&world).await;
        store.log.append([entry(0, 0), entry(1, 1)], IOFlushed::noop()).await.unwrap();
        while store.replica.extent().unwrap().stored < Offset(2) {
            store.replica.observe(events.recv().await.unwrap());
        }
        let first = log_id(Epoch(1), Ordinal(0));
        store.log.save_committed(Some(first)).await.unwrap();
        store.replica.applied(first, Offset::ZERO);
        checkpoint(&world, &config(), &store.replica);
        drop(store);
        simulation.crash(NODE).await;
        let (mut store, _events) = opened(&simulation.world(NODE)).await;
        assert_eq!(store.machine.applied_state().await.unwrap().0, Some(first));
        assert_eq!(store.replica.extent().unwrap().high, Offset(1));
    });
}

#[test]
#[should_panic(expected = "disagree about the log end")]
fn h08_a_batch_whose_base_offset_is_not_the_log_end_stops_the_replica() {
    simulation::run(1, async |simulation| {
        let (mut store, _events) = opened(&simulation.world(NODE)).await;
        store.log.append([entry(0, 0)], IOFlushed::noop()).await.unwrap();
        let _ = store.log.append([entry(1, 5)], IOFlushed::noop()).await;
    });
}

#[test]
fn what_waits_for_the_disk_is_counted_until_it_is_stored() {
    simulation::run(1, async |simulation| {
        let (mut store, mut events) = opened(&simulation.world(NODE)).await;
        store.log.append([entry(0, 0)], IOFlushed::noop()).await.unwrap();
        assert!(store.replica.is_congested(ByteSize::ZERO));
        store.replica.observe(events.recv().await.unwrap());
        assert!(!store.replica.is_congested(ByteSize::ZERO));
    });
}

/// As the leader of three in epoch 1, whose first entry is on its own disk; `copies` others say that they have it.
async fn committed_by_openraft(world: &World, copies: u64) {
    let (mut store, mut events) = opened(world).await;
    let members = (1..=3).map(|node| (node, Located::default())).collect::<BTreeMap<u64, _>>();
    let voters = Voters::new(vec![members.keys().copied().collect()], members).unwrap();
    let first = Entry { log_id: log_id(Epoch(0), Ordinal(0)), payload: Payload::Membership(voters) };
    store.log.append([first], IOFlushed::noop()).await.unwrap();
    store.replica.observe(events.recv().await.unwrap());
    let term = VoteRecord { epoch: Epoch(1), node: raft_node(NODE), elected: true };
    store.log.save_vote(&term.into()).await.unwrap();
    let blank = Entry { log_id: log_id(Epoch(1), Ordinal(1)), payload: Payload::Blank };
    store.log.append([blank], IOFlushed::noop()).await.unwrap();
    while store.replica.extent().unwrap().stored < Offset(2) {
        store.replica.observe(events.recv().await.unwrap());
    }
    for node in 2..2 + copies {
        store.replica.stored_by(term, node, Ordinal(1));
    }
    store.log.save_committed(Some(log_id(Epoch(1), Ordinal(1)))).await.unwrap();
    assert_eq!(store.replica.extent().unwrap().high, Offset(2));
}

#[test]
fn r09_what_two_of_three_have_is_committed() {
    simulation::run(1, async |simulation| committed_by_openraft(&simulation.world(NODE), 1).await);
}

#[test]
#[should_panic(expected = "CommittedOnQuorum")]
fn r09_a_leader_ends_rather_than_call_committed_what_it_alone_has() {
    simulation::run(1, async |simulation| committed_by_openraft(&simulation.world(NODE), 0).await);
}
