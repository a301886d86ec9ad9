//! What the tests here ask of a partition.
#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod load;

use std::time::Duration;

use bytes::Bytes;
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId, Offset};
use partition::partition::{Acks, Append, Isolation, Partition, Placement, Read};
use partition::record::{Batch, BatchBuilder};
use quorum_log::cluster::QuorumCluster;

/// Longer than any election; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A batch of one record.
pub(crate) fn batch(value: &str) -> Batch {
    BatchBuilder::of_values(0, &[Bytes::copy_from_slice(value.as_bytes())])
}

/// Appends one record, and returns where it lies.
pub(crate) async fn append(partition: &dyn Partition, value: &str, acks: Acks) -> Placement {
    let append = Append { batch: batch(value), acks, timeout: PATIENCE };
    let appended = partition.append(append).await.unwrap();
    appended.placement().expect("an acknowledged append has a place")
}

/// All records there are to be seen.
pub(crate) async fn values(partition: &dyn Partition, isolation: Isolation) -> Vec<String> {
    values_at(partition, isolation).await.into_iter().map(|(_, value)| value).collect()
}

/// The same, and where each lies.
pub(crate) async fn values_at(partition: &dyn Partition, isolation: Isolation) -> Vec<(Offset, String)> {
    let mut from = partition.status().await.unwrap().log_start;
    let mut all = Vec::new();
    loop {
        let read = Read { from, max_bytes: ByteSize::mib(1), isolation, wait: Duration::ZERO };
        let fetched = partition.read(read).await.unwrap();
        let Some(last) = fetched.batches.verified().unwrap().pop() else { return all };
        let values = fetched.batches.values_from(from).unwrap();
        let text = |value: Bytes| String::from_utf8(value.to_vec()).unwrap();
        all.extend(values.into_iter().map(|(offset, value)| (offset, text(value))));
        from = last.next_offset();
    }
}

/// Who leads, as a client finds out.
pub(crate) async fn leader(cluster: &QuorumCluster) -> NodeId {
    let client = cluster.client();
    client.tail(PATIENCE).await.unwrap();
    client.status().await.unwrap().leader.expect("somebody leads")
}

/// Returns when this replica knows all below `until` to be committed.
pub(crate) async fn follow(replica: &dyn Partition, until: Offset) {
    let mut seen = replica.status().await.unwrap().high_watermark;
    while seen < until {
        let (isolation, max_bytes) = (Isolation::Committed, ByteSize::kib(1));
        let fetched = replica.read(Read { from: seen, max_bytes, isolation, wait: PATIENCE }).await.unwrap();
        assert!(fetched.high_watermark > seen, "nothing new within the patience of this test");
        seen = fetched.high_watermark;
    }
}

/// A read of what is committed, without waiting for more.
pub(crate) fn at_most_committed(from: Offset) -> Read {
    let (isolation, max_bytes) = (Isolation::Committed, ByteSize::mib(1));
    Read { from, max_bytes, isolation, wait: Duration::ZERO }
}
