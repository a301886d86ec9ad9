//! A voter whose disk fails ends; the others go on, and started again it follows.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::time::Duration;

use ask::{PATIENCE, append, batch, follow};
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Fault};
use partition::partition::{Acks, Append};
use partition::simulation;
use quorum_log::cluster::{Plan, QuorumCluster};

#[test]
fn a_leader_whose_disk_fails_ends_while_it_is_asked_and_returns() {
    for fault in [DiskFault::WriteError, DiskFault::SyncError] {
        simulation::run(4, async |simulation| {
            let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
            let client = cluster.client();
            append(&*client, "before", Acks::Committed).await;
            let leads = client.status().await.unwrap().leader.unwrap();
            simulation.fault(&Fault::Disk { node: leads, fault: fault.clone() });
            // Some are asked for while its raft ends: their callers wait inside of it.
            let replica = cluster.local(leads).unwrap();
            let asked: Vec<_> = (0..20)
                .map(|number| {
                    let appended = replica.append(Append {
                        batch: batch(&format!("during {number}")),
                        acks: Acks::Leader,
                        timeout: PATIENCE,
                    });
                    (appended, replica.tail(PATIENCE))
                })
                .collect();
            for (appended, tail) in asked {
                let (_, _) = (appended.await, tail.await);
            }
            simulation.clock().sleep(Duration::from_secs(1)).await;
            assert!(replica.status().await.is_err(), "{fault:?}: it still serves");
            append(&*client, "after", Acks::Committed).await;
            cluster.crash(leads).await;
            cluster.restart(leads).await;
            let tail = client.tail(PATIENCE).await.unwrap();
            follow(&*cluster.replica(leads), tail.offset).await;
        });
    }
}
