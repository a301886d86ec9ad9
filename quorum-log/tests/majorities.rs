//! What a majority promises, and what it does not when disks are emptied: stories by their numbers, step by step.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::time::Duration;

use ask::{PATIENCE, append, batch, follow, leader, values};
use bytes::Bytes;
use futures_util::FutureExt;
use partition::cluster::Cluster;
use partition::fault::{Fault, NetworkFault};
use partition::ids::{ByteSize, NodeId, ProducerEpoch, ProducerId, Sequence};
use partition::log::LogConfig;
use partition::partition::{Acks, Append, Isolation, Role};
use partition::probe::Snapshot;
use partition::record::{BatchBuilder, ProducerStamp};
use partition::simulation::{self, Simulation};
use quorum_log::cluster::{Plan, QuorumCluster};
use tokio::sync::oneshot;

const SOON: Duration = Duration::from_millis(500);

fn split(simulation: &Simulation, side: &[u32]) {
    let side = side.iter().copied().map(NodeId).collect();
    simulation.fault(&Fault::Network(NetworkFault::Split { side }));
}

fn heal(simulation: &Simulation) {
    simulation.fault(&Fault::Network(NetworkFault::HealAll));
}

/// Ends a node as a loss of power does: what it had sent and nobody got is gone with it.
async fn die(simulation: &Simulation, cluster: &mut QuorumCluster, node: u32) {
    simulation.falls_silent(NodeId(node));
    cluster.crash(NodeId(node)).await;
}

async fn led_by(simulation: &Simulation, voters: u32, leads: u32) -> QuorumCluster {
    let log = LogConfig { batch_bytes_max: ByteSize::mib(4), ..LogConfig::default() };
    let cluster = QuorumCluster::simulated(simulation, Plan { log, ..Plan::of(voters) }).await;
    leader(&cluster).await;
    cluster.admin().hand_over(NodeId(leads), PATIENCE).await.unwrap();
    cluster
}

/// Waits until this one leads.
async fn elected(simulation: &Simulation, cluster: &QuorumCluster, node: u32) -> bool {
    let deadline = simulation.clock().now().after(Duration::from_secs(30));
    while simulation.clock().now() < deadline {
        let status = cluster.local(NodeId(node)).unwrap().status().await.unwrap();
        if status.role == Role::Leader {
            return true;
        }
        simulation.clock().sleep(Duration::from_millis(20)).await;
    }
    false
}

/// Raft's Figure 8. 1 leads and places something large on 1 and 2, which die; another is elected, places an entry of its own
/// at the same index, on its own disk alone, and dies. 1 or 2 leads again, in a third epoch, and copies the old entry to one
/// more, its own first entry being the next message. At that moment most disks have the old entry; it must not be committed,
/// for then those two die, and the one of the epoch between wins, and overwrites it.
#[test]
fn r05_an_old_entry_on_most_disks_is_not_committed_and_may_yet_be_overwritten() {
    simulation::run(5, async |simulation| {
        let mut cluster = led_by(&simulation, 5, 1).await;
        append(&*cluster.client(), "all have this", Acks::Committed).await;
        simulation.clock().sleep(SOON).await;
        let base = snapshot(&cluster, 1).log_end;

        split(&simulation, &[1, 2]);
        let large = BatchBuilder::of_values(0, &[Bytes::from(vec![b'x'; 2 << 20])]);
        let old = Append { batch: large, acks: Acks::Committed, timeout: Duration::from_secs(60) };
        let mut old = cluster.local(NodeId(1)).unwrap().append(old);
        simulation.clock().sleep(SOON).await;
        assert!(snapshot(&cluster, 2).stored > base);
        die(&simulation, &mut cluster, 1).await;
        die(&simulation, &mut cluster, 2).await;
        assert!((&mut old).now_or_never().is_none(), "its client was told nothing");

        let probes = [3, 4, 5].map(|node| cluster.probe(NodeId(node)).unwrap());
        let between = when(&simulation, move |simulation| {
            let now = probes.iter().filter_map(|probe| probe.snapshot());
            let leads =
                now.filter(|at| at.role == Role::Leader && at.log_end > base).map(|at| at.node).next()?;
            split(simulation, &[leads.0]);
            Some(leads.0)
        })
        .await;
        simulation.clock().sleep(SOON).await;
        let others: Vec<u32> = (3..=5).filter(|node| *node != between).collect();
        assert!(snapshot(&cluster, between).stored > base, "its own entry is on its disk");
        assert!(others.iter().all(|node| snapshot(&cluster, *node).log_end == base), "and on no other");

        // It and one more stay away, so that 1 and 2 need the third to elect one of them.
        for node in [3, 4, 5] {
            die(&simulation, &mut cluster, node).await;
        }
        heal(&simulation);
        let with_old = [1, 2, others[0]];
        for node in with_old {
            cluster.restart(NodeId(node)).await;
        }
        let probes = with_old.map(|node| cluster.probe(NodeId(node)).unwrap());
        let (led, high) = when(&simulation, move |simulation| {
            let now: Vec<_> = probes.iter().filter_map(|probe| probe.snapshot()).collect();
            let on_all = now.iter().filter(|at| at.stored > base).count() == probes.len();
            let leads = now.iter().find(|at| on_all && at.role == Role::Leader)?;
            split(simulation, &[leads.node.0]);
            Some((leads.node, leads.high_watermark))
        })
        .await;
        assert!(led.0 <= 2, "{led} does not have it");
        assert!(high <= base, "{led} has called an entry of an older epoch committed, at {high}");
        println!("R-05: led by {led}, on three disks of five, and committed to {high} of {base}");

        die(&simulation, &mut cluster, 1).await;
        die(&simulation, &mut cluster, 2).await;
        heal(&simulation);
        assert!(snapshot(&cluster, others[0]).stored > base, "it lies where another will be");
        for node in [between, others[1]] {
            cluster.restart(NodeId(node)).await;
        }
        assert!(elected(&simulation, &cluster, between).await, "its last entry is of the newest epoch");
        append(&*cluster.client(), "after", Acks::Committed).await;
        for node in [1, 2] {
            cluster.restart(NodeId(node)).await;
        }
        let tail = cluster.client().tail(PATIENCE).await.unwrap().offset;
        for node in (1..=5).map(NodeId) {
            follow(&*cluster.replica(node), tail).await;
            let values = values(&*cluster.replica(node), Isolation::Committed).await;
            assert_eq!(values, ["all have this", "after"], "the old entry is nowhere, {node} included");
        }
        assert!(old.now_or_never().is_none_or(|told| told.is_err()), "and nobody was told that it is");
    });
}

fn snapshot(cluster: &QuorumCluster, node: u32) -> Snapshot {
    cluster.probe(NodeId(node)).unwrap().snapshot().unwrap()
}

/// Waits for a moment, and does something in it: looks after each step of the run, until it has come.
async fn when<T: Send + 'static>(
    simulation: &Simulation,
    mut look: impl FnMut(&Simulation) -> Option<T> + Send + 'static,
) -> T {
    let (found, mut there) = oneshot::channel();
    let (looking, mut found) = (simulation.clone(), Some(found));
    simulation.on_step(move |_| {
        if found.is_some()
            && let Some(now) = look(&looking)
            && let Some(found) = found.take()
        {
            let _ = found.send(now);
        }
        Ok(())
    });
    let patience = simulation.clock().timeout(Duration::from_secs(30), &mut there).await;
    patience.expect("the moment has come").expect("it is told once")
}

async fn amnesia(simulation: &Simulation, voters: u32) -> bool {
    let mut cluster = led_by(simulation, voters, 1).await;
    append(&*cluster.client(), "before", Acks::Committed).await;
    simulation.clock().sleep(SOON).await;
    // Just a majority has it: 1 and those after it.
    let majority = voters / 2 + 1;
    let away: Vec<u32> = (majority + 1..=voters).collect();
    for node in &away {
        cluster.crash(NodeId(*node)).await;
    }
    let append_a = Append { batch: batch("a"), acks: Acks::Committed, timeout: PATIENCE };
    cluster.local(NodeId(1)).unwrap().append(append_a).await.unwrap();
    // One of them loses its disk and comes back under its number; the others die.
    die(simulation, &mut cluster, majority).await;
    cluster.wipe(NodeId(majority)).await;
    for node in 1..majority {
        die(simulation, &mut cluster, node).await;
    }
    for node in away.into_iter().chain([majority]) {
        cluster.restart(NodeId(node)).await;
    }
    let client = cluster.client();
    match client.tail(PATIENCE).await {
        Ok(_) => !values(&*client, Isolation::Committed).await.contains(&"a".to_owned()),
        Err(_) => false,
    }
}

/// What no majority can bear, and no rule of Raft: a voter that has forgotten counts as one that never knew. That is why its
/// number is not to be used again, and why this is not among the faults that this log promises to survive.
#[test]
fn r07_a_voter_that_comes_back_with_an_empty_disk_can_undo_what_was_acknowledged() {
    for voters in [3, 5] {
        let lost = simulation::run(7, async |simulation| amnesia(&simulation, voters).await);
        assert!(lost, "{voters} voters: the record outlived what it need not have");
    }
}

/// NATS's variant, where each acknowledgement was synced: one voter is away, the second loses its power, the leader is cut off,
/// and the first two make a majority.
#[test]
fn r07_with_syncs_a_loss_of_power_forgets_nothing_that_was_acknowledged() {
    for seed in 0..5 {
        simulation::run(seed, async |simulation| {
            let mut cluster = led_by(&simulation, 3, 1).await;
            split(&simulation, &[3]);
            let append_a = Append { batch: batch("a"), acks: Acks::Committed, timeout: PATIENCE };
            cluster.local(NodeId(1)).unwrap().append(append_a).await.unwrap();
            cluster.crash(NodeId(2)).await;
            cluster.restart(NodeId(2)).await;
            heal(&simulation);
            split(&simulation, &[1]);
            let between = cluster.local(NodeId(2)).unwrap();
            assert!(elected(&simulation, &cluster, 2).await, "only 2 has all, so only 2 is elected");
            let deadline = simulation.clock().now().after(PATIENCE);
            while between.tail(SOON).await.is_err() {
                assert!(simulation.clock().now() < deadline);
            }
            assert_eq!(values(&*between, Isolation::Committed).await, ["a"]);
        });
    }
}

/// The founder's disk is empty and its number is known: what becomes of it depends on who leads.
#[test]
fn h02_a_wiped_voter_does_not_pass_for_the_old_one_with_the_leader_that_it_had_answered() {
    simulation::run(2, async |simulation| {
        let mut cluster = led_by(&simulation, 3, 1).await;
        for number in 0..20 {
            append(&*cluster.client(), &format!("{number}"), Acks::Committed).await;
        }
        simulation.clock().sleep(SOON).await;
        cluster.crash(NodeId(3)).await;
        cluster.wipe(NodeId(3)).await;
        cluster.restart(NodeId(3)).await;
        // Were it counted, this would be called committed: on the leader's disk, and on one that forgets.
        cluster.crash(NodeId(2)).await;
        let alone =
            Append { batch: batch("counted?"), acks: Acks::Committed, timeout: Duration::from_secs(5) };
        let outcome = cluster.local(NodeId(1)).unwrap().append(alone).await;
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(cluster.local(NodeId(1)).unwrap().status().await.is_ok(), "and the leader lives");
        cluster.restart(NodeId(2)).await;
        append(&*cluster.client(), "with the one that remembers", Acks::Committed).await;
    });
}

#[test]
fn h10_a_duplicate_of_what_is_not_committed_waits_as_long_as_the_first_does() {
    simulation::run(10, async |simulation| {
        let cluster = led_by(&simulation, 3, 1).await;
        simulation.clock().sleep(SOON).await;
        split(&simulation, &[1]);
        let stamp = ProducerStamp { id: ProducerId(9), epoch: ProducerEpoch(0), sequence: Sequence(0) };
        let mut builder = BatchBuilder::new(0).stamped(stamp);
        builder.push_value(b"once");
        let append = Append { batch: builder.build(), acks: Acks::Committed, timeout: PATIENCE };
        let leads = cluster.local(NodeId(1)).unwrap();
        let mut first = leads.append(append.clone());
        let on_disk = leads.append(Append { acks: Acks::Leader, ..append.clone() }).await.unwrap();
        let mut again = leads.append(append);
        simulation.clock().sleep(SOON).await;
        assert!((&mut first).now_or_never().is_none() && (&mut again).now_or_never().is_none());
        heal(&simulation);
        let (first, again) = (first.await.unwrap(), again.await.unwrap());
        assert_eq!((first, again), (on_disk, on_disk));
        assert_eq!(values(&*cluster.client(), Isolation::Linearizable).await, ["once"]);
    });
}
