//! A cluster of three brokers on real files and sockets, and in virtual time.

use std::sync::Arc;
use std::time::Duration;

use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::clock::Clock;
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation, Partition, Read};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use partition::simulation;

/// The append of a producer that stamps its batches, so that his client may send it again.
fn append(sequence: u32, value: &str) -> Append {
    let stamp = ProducerStamp { id: ProducerId(1), epoch: ProducerEpoch(0), sequence: Sequence(sequence) };
    let mut batch = BatchBuilder::new(0).stamped(stamp);
    batch.push_value(value.as_bytes());
    Append { batch: batch.build(), acks: Acks::Committed, timeout: Duration::from_secs(10) }
}

async fn values(partition: &Arc<dyn Partition>) -> Vec<String> {
    let read = Read {
        from: Offset::ZERO,
        max_bytes: ByteSize::mib(1),
        isolation: Isolation::Linearizable,
        wait: Duration::ZERO,
    };
    let fetched = partition.read(read).await.expect("a leader answers");
    let values = fetched.batches.values_from(Offset::ZERO).expect("sound batches");
    values.into_iter().map(|(_, value)| String::from_utf8_lossy(&value).into_owned()).collect()
}

async fn survives_its_leader(mut cluster: IsrCluster) {
    let client = cluster.client();
    client.append(append(0, "a")).await.expect("acknowledged");
    client.append(append(1, "b")).await.expect("acknowledged");
    assert_eq!(values(&client).await, ["a", "b"]);
    let leader = client.status().await.expect("a leader").node;
    cluster.crash(leader).await;
    client.append(append(2, "c")).await.expect("acknowledged by another leader");
    assert_eq!(values(&client).await, ["a", "b", "c"]);
    cluster.restart(leader).await;
    client.append(append(3, "d")).await.expect("acknowledged");
    assert_eq!(values(&client).await, ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_survive_their_leader_on_real_sockets() {
    let dir = tempfile::tempdir().unwrap();
    survives_its_leader(IsrCluster::start(Ground::real(dir.path()), Shape::of(3)).await).await;
}

#[test]
fn three_brokers_survive_their_leader_in_virtual_time() {
    let trace = |seed| {
        simulation::run(seed, |simulation| async move {
            let ground = Ground::Simulated(simulation.clone());
            survives_its_leader(IsrCluster::start(ground, Shape::of(3)).await).await;
            simulation.trace()
        })
    };
    let once = trace(7);
    assert!(once.len() > 1000, "a trace of {} bytes", once.len());
    assert_eq!(once, trace(7), "one seed, two traces");
    assert_ne!(once, trace(8), "two seeds, one trace");
}

/// Moves a partition off a broker and onto another one, as an operator does.
async fn moves_elsewhere(cluster: IsrCluster, clock: Clock) {
    let client = cluster.client();
    client.append(append(0, "before")).await.expect("acknowledged");
    let leader = client.status().await.expect("a leader").node;
    let target: Vec<NodeId> = (1..=4).map(NodeId).filter(|node| *node != leader).collect();
    cluster.reassign(&target).await.expect("the controllers take it");
    client.append(append(1, "meanwhile")).await.expect("acknowledged");
    let deadline = clock.now().after(PATIENCE);
    while cluster.files(leader).is_some() {
        assert!(clock.now() < deadline, "its log is never removed: {:?}", cluster.files(leader));
        clock.sleep(Duration::from_millis(10)).await;
    }
    client.append(append(2, "after")).await.expect("acknowledged by those who are left");
    let status = client.status().await.expect("a leader");
    assert_eq!((&status.replicas, &status.members), (&target, &target));
    assert_eq!(values(&client).await, ["before", "meanwhile", "after"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partition_moves_to_another_broker_on_real_files_and_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let cluster = IsrCluster::start(Ground::real(dir.path()), Shape { spares: 1, ..Shape::of(3) }).await;
    moves_elsewhere(cluster, Clock::real()).await;
}

/// Runs in virtual time, on three brokers that have a leader.
fn simulated<F: Future<Output = ()>>(seed: u64, body: impl FnOnce(IsrCluster, Clock) -> F) {
    simulation::run(seed, |simulation| async move {
        let clock = simulation.clock().clone();
        let cluster = IsrCluster::start(Ground::Simulated(simulation), Shape::of(3)).await;
        body(cluster, clock).await;
    });
}

/// Longer than anything takes here, elections and shrinking included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until all replicas are members of the set.
async fn all_in_sync(cluster: &IsrCluster, clock: &Clock) {
    let deadline = clock.now().after(PATIENCE);
    while clock.now() < deadline {
        let status = cluster.client().status().await.expect("a leader");
        if status.members.len() == cluster.replicas().len() {
            return;
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    panic!("not all are in sync");
}

/// All that one replica has, as it lies in its log.
async fn all_of(replica: &Arc<dyn Partition>) -> Option<Vec<Batch>> {
    let end = replica.status().await.ok()?.log_end;
    let mut batches: Vec<Batch> = Vec::new();
    loop {
        let from = batches.last().map_or(Offset::ZERO, Batch::next_offset);
        if from >= end {
            return Some(batches);
        }
        let (max_bytes, isolation, wait) = (ByteSize::mib(1), Isolation::Uncommitted, Duration::ZERO);
        let fetched = replica.read(Read { from, max_bytes, isolation, wait }).await.ok()?;
        batches.extend(fetched.batches.verified().expect("sound batches"));
    }
}

/// What each replica has, once all of them have the same, epochs and all.
async fn agreed(cluster: &IsrCluster, clock: &Clock) -> Vec<String> {
    let deadline = clock.now().after(PATIENCE);
    while clock.now() < deadline {
        let mut logs = Vec::new();
        for node in cluster.replicas() {
            logs.extend(all_of(&cluster.replica(node)).await);
        }
        if logs.len() == cluster.replicas().len() && logs.iter().all(|log| *log == logs[0]) {
            let records = logs[0].iter().flat_map(|batch| batch.records());
            let values = records.map(|record| record.expect("sound").value.expect("a value"));
            return values.map(|value| String::from_utf8_lossy(&value).into_owned()).collect();
        }
        clock.sleep(Duration::from_millis(10)).await;
    }
    panic!("they do not agree");
}

#[test]
fn h01_a_leader_that_restarts_at_once_does_not_resume_its_epoch() {
    for seed in 0..20 {
        simulated(seed, |mut cluster, clock| async move {
            all_in_sync(&cluster, &clock).await;
            let client = cluster.client();
            client.append(append(0, "before")).await.expect("acknowledged");
            let leader = client.status().await.expect("a leader");
            // Followers store what the leader loses: its power goes while they, and it, are at it.
            let lost = cluster.replica(leader.node).append(append(1, "during"));
            clock.sleep(Duration::from_millis(seed % 5)).await;
            cluster.crash(leader.node).await;
            drop(lost);
            cluster.restart(leader.node).await;
            client.append(append(1, "during")).await.expect("acknowledged");
            client.append(append(2, "after")).await.expect("acknowledged");
            let epoch = client.status().await.expect("a leader").epoch;
            assert!(epoch > leader.epoch, "seed {seed}: epoch {epoch} goes on after its leader died");
            let all = agreed(&cluster, &clock).await;
            assert_eq!(all, ["before", "during", "after"], "seed {seed}");
        });
    }
}

#[test]
fn h02_a_wiped_follower_is_not_elected_for_what_it_had() {
    simulated(3, |mut cluster, clock| async move {
        all_in_sync(&cluster, &clock).await;
        let client = cluster.client();
        client.append(append(0, "a")).await.expect("acknowledged");
        let leader = client.status().await.expect("a leader").node;
        let wiped = cluster.replicas().into_iter().find(|node| *node != leader).expect("three");
        cluster.crash(wiped).await;
        cluster.wipe(wiped).await;
        cluster.restart(wiped).await;
        cluster.crash(leader).await;
        assert_eq!(values(&client).await, ["a"]);
        assert_ne!(client.status().await.expect("a leader").node, wiped);
    });
}

#[test]
fn h12_an_acknowledgement_does_not_wait_until_a_parked_fetch_ends() {
    simulated(5, |cluster, clock| async move {
        all_in_sync(&cluster, &clock).await;
        let client = cluster.client();
        for sequence in 0..20 {
            let begun = clock.now();
            client.append(append(sequence, "x")).await.expect("acknowledged");
            let took = clock.now().since(begun);
            // Fetches are parked for 500 ms. A round trip, two syncs and timers of one millisecond are far less.
            assert!(took < Duration::from_millis(50), "append {sequence} took {took:?}");
        }
    });
}

#[test]
fn a_follower_that_hangs_leaves_the_set_and_comes_back() {
    simulated(9, |mut cluster, clock| async move {
        all_in_sync(&cluster, &clock).await;
        let client = cluster.client();
        let leader = client.status().await.expect("a leader").node;
        let hung = cluster.replicas().into_iter().find(|node| *node != leader).expect("three");
        cluster.pause(hung).await;
        client.append(append(0, "a")).await.expect("acknowledged without the one that hangs");
        let members = client.status().await.expect("a leader").members;
        assert!(!members.contains(&hung), "{members:?}");
        cluster.resume(hung).await;
        all_in_sync(&cluster, &clock).await;
        assert_eq!(agreed(&cluster, &clock).await, ["a"]);
    });
}

#[test]
fn appends_go_on_while_the_controller_is_down() {
    simulated(13, |mut cluster, clock| async move {
        all_in_sync(&cluster, &clock).await;
        let client = cluster.client();
        cluster.crash_controller().await;
        client.append(append(0, "a")).await.expect("acknowledged");
        clock.sleep(Duration::from_secs(5)).await;
        client.append(append(1, "b")).await.expect("acknowledged");
        cluster.restart_controller().await;
        let leader = client.status().await.expect("a leader").node;
        clock.sleep(Duration::from_secs(2)).await;
        cluster.crash(leader).await;
        client.append(append(2, "c")).await.expect("acknowledged by another leader");
        assert_eq!(values(&client).await, ["a", "b", "c"]);
    });
}
