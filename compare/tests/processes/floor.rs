//! The floor does what n copies need and no more: counted in syncs and bytes, and seen to wait for k copies.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, stream::FuturesOrdered};
use partition::cluster::Cluster;
use partition::error::{AppendError, Doubt};
use partition::ids::{ByteSize, NodeId, Offset};
use partition::partition::{Acks, Append, Isolation, Read};

use super::hosted::{TIMEOUT, append, batch, cluster, placed, value};
use compare::system::{Hosting, System, client_world};

#[tokio::test]
async fn n_copies_cost_n_times_the_bytes_and_no_more_syncs_than_groups() {
    const APPENDS: u64 = 64;
    let (_dir, mut running) = cluster(System::FloorAll, 3, Hosting::InProcess).await;
    let world = client_world();
    let client = running.connect(&world);
    placed(client.append(append(&world, 0, Acks::Committed))).await;

    let one = batch(&world, 1).size();
    let before = running.usage().await.unwrap().replicas;
    for value in 0..APPENDS {
        placed(client.append(append(&world, value, Acks::Committed))).await;
    }
    let alone = running.usage().await.unwrap().replicas;
    assert_eq!(ByteSize(alone.written.0 - before.written.0), ByteSize(3 * APPENDS * one.0));
    assert_eq!(alone.syncs - before.syncs, 3 * APPENDS, "one at a time: each copy of each is synced once");

    join_all((0..APPENDS).map(|value| client.append(append(&world, value, Acks::Committed)))).await;
    let together = running.usage().await.unwrap().replicas;
    assert_eq!(ByteSize(together.written.0 - alone.written.0), ByteSize(3 * APPENDS * one.0));
    let syncs = together.syncs - alone.syncs;
    assert!((3..=3 * APPENDS / 2).contains(&syncs), "{syncs} syncs for {APPENDS} appends at once on 3 nodes");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn floor_all_waits_for_a_paused_echo_and_floor_majority_does_not() {
    for (system, waits) in [(System::FloorAll, true), (System::FloorMajority, false)] {
        let (_dir, mut running) = cluster(system, 3, Hosting::Processes).await;
        let world = client_world();
        let client = running.connect(&world);
        placed(client.append(append(&world, 0, Acks::Committed))).await;

        running.pause(NodeId(3)).await;
        let mut slow = client.append(append(&world, 1, Acks::Committed));
        // The other echo and the leader have it: acks=leader on the same connection comes back after it was placed.
        placed(client.append(append(&world, 2, Acks::Leader))).await;
        if waits {
            let half_a_second = world.clock.timeout(Duration::from_millis(500), &mut slow).await;
            assert!(half_a_second.is_err(), "acknowledged without the third copy: {half_a_second:?}");
            running.resume(NodeId(3)).await;
        }
        assert_eq!(placed(slow).await, Offset(1));
        running.resume(NodeId(3)).await;
        running.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn an_append_that_no_echo_stores_in_time_is_of_unknown_outcome() {
    let (_dir, mut running) = cluster(System::FloorAll, 2, Hosting::Processes).await;
    let world = client_world();
    let client = running.connect(&world);
    running.pause(NodeId(2)).await;
    let hurried = Append { timeout: Duration::from_millis(200), ..append(&world, 0, Acks::Committed) };
    let outcome = client.append(hurried).await;
    assert_eq!(outcome, Err(AppendError::Unknown(Doubt::Timeout)));
    running.resume(NodeId(2)).await;
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_is_read_in_order_also_by_a_reader_who_waited_for_it() {
    let (_dir, running) = cluster(System::FloorMajority, 3, Hosting::InProcess).await;
    let world = client_world();
    let client = running.connect(&world);
    let read =
        Read { from: Offset(0), max_bytes: ByteSize::mib(1), isolation: Isolation::Committed, wait: TIMEOUT };
    let reader = client.read(read);
    let appends: FuturesOrdered<_> =
        (0..20).map(|value| client.append(append(&world, value, Acks::Committed))).collect();
    let fetched = reader.await.unwrap();
    assert!(!fetched.batches.is_empty(), "the reader was woken");
    assert_eq!(appends.map(|appended| appended.unwrap()).count().await, 20);
    let fetched = client.read(read).await.unwrap();
    let values = fetched.batches.values_from(Offset(0)).unwrap();
    let expected: Vec<(Offset, bytes::Bytes)> =
        (0..20).map(|number| (Offset(number), value(number))).collect();
    assert_eq!(values, expected);
    let beyond = Read { from: Offset(21), wait: Duration::ZERO, ..read };
    assert!(client.read(beyond).await.is_err(), "there is nothing beyond the end");
    assert_eq!(client.tail(TIMEOUT).await.unwrap().offset, Offset(20));
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_echo_that_was_killed_catches_up_when_it_returns() {
    let (_dir, mut running) = cluster(System::FloorAll, 3, Hosting::Processes).await;
    let world = client_world();
    let client = running.connect(&world);
    placed(client.append(append(&world, 0, Acks::Committed))).await;
    running.crash(NodeId(2)).await;
    let waiting = client.append(append(&world, 1, Acks::Committed));
    assert!(running.casualty().now_or_never().is_none(), "a kill that was asked for is no casualty");
    running.restart(NodeId(2)).await;
    assert_eq!(placed(waiting).await, Offset(1));
    running.shutdown().await.unwrap();
}
