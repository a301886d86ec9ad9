//! A leader is killed under load: what was acknowledged is still there, once, where it was said to be, and appends go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use compare::system::{Hosting, Running, System, client_world};
use futures_util::future::{BoxFuture, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation, Partition, Read, Role};
use partition::record::{BatchBuilder, ProducerStamp};
use partition::world::World;

use super::hosted::{TIMEOUT, cluster, value};

/// Producers at once: each has one append in flight, so that some are in flight when the leader dies.
const PRODUCERS: u64 = 8;
/// What must have been acknowledged before the fault, and again after it.
const ACKS_EACH_SIDE: usize = 200;

/// Sends numbered values until it is told to end, and notes which were acknowledged, and where.
struct Load {
    client: Arc<dyn Partition>,
    world: World,
    acked: BTreeMap<Offset, Bytes>,
    /// What each producer sends next.
    next: Vec<u32>,
    in_flight: FuturesUnordered<Sent>,
}

type Sent = BoxFuture<'static, (u64, Bytes, Offset)>;

impl Load {
    fn start(running: &Running) -> Self {
        let world = client_world();
        let client = running.connect(&world);
        let next = vec![0; usize::try_from(PRODUCERS).unwrap()];
        let mut load =
            Self { client, world, acked: BTreeMap::new(), next, in_flight: FuturesUnordered::new() };
        for producer in 0..PRODUCERS {
            load.send(producer);
        }
        load
    }

    /// The producer's next value. It is stamped, so that the client may send it again, and it is, until it is acknowledged.
    fn send(&mut self, producer: u64) {
        let sequence = &mut self.next[usize::try_from(producer).unwrap()];
        let stamp = ProducerStamp {
            id: ProducerId(producer + 1),
            epoch: ProducerEpoch(0),
            sequence: Sequence(*sequence),
        };
        let value = value(producer * 1_000_000 + u64::from(*sequence));
        *sequence += 1;
        let mut builder = BatchBuilder::new(self.world.clock.wall_ms()).stamped(stamp);
        builder.push_value(&value);
        let append = Append { batch: builder.build(), acks: Acks::Committed, timeout: TIMEOUT };
        let appending = self.client.append(append);
        self.in_flight.push(Box::pin(async move {
            let appended = appending.await.unwrap();
            (producer, value, appended.placement().unwrap().base)
        }));
    }

    /// Goes on until so many more are acknowledged.
    async fn acknowledged(&mut self, more: usize) {
        let enough = self.acked.len() + more;
        while self.acked.len() < enough {
            let (producer, value, at) = self.in_flight.next().await.unwrap();
            let before = self.acked.insert(at, value);
            assert_eq!(before, None, "two appends were told the same offset {at}");
            self.send(producer);
        }
    }

    /// Waits for all that is in flight.
    async fn end(mut self) -> BTreeMap<Offset, Bytes> {
        while let Some((_, value, at)) = self.in_flight.next().await {
            assert_eq!(self.acked.insert(at, value), None);
        }
        self.acked
    }
}

/// Everything there is, by a linearizable read from the leader.
async fn read_all(client: &dyn Partition) -> Vec<(Offset, Bytes)> {
    let tail = client.tail(TIMEOUT).await.unwrap().offset;
    let mut values = Vec::new();
    let mut from = Offset(0);
    while from < tail {
        let read =
            Read { from, max_bytes: ByteSize::mib(1), isolation: Isolation::Linearizable, wait: TIMEOUT };
        let batches = client.read(read).await.unwrap().batches;
        values.extend(batches.values_from(from).unwrap());
        from = batches.end().unwrap().expect("there is data below the tail");
    }
    values
}

async fn leader(running: &Running) -> NodeId {
    let client = running.connect(&client_world());
    // By this it has proved that it leads; a status alone may be that of a replica which was taken for the leader.
    client.tail(TIMEOUT).await.unwrap();
    let status = client.status().await.unwrap();
    assert_eq!(status.role, Role::Leader);
    status.node
}

async fn active_controller(running: &Running) -> NodeId {
    let client = running.connect_to_controllers(&client_world());
    client.tail(TIMEOUT).await.unwrap();
    client.status().await.unwrap().node
}

/// All that was acknowledged is there, at its offset, and every value is there at most once.
async fn check(running: &Running, acked: &BTreeMap<Offset, Bytes>) {
    let client = running.connect(&client_world());
    let found = read_all(&*client).await;
    let mut places: BTreeMap<&Bytes, Offset> = BTreeMap::new();
    for (at, value) in &found {
        let earlier = places.insert(value, *at);
        assert_eq!(earlier, None, "{value:?} is there twice, the second time at {at}");
    }
    for (at, value) in acked {
        assert_eq!(places.get(value), Some(at), "{value:?} was acknowledged at {at}");
    }
}

async fn loses_its_leader(system: System) {
    let (_dir, mut running) = cluster(system, 3, Hosting::Processes).await;
    let mut load = Load::start(&running);
    load.acknowledged(ACKS_EACH_SIDE).await;
    let old = leader(&running).await;
    let ((), ()) = tokio::join!(running.crash(old), load.acknowledged(1));
    load.acknowledged(ACKS_EACH_SIDE).await;
    let new = leader(&running).await;
    assert_ne!(new, old, "appends went on under a new leader");
    let acked = load.end().await;
    assert!(acked.len() > 2 * ACKS_EACH_SIDE);
    check(&running, &acked).await;

    // The old one comes back on the same port and disk, as a follower that has it all.
    running.restart(old).await;
    let returned = running.replica(old);
    let world = client_world();
    let caught_up = async {
        loop {
            let end = running.client().status().await.unwrap().high_watermark;
            match returned.status().await {
                Ok(status) if status.role == Role::Follower && status.stored >= end => return,
                _ => world.clock.sleep(Duration::from_millis(20)).await,
            }
        }
    };
    world.clock.timeout(TIMEOUT, caught_up).await.unwrap();
    check(&running, &acked).await;
    running.shutdown().await.unwrap();
}

async fn within_a_minute(test: LocalBoxFuture<'static, ()>) {
    client_world().clock.timeout(Duration::from_secs(60), test).await.unwrap();
}

#[tokio::test]
async fn quorum_loses_its_leader_and_nothing_that_was_acknowledged() {
    within_a_minute(loses_its_leader(System::Quorum).boxed_local()).await;
}

#[tokio::test]
async fn isr_loses_its_leader_and_nothing_that_was_acknowledged() {
    within_a_minute(loses_its_leader(System::Isr).boxed_local()).await;
}

#[tokio::test]
async fn isr_works_on_when_the_active_controller_dies() {
    let test = async {
        let (_dir, mut running) = cluster(System::Isr, 3, Hosting::Processes).await;
        let mut load = Load::start(&running);
        load.acknowledged(ACKS_EACH_SIDE).await;
        let active = active_controller(&running).await;
        running.crash_controller(active).await;
        load.acknowledged(ACKS_EACH_SIDE).await;

        // The remaining controllers still decide: the partition's leader dies, and another one is elected.
        let old = leader(&running).await;
        running.crash(old).await;
        load.acknowledged(ACKS_EACH_SIDE).await;
        assert_ne!(leader(&running).await, old);
        assert_ne!(active_controller(&running).await, active, "another controller took over");
        let acked = load.end().await;
        check(&running, &acked).await;
        running.restart_controller(active).await;
        running.shutdown().await.unwrap();
    };
    within_a_minute(test.boxed_local()).await;
}
