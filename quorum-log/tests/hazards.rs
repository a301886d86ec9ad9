//! Event sequences that lose acknowledged data unless a rule holds, each by its number. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::time::Duration;

use ask::{PATIENCE, append, batch, follow, leader, values};
use partition::cluster::Cluster;
use partition::error::{AppendError, ReadError};
use partition::ids::{Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use partition::simulation;
use quorum_log::cluster::{Plan, QuorumCluster};

fn stamped(sequence: u32) -> Batch {
    let (id, epoch) = (ProducerId(9), ProducerEpoch(0));
    let stamp = ProducerStamp { id, epoch, sequence: Sequence(sequence) };
    let mut builder = BatchBuilder::new(0).stamped(stamp);
    builder.push_value(format!("stamped {sequence}").as_bytes());
    builder.build()
}

#[test]
fn h01_a_leader_that_restarts_at_once_places_nothing_in_its_old_epoch() {
    for voters in [1, 3] {
        simulation::run(3, async |simulation| {
            let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(voters)).await;
            let before = append(&*cluster.client(), "before", Acks::Committed).await;
            let leader = leader(&cluster).await;
            // Far quicker than anybody would miss it.
            cluster.crash(leader).await;
            cluster.restart(leader).await;
            // The client learns that its connection is gone from something that it may repeat.
            cluster.client().tail(PATIENCE).await.unwrap();
            let after = append(&*cluster.client(), "after", Acks::Committed).await;
            assert!(after.epoch > before.epoch, "{voters} voters: {after:?} after {before:?}");
        });
    }
}

#[test]
fn h09_a_follower_below_the_log_start_begins_there_and_misses_nothing_after_it() {
    for it_leads in [false, true] {
        begins_at_the_log_start(5, it_leads);
    }
}

/// Whether the replica that began at the log start leads at the end makes no difference.
fn begins_at_the_log_start(seed: u64, it_leads: bool) {
    simulation::run(seed, async |simulation| {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let client = cluster.client();
        let old = Append { batch: stamped(0), acks: Acks::Committed, timeout: PATIENCE };
        let first = client.append(old.clone()).await.unwrap();
        let leads = leader(&cluster).await;
        let away = cluster.replicas().into_iter().find(|node| *node != leads).unwrap();
        cluster.crash(away).await;
        for number in 0..50 {
            append(&*client, &format!("{number}"), Acks::Committed).await;
        }
        let tail = client.tail(PATIENCE).await.unwrap().offset;
        let start = client.trim(Offset(tail.0 - 10), PATIENCE).await.unwrap();
        assert_eq!(start, Offset(tail.0 - 10));
        append(&*client, "after the trim", Acks::Committed).await;
        // The others give up what lies before; it cannot be had from anybody any more.
        for node in cluster.replicas().into_iter().filter(|node| *node != away) {
            cluster.stop(node).await;
            cluster.restart(node).await;
        }
        append(&*client, "after all restarted", Acks::Committed).await;

        cluster.restart(away).await;
        let tail = client.tail(PATIENCE).await.unwrap().offset;
        let replica = cluster.local(away).unwrap();
        loop {
            match replica.read(ask::at_most_committed(start)).await {
                // It does not have it yet, or has not heard of the trim.
                Err(ReadError::NotAvailable | ReadError::OutOfRange { .. }) => {
                    simulation.clock().sleep(Duration::from_millis(50)).await
                }
                fetched => break assert!(fetched.is_ok(), "{fetched:?}"),
            }
        }
        follow(&*replica, tail).await;
        let status = replica.status().await.unwrap();
        assert_eq!(status.log_start, start);
        let expected = values(&*client, Isolation::Linearizable).await;
        assert_eq!(values(&*replica, Isolation::Committed).await, expected);
        assert_eq!(expected.last().unwrap(), "after all restarted");

        // And it knows what producers had sent before its log begins: as leader it recognises the duplicate.
        let others: Vec<_> = cluster.replicas().into_iter().filter(|node| *node != away).collect();
        let heir = if it_leads { away } else { others[1] };
        cluster.admin().hand_over(heir, PATIENCE).await.unwrap();
        cluster.crash(others[0]).await;
        let again = client.append(old).await.unwrap();
        assert_eq!(again, first, "led by it: {it_leads}");
        assert_eq!(leader(&cluster).await, heir);
    });
}

#[test]
fn h11_what_a_stopped_leader_had_in_hand_is_in_doubt_and_what_it_did_not_take_is_not() {
    simulation::run(6, async |simulation| {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        append(&*cluster.client(), "first", Acks::Committed).await;
        let leads = leader(&cluster).await;
        let replica = cluster.local(leads).unwrap();
        let others: Vec<_> = cluster.replicas().into_iter().filter(|node| *node != leads).collect();
        for node in others {
            cluster.pause(node).await;
        }
        let in_hand =
            replica.append(Append { batch: batch("in hand"), acks: Acks::Committed, timeout: PATIENCE });
        // Its own log has it; nobody else does.
        append(&*replica, "stored here", Acks::Leader).await;
        cluster.stop(leads).await;
        assert!(matches!(in_hand.await, Err(AppendError::Unknown(_))));
        let late = replica.append(Append { batch: batch("late"), acks: Acks::Leader, timeout: PATIENCE });
        assert!(matches!(late.await, Err(AppendError::NotAppended(_))));
    });
}
