//! Voters in virtual time: one seed, the same bytes twice.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::fmt::Write;

use ask::{PATIENCE, append, batch, follow, values};
use futures_util::future::join_all;
use partition::cluster::Cluster;
use partition::partition::{Acks, Append, Isolation};
use partition::simulation::{self, Simulation};
use quorum_log::cluster::{Plan, QuorumCluster};

/// Three voters take appends from several clients at once, lose their leader, and get it back.
async fn a_leader_is_lost_and_returns(simulation: Simulation) -> String {
    let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
    let client = cluster.client();
    let appends = (0..20).map(|number| {
        let acks = [Acks::Leader, Acks::Committed, Acks::Nobody][number % 3];
        client.append(Append { batch: batch(&format!("before {number}")), acks, timeout: PATIENCE })
    });
    for appended in join_all(appends).await {
        simulation.note(&format!("{appended:?}"));
    }
    let leader = client.status().await.unwrap().leader.unwrap();
    let in_flight: Vec<_> = (0..20)
        .map(|number| {
            let batch = batch(&format!("in flight {number}"));
            client.append(Append { batch, acks: Acks::Committed, timeout: PATIENCE })
        })
        .collect();
    cluster.crash(leader).await;
    for appended in join_all(in_flight).await {
        simulation.note(&format!("{appended:?}"));
    }
    append(&*client, "after", Acks::Committed).await;
    cluster.restart(leader).await;
    let tail = client.tail(PATIENCE).await.unwrap();
    follow(&*cluster.replica(leader), tail.offset).await;
    let mut end = String::new();
    for node in cluster.replicas() {
        let replica = cluster.replica(node);
        follow(&*replica, tail.offset).await;
        writeln!(end, "{node}: {:?}", values(&*replica, Isolation::Committed).await).unwrap();
    }
    simulation.note(&end);
    simulation.trace()
}

#[test]
fn one_seed_gives_the_same_bytes_twice_through_the_loss_of_a_leader() {
    let run = |seed| simulation::run(seed, a_leader_is_lost_and_returns);
    let first = run(1);
    assert!(first.contains("\"after\""), "the run came to its end");
    for _ in 0..2 {
        let again = run(1);
        let differs = first.lines().zip(again.lines()).position(|(one, other)| one != other);
        assert!(first == again, "line {differs:?} of {} differs", first.lines().count());
    }
    assert!(first != run(2), "another seed, another run");
}
