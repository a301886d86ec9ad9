//! Voters on real files and sockets.

mod ask;

use ask::{PATIENCE, append, follow, values};
use partition::cluster::Cluster;
use partition::partition::{Acks, Isolation};
use quorum_log::cluster::{Plan, QuorumCluster};

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
    let old = cluster.local(leader).unwrap();
    follow(&*old, tail.offset).await;
    assert_eq!(values(&*old, Isolation::Committed).await, ["a", "b", "c", "d", "e"]);
}
