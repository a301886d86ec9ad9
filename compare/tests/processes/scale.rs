//! Many partitions on three nodes: led by all alike, and taken over when one of the nodes dies.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use compare::data_dir::DataDir;
use compare::node::{Heartbeats, Partitions, Scale};
use compare::system::{
    Connections, Hosting, MinIsr, Replicas, Running, Shape, System, client_world, launch_scaled,
};
use futures_util::future::join_all;
use partition::cluster::Cluster;
use partition::ids::{NodeId, Offset};
use partition::log::Durability;
use partition::partition::{Acks, Partition};

use super::hosted::{TIMEOUT, append, placed};

/// Two for each node.
const PARTITIONS: u32 = 6;
const KILLED: NodeId = NodeId(2);

async fn many(system: System, heartbeats: Heartbeats) -> (DataDir, Running) {
    let replicas = Replicas::new(3).unwrap();
    let min_isr = MinIsr::default_for(replicas);
    let shape = Shape { system, replicas, min_isr, durability: Durability::Synced };
    let scale = Scale { partitions: Partitions::try_from(PARTITIONS).unwrap(), heartbeats };
    let dir = DataDir::temporary().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_compare"));
    let launched = launch_scaled(program, shape, Hosting::Processes, dir.path(), 7, scale).await;
    (dir, launched.unwrap())
}

/// One append to each partition, all at once; each gets the next offset behind what was there.
async fn append_to_all(clients: &[Arc<dyn Partition>]) -> Vec<Offset> {
    let world = client_world();
    let appends = clients
        .iter()
        .zip(0..)
        .map(|(client, number)| placed(client.append(append(&world, number, Acks::Committed))));
    let appended = world.clock.timeout(TIMEOUT, join_all(appends)).await;
    appended.expect("every partition takes an append")
}

async fn loses_a_node(system: System, heartbeats: Heartbeats) {
    let (_dir, mut running) = many(system, heartbeats).await;
    let nodes = [1, 2, 3].map(|node| Some(NodeId(node)));
    assert_eq!(running.leaders().await, [nodes, nodes].concat(), "all nodes lead alike, in turn");
    let clients = running.connect_all(&client_world(), Connections::Sets(2));
    assert_eq!(clients.len(), usize::try_from(PARTITIONS).unwrap());
    let before = append_to_all(&clients).await;
    running.crash(KILLED).await;
    let after = append_to_all(&clients).await;
    assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{before:?} {after:?}");
    let leaders = running.leaders().await;
    assert!(leaders.iter().all(|leader| leader.is_some_and(|node| node != KILLED)), "{leaders:?}");
    running.restart(KILLED).await;
    client_world().clock.timeout(TIMEOUT, running.is_whole()).await.expect("all replicas are in sync again");
    running.shutdown().await.unwrap();
}

async fn within_a_minute(test: impl Future<Output = ()>) {
    client_world().clock.timeout(Duration::from_secs(60), test).await.unwrap();
}

#[tokio::test]
async fn isr_fails_over_all_partitions_that_a_dead_node_led() {
    within_a_minute(Box::pin(loses_a_node(System::Isr, Heartbeats::Each))).await;
}

#[tokio::test]
async fn quorum_fails_over_all_partitions_that_a_dead_node_led() {
    within_a_minute(Box::pin(loses_a_node(System::Quorum, Heartbeats::Each))).await;
}

#[tokio::test]
async fn quorum_fails_over_all_partitions_whose_heartbeats_were_gathered() {
    within_a_minute(Box::pin(loses_a_node(System::Quorum, Heartbeats::Gathered))).await;
}
