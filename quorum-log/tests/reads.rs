//! What readers may be told by a leader that was cut off, by its own clock and by others'. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::time::Duration;

use ask::{PATIENCE, append, at_most_committed, follow, leader, values};
use partition::cluster::Cluster;
use partition::error::ReadError;
use partition::fault::{ClockFault, Fault, NetworkFault};
use partition::ids::NodeId;
use partition::partition::{Acks, Append, Isolation, Partition, Read};
use partition::simulation::{self, Simulation};
use quorum_log::Reads;
use quorum_log::cluster::{Plan, QuorumCluster};

const LOOK: Duration = Duration::from_millis(20);

async fn linearizable(replica: &dyn Partition) -> Result<Vec<String>, ReadError> {
    let from = replica.status().await?.log_start;
    let read = Read { isolation: Isolation::Linearizable, ..at_most_committed(from) };
    let fetched = replica.read(read).await?;
    let values = fetched.batches.values_from(from).unwrap();
    Ok(values.into_iter().map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()).collect())
}

/// Cuts the leader off from the others, has these elect another, writes there, and asks the old one all the while: how often
/// it answered before and after something newer was acknowledged elsewhere.
async fn ask_a_leader_that_was_cut_off(simulation: &Simulation, reads: Reads, speed: u32) -> (usize, usize) {
    let cluster = QuorumCluster::simulated(simulation, Plan { reads, ..Plan::of(3) }).await;
    append(&*cluster.client(), "old", Acks::Committed).await;
    let old = leader(&cluster).await;
    simulation.fault(&Fault::Clock { node: old, fault: ClockFault::Drift { permille: speed } });
    // A whole lease by the slow clock.
    simulation.clock().sleep(Duration::from_secs(5)).await;
    let (replica, others) = (cluster.local(old).unwrap(), (1..=3).map(NodeId).filter(|node| *node != old));
    simulation.fault(&Fault::Network(NetworkFault::Split { side: vec![old] }));
    let others: Vec<_> = others.map(|node| cluster.local(node).unwrap()).collect();
    let (mut fresh, mut stale, mut newer) = (0, 0, false);
    let deadline = simulation.clock().now().after(Duration::from_secs(20));
    while simulation.clock().now() < deadline {
        for other in &others {
            let (batch, acks) = (ask::batch("new"), Acks::Committed);
            newer = newer || other.append(Append { batch, acks, timeout: PATIENCE }).await.is_ok();
        }
        let asked = simulation.clock().timeout(LOOK, linearizable(&*replica)).await;
        if let Ok(Ok(values)) = asked {
            assert_eq!(values, ["old"]);
            if newer { stale += 1 } else { fresh += 1 }
        }
        simulation.clock().sleep(LOOK).await;
    }
    assert!(newer, "another leader was elected, and took an append");
    (fresh, stale)
}

#[test]
fn r04_a_leader_that_was_cut_off_answers_no_linearizable_read() {
    for seed in 0..4 {
        let answered = simulation::run(seed, async |simulation| {
            ask_a_leader_that_was_cut_off(&simulation, Reads::Index, 1000).await
        });
        assert_eq!(answered, (0, 0));
    }
}

#[test]
fn r04_by_lease_it_answers_while_nobody_else_can_lead_even_when_its_clock_is_a_fifth_slow() {
    for speed in [1000, 1200, 810] {
        for seed in 0..4 {
            let (fresh, stale) = simulation::run(seed, async |simulation| {
                ask_a_leader_that_was_cut_off(&simulation, Reads::Lease, speed).await
            });
            assert!(fresh > 0, "a lease outlives the connection");
            assert_eq!(stale, 0, "at {speed} thousandths, seed {seed}");
        }
    }
}

#[test]
fn r04_by_lease_a_clock_slower_than_assumed_gives_stale_reads_and_by_index_it_does_not() {
    let (fresh, stale) = simulation::run(1, async |simulation| {
        ask_a_leader_that_was_cut_off(&simulation, Reads::Lease, 100).await
    });
    assert!(fresh > 0 && stale > 0, "the assumption is there for a reason: {fresh} {stale}");
    let by_index = simulation::run(1, async |simulation| {
        ask_a_leader_that_was_cut_off(&simulation, Reads::Index, 100).await
    });
    assert_eq!(by_index, (0, 0));
}

#[test]
fn a_lease_spares_reads_the_question_and_they_see_all_that_was_acknowledged() {
    simulation::run(2, async |simulation| {
        let cluster =
            QuorumCluster::simulated(&simulation, Plan { reads: Reads::Lease, ..Plan::of(3) }).await;
        let client = cluster.client();
        for number in 0..20 {
            let placed = append(&*client, &format!("{number}"), Acks::Committed).await;
            let tail = client.tail(PATIENCE).await.unwrap();
            assert!(tail.offset > placed.base);
        }
        // A leader answers from what it was told before: no time passes.
        let replica = cluster.local(leader(&cluster).await).unwrap();
        let before = simulation.clock().now();
        replica.tail(PATIENCE).await.unwrap();
        assert_eq!(simulation.clock().now(), before);
    });
}

#[test]
fn a_follower_serves_what_it_knows_to_be_committed_and_nothing_beyond() {
    simulation::run(3, async |simulation| {
        let cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let client = cluster.client();
        append(&*client, "one", Acks::Committed).await;
        let leads = leader(&cluster).await;
        let away = (1..=3).map(NodeId).find(|node| *node != leads).unwrap();
        let follower = cluster.local(away).unwrap();
        follow(&*follower, client.tail(PATIENCE).await.unwrap().offset).await;
        simulation.fault(&Fault::Network(NetworkFault::Split { side: vec![away] }));
        append(&*client, "two", Acks::Committed).await;
        // Stale, and never wrong; and it says so when it is asked for more.
        assert_eq!(values(&*follower, Isolation::Committed).await, ["one"]);
        assert!(matches!(linearizable(&*follower).await, Err(ReadError::NotLeader { .. })));
        simulation.fault(&Fault::Network(NetworkFault::HealAll));
        follow(&*follower, client.tail(PATIENCE).await.unwrap().offset).await;
        assert_eq!(values(&*follower, Isolation::Committed).await, ["one", "two"]);
    });
}
