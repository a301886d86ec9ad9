//! How much a message and a sync carry at high load, and what a follower costs that does not take them. In virtual time.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod ask;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ask::{PATIENCE, append, batch, follow, leader};
use bytes::Bytes;
use futures_util::future::join_all;
use partition::cluster::Cluster;
use partition::fault::{Fault, NetworkFault};
use partition::ids::{ByteSize, NodeId};
use partition::partition::{Acks, Append};
use partition::record::BatchBuilder;
use partition::simulation::{self, Event, Simulation};
use quorum_log::cluster::{Plan, QuorumCluster};

/// What went from the leader to one follower, and what the leader's disk did.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    messages: usize,
    bytes: u64,
    largest: u64,
    /// Writes and syncs that ended on the leader's disk.
    disk: usize,
}

/// Counts from now on.
fn count(simulation: &Simulation, leads: NodeId, follower: NodeId) -> Arc<Mutex<Work>> {
    let work = Arc::new(Mutex::new(Work::default()));
    let counted = Arc::clone(&work);
    simulation.on_step(move |step| {
        let mut work = counted.lock().unwrap();
        for event in step.events {
            match event {
                Event::Delivered { from, to, size, .. } if (*from, *to) == (leads, follower) => {
                    work.messages += 1;
                    work.bytes += size.0;
                    work.largest = work.largest.max(size.0);
                }
                Event::Timer(whose) if format!("{whose:?}") == format!("Writer({leads:?})") => work.disk += 1,
                _ => {}
            }
        }
        Ok(())
    });
    work
}

#[test]
fn at_high_load_a_message_and_a_sync_carry_many_records() {
    const RECORDS: usize = 2000;
    simulation::run(1, async |simulation| {
        let cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let leads = leader(&cluster).await;
        let follower = (1..=3).map(NodeId).find(|node| *node != leads).unwrap();
        let work = count(&simulation, leads, follower);
        let replica = cluster.local(leads).unwrap();
        // 256 in flight, each sent when one before it is answered.
        let clients = (0..256).map(|client| {
            let (replica, share) = (Arc::clone(&replica), RECORDS / 250);
            async move {
                for number in 0..share {
                    let batch = batch(&format!("{client} {number}"));
                    let append = Append { batch, acks: Acks::Committed, timeout: PATIENCE };
                    replica.append(append).await.unwrap();
                }
            }
        });
        join_all(clients).await;
        let work = *work.lock().unwrap();
        println!("{RECORDS} records: {work:?}");
        assert!(work.messages * 10 < RECORDS, "a message for less than ten records: {work:?}");
        assert!(work.disk * 10 < RECORDS, "a write or sync for less than ten records: {work:?}");
    });
}

#[test]
fn a_message_is_bounded_in_bytes_however_much_waits() {
    simulation::run(2, async |simulation| {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let (leads, client) = (leader(&cluster).await, cluster.client());
        let away = (1..=3).map(NodeId).find(|node| *node != leads).unwrap();
        cluster.crash(away).await;
        let large = BatchBuilder::of_values(0, &[Bytes::from(vec![b'x'; 200 << 10])]);
        for _ in 0..40 {
            let append = Append { batch: large.clone(), acks: Acks::Committed, timeout: PATIENCE };
            client.append(append).await.unwrap();
        }
        let work = count(&simulation, leads, away);
        cluster.restart(away).await;
        follow(&*cluster.replica(away), client.tail(PATIENCE).await.unwrap().offset).await;
        let work = *work.lock().unwrap();
        println!("8 MiB to catch up: {work:?}");
        // 1 MiB, and the one batch that goes beyond it.
        assert!(work.largest <= (1 << 20) + (210 << 10), "{work:?}");
        assert!(work.bytes >= 8_000_000 && work.messages < 60, "{work:?}");
    });
}

#[test]
fn r11_what_is_held_for_a_follower_that_does_not_answer_is_bounded_and_it_catches_up() {
    simulation::run(11, async |simulation| {
        let cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
        let (leads, client) = (leader(&cluster).await, cluster.client());
        let hung = (1..=3).map(NodeId).find(|node| *node != leads).unwrap();
        append(&*client, "before", Acks::Committed).await;
        let work = count(&simulation, leads, hung);
        simulation.fault(&Fault::Network(NetworkFault::Cut { from: hung, to: leads }));
        let large = BatchBuilder::of_values(0, &[Bytes::from(vec![b'x'; 500 << 10])]);
        let mut slowest = Duration::ZERO;
        for _ in 0..64 {
            let began = simulation.clock().now();
            let append = Append { batch: large.clone(), acks: Acks::Committed, timeout: PATIENCE };
            client.append(append).await.unwrap();
            slowest = slowest.max(simulation.clock().now().since(began));
        }
        let sent = *work.lock().unwrap();
        println!("32 MiB past a hung follower: {sent:?}; the slowest append took {slowest:?}");
        // What is on its way to it is 8 MiB at most (one message more may have been begun); nothing else is kept for it.
        assert!(sent.bytes <= (10 << 20), "{sent:?}");
        assert!(slowest < Duration::from_millis(100), "the leader waits for it: {slowest:?}");
        simulation.fault(&Fault::Network(NetworkFault::HealAll));
        follow(&*cluster.replica(hung), client.tail(PATIENCE).await.unwrap().offset).await;
        let status = cluster.replica(hung).status().await.unwrap();
        assert!(status.stored >= status.high_watermark && status.log_end.0 >= 65, "{status:?}");
        assert!(ByteSize(work.lock().unwrap().bytes) >= ByteSize::mib(31), "it got all");
    });
}
