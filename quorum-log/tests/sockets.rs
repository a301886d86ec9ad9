//! Voters on real files and sockets.

use std::time::Duration;

use bytes::Bytes;
use partition::cluster::Cluster;
use partition::ids::{ByteSize, Offset};
use partition::partition::{Acks, Append, Isolation, Partition, Placement, Read};
use partition::record::{Batch, BatchBuilder};
use quorum_log::cluster::{Plan, QuorumCluster};

const PATIENCE: Duration = Duration::from_secs(20);

fn batch(value: &str) -> Batch {
    BatchBuilder::of_values(0, &[Bytes::copy_from_slice(value.as_bytes())])
}

async fn append(partition: &dyn Partition, value: &str, acks: Acks) -> Placement {
    let append = Append { batch: batch(value), acks, timeout: PATIENCE };
    let appended = partition.append(append).await.unwrap();
    appended.placement().expect("an acknowledged append has a place")
}

async fn values(partition: &dyn Partition, isolation: Isolation) -> Vec<String> {
    let mut from = Offset::ZERO;
    let mut all = Vec::new();
    loop {
        let read = Read { from, max_bytes: ByteSize::mib(1), isolation, wait: Duration::ZERO };
        let fetched = partition.read(read).await.unwrap();
        let Some(last) = fetched.batches.verified().unwrap().pop() else { return all };
        let values = fetched.batches.values_from(from).unwrap();
        all.extend(values.into_iter().map(|(_, value)| String::from_utf8(value.to_vec()).unwrap()));
        from = last.next_offset();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_voters_take_appends_and_lose_their_leader() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = QuorumCluster::on_sockets(dir.path(), Plan::of(3)).await.unwrap();
    let client = cluster.client();
    let first = append(&*client, "a", Acks::Committed).await;
    let second = append(&*client, "b", Acks::Leader).await;
    assert!(second.base > first.base);
    append(&*client, "c", Acks::Committed).await;
    assert_eq!(values(&*client, Isolation::Linearizable).await, ["a", "b", "c"]);

    let leader = client.status().await.unwrap().leader.expect("there is one");
    cluster.crash(leader).await;
    let after = append(&*client, "d", Acks::Committed).await;
    assert!(after.epoch > first.epoch, "a new leader, a new epoch");
    assert_eq!(values(&*client, Isolation::Linearizable).await, ["a", "b", "c", "d"]);

    cluster.restart(leader).await;
    append(&*client, "e", Acks::Committed).await;
    let tail = client.tail(PATIENCE).await.unwrap();
    // The old leader follows, and catches up.
    let old = cluster.local(leader).unwrap();
    let mut seen = Offset::ZERO;
    while seen < tail.offset {
        let (isolation, max_bytes) = (Isolation::Committed, ByteSize::mib(1));
        let fetched = old.read(Read { from: seen, max_bytes, isolation, wait: PATIENCE }).await.unwrap();
        assert!(fetched.high_watermark > seen, "nothing new within the patience of this test");
        seen = fetched.high_watermark;
    }
    assert_eq!(values(&*old, Isolation::Committed).await, ["a", "b", "c", "d", "e"]);
}
