//! What a cluster does about space, in virtual time: what retention gives up, and disks that are full.
//!
//! Each takes three replicas that have just started. Each crate runs them under the names that they have here.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::stage::{REQUEST, Stage};
use crate::cluster::Cluster;
use crate::error::{AppendError, ReadError, Refusal};
use crate::fault::{DiskFault, Fault};
use crate::ids::{ByteSize, NodeId, Offset};
use crate::log::LogConfig;
use crate::log::retention::{CHECK_INTERVAL, Retention};
use crate::partition::{Acks, Append, Isolation, Partition, Read};
use crate::record::BatchBuilder;
use crate::simulation::Simulation;

/// So many bytes are kept, and less than a segment more.
const KEPT: ByteSize = ByteSize::mib(2);

/// How logs are kept here: segments so small that retention and full disks show soon.
#[must_use]
pub fn log_config() -> LogConfig {
    let retention = Retention { bytes: Some(KEPT), time: None };
    LogConfig {
        segment_bytes: ByteSize::mib(1),
        cache_bytes: ByteSize::kib(64),
        retention,
        ..LogConfig::default()
    }
}

/// One record of 64 KiB.
fn append(acks: Acks) -> Append {
    let batch = BatchBuilder::of_values(0, &[Bytes::from(vec![b'x'; 64 * 1024])]);
    Append { batch, acks, timeout: Duration::from_secs(3) }
}

async fn read_from(partition: &Arc<dyn Partition>, from: Offset) -> Result<usize, ReadError> {
    let (isolation, max_bytes) = (Isolation::Committed, ByteSize::kib(256));
    let fetched = partition.read(Read { from, max_bytes, isolation, wait: Duration::ZERO }).await?;
    Ok(fetched.batches.iter().count())
}

/// Retention by bytes moves the log start, to the same place on every replica, and whoever asks for what lies below
/// is told where the log begins.
///
/// # Panics
/// When it does not.
pub async fn retention_by_bytes_moves_the_log_start_of_every_replica(
    simulation: &Simulation,
    cluster: &mut dyn Cluster,
) {
    let stage = Stage::new(cluster, simulation.clock());
    stage.ready().await;
    for _ in 0..80 {
        stage.client().append(append(Acks::Committed)).await.expect("acknowledged");
    }
    simulation.clock().sleep(CHECK_INTERVAL).await;
    let start = stage
        .eventually("every replica has moved its log start", async || {
            let mut starts = Vec::new();
            for node in stage.cluster.replicas() {
                starts.push(stage.cluster.replica(node).status().await.ok()?.log_start);
            }
            let same = starts.iter().all(|start| *start == starts[0]);
            (same && starts[0] > Offset::ZERO).then_some(starts[0])
        })
        .await;
    let end = stage.client().tail(REQUEST).await.expect("a tail").offset;
    let kept = (end.0 - start.0) * 64 * 1024;
    assert!((KEPT.0..KEPT.0 + ByteSize::mib(1).0).contains(&kept), "{kept} bytes are kept");
    for node in stage.cluster.replicas() {
        let replica = stage.cluster.replica(node);
        let below = read_from(&replica, Offset(start.0 - 1)).await;
        assert!(
            matches!(below, Err(ReadError::OutOfRange { start: said, .. }) if said == start),
            "{node}: {below:?}"
        );
        assert!(read_from(&replica, start).await.expect("what is kept can be read") > 0);
    }
}

fn fault(simulation: &Simulation, node: NodeId, fault: DiskFault) {
    simulation.fault(&Fault::Disk { node, fault });
}

/// A leader whose disk is full refuses appends and says why; what was acknowledged is read from it; and it takes
/// appends again when there is room, without being started anew.
///
/// # Panics
/// When it does not.
pub async fn a_full_disk_of_the_leader_refuses_appends_and_nothing_else(
    simulation: &Simulation,
    cluster: &mut dyn Cluster,
) {
    let stage = Stage::new(cluster, simulation.clock());
    stage.ready().await;
    stage.client().append(append(Acks::Committed)).await.expect("acknowledged");
    let leader = stage.leader().await;
    let replica = stage.cluster.replica(leader);
    fault(simulation, leader, DiskFault::Full);
    let acknowledged = Cell::new(1);
    stage
        .eventually("the leader refuses for want of room", async || {
            match replica.append(append(Acks::Leader)).await {
                Ok(_) => acknowledged.set(acknowledged.get() + 1),
                Err(AppendError::NotAppended(Refusal::NoSpace)) => return Some(()),
                // What found the disk full: it waits there, and may still be acknowledged to nobody.
                Err(_) => {}
            }
            None
        })
        .await;
    assert!(read_from(&replica, Offset::ZERO).await.expect("reads go on") > 0);
    fault(simulation, leader, DiskFault::Freed);
    stage
        .eventually("it takes appends again", async || replica.append(append(Acks::Leader)).await.ok())
        .await;
    stage.client().append(append(Acks::Committed)).await.expect("acknowledged");
    let nodes = stage.cluster.replicas();
    stage.agreed(&nodes).await;
    let end = stage.client().tail(REQUEST).await.expect("a tail").offset;
    let acknowledged = acknowledged.get() + 2;
    assert!(end.0 >= acknowledged, "of {acknowledged} that were acknowledged, {end} are there");
}

/// A follower whose disk is full holds nobody up for good, and catches up when there is room.
///
/// # Panics
/// When it does not.
pub async fn a_full_disk_of_a_follower_holds_nobody_up_for_good(
    simulation: &Simulation,
    cluster: &mut dyn Cluster,
) {
    let stage = Stage::new(cluster, simulation.clock());
    stage.ready().await;
    stage.client().append(append(Acks::Committed)).await.expect("acknowledged");
    let follower = stage.follower().await;
    fault(simulation, follower, DiskFault::Full);
    for _ in 0..40 {
        let appended = async || stage.client().append(append(Acks::Committed)).await.ok();
        stage.eventually("an append is acknowledged", appended).await;
    }
    let behind = stage.cluster.replica(follower).status().await.expect("it lives");
    let end = stage.client().tail(REQUEST).await.expect("a tail").offset;
    assert!(behind.stored < end, "its disk was not full: {behind:?}");
    assert!(read_from(&stage.cluster.replica(follower), Offset::ZERO).await.expect("reads go on") > 0);
    fault(simulation, follower, DiskFault::Freed);
    let nodes = stage.cluster.replicas();
    stage.agreed(&nodes).await;
    stage
        .eventually("it has all of it", async || {
            let status = stage.cluster.replica(follower).status().await.ok()?;
            (status.stored >= end).then_some(())
        })
        .await;
}
