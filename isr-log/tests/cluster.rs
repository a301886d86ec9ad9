//! A cluster of three brokers on real files and sockets, and in virtual time.

use std::sync::Arc;
use std::time::Duration;

use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::cluster::Cluster;
use partition::ids::{ByteSize, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation, Partition, Read};
use partition::record::{BatchBuilder, ProducerStamp};
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
