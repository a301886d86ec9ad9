//! What a harness sees of voters: their logs, votes and watermarks, across a restart too.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use ask::{append, batch, follow};
use partition::cluster::Cluster;
use partition::partition::{Acks, Role};
use partition::probe::{BatchMark, Electorate, Standing};
use partition::simulation;
use quorum_log::cluster::{Plan, QuorumCluster};

#[test]
fn what_is_acknowledged_is_seen_in_every_voter_and_after_a_restart() {
    simulation::run(3, async |simulation| {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let client = cluster.client();
        let placement = append(&*client, "seen", Acks::Committed).await;
        let (end, leader) = (placement.base.next(), client.status().await.unwrap().leader.unwrap());
        let follower = cluster.replicas().into_iter().find(|node| *node != leader).unwrap();
        for node in [leader, follower] {
            follow(&*cluster.replica(node), end).await;
        }
        cluster.crash(follower).await;
        assert!(cluster.probe(follower).is_none(), "there is nothing to see of a node that is down");
        cluster.restart(follower).await;
        for node in [leader, follower] {
            let probe = cluster.probe(node).unwrap();
            let seen = probe.snapshot().unwrap();
            assert!(seen.stored >= end && seen.high_watermark <= seen.log_end, "{seen:?}");
            assert_eq!(seen.vote.unwrap().standing, Standing::Elected);
            let wanted = BatchMark::of(&batch("seen").placed(placement.base, placement.epoch));
            assert!(probe.batches(seen.log_start).unwrap().contains(&wanted), "node {node}");
        }
        let seen = cluster.probe(leader).unwrap().snapshot().unwrap();
        assert_eq!((seen.role, seen.acknowledged), (Role::Leader, end));
        let Electorate::Voters(sets) = seen.electorate else { panic!("a leader knows its voters") };
        assert_eq!(sets, [cluster.replicas().into_iter().collect()]);
    });
}
