//! The clients of a run: each on a node of its own, asking at its own pace until it is told to stop.

mod consumer;
mod producer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use partition::ids::Offset;
use partition::partition::Partition;
use partition::world::World;

use super::cluster::VirtualCluster;
use super::overseer::Overseer;
use super::scenario::{Client, Work};
use super::verdict::Findings;
use crate::history::{Recorder, View};

/// How long a client waits for one answer: longer than an election, shorter than most runs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// What a client works with.
pub(crate) struct Desk {
    client: Client,
    world: World,
    partition: Arc<dyn Partition>,
    recorder: Recorder,
    load: Load,
    findings: Findings,
    /// None where nobody sees into the replicas: in clusters of processes.
    overseer: Option<Overseer>,
}

/// Where a client's work goes and is noted, when its cluster is none of the simulation's.
pub(crate) struct Outside {
    pub(crate) world: World,
    pub(crate) partition: Arc<dyn Partition>,
    pub(crate) recorder: Recorder,
    pub(crate) findings: Findings,
    pub(crate) load: Load,
}

/// What the clients of a run share: whether they are to begin anything new, and how much they have begun.
#[derive(Clone, Debug)]
pub(crate) struct Load(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    going: AtomicBool,
    appends: AtomicU64,
}

impl Load {
    pub(crate) fn begin() -> Self {
        Self(Arc::new(Shared { going: AtomicBool::new(true), appends: AtomicU64::new(0) }))
    }

    /// Nothing new is begun from now on.
    pub(crate) fn stop(&self) {
        self.0.going.store(false, Ordering::Relaxed);
    }

    /// How many appends were submitted.
    pub(super) fn appends(&self) -> u64 {
        self.0.appends.load(Ordering::Relaxed)
    }

    fn goes_on(&self) -> bool {
        self.0.going.load(Ordering::Relaxed)
    }

    fn appended(&self) {
        self.0.appends.fetch_add(1, Ordering::Relaxed);
    }
}

impl Desk {
    pub(super) fn new(
        cluster: &VirtualCluster,
        client: Client,
        recorder: &Recorder,
        findings: &Findings,
        load: &Load,
    ) -> Self {
        let world = cluster.simulation().world(client.node());
        let partition = match client.work {
            Work::Follow(node) => cluster.connect_to(&world, node),
            Work::Produce(_) | Work::Poll | Work::ReadNewest | Work::Tail | Work::Trim => {
                cluster.connect(&world)
            }
        };
        Self {
            client,
            world,
            partition,
            recorder: recorder.clone(),
            load: load.clone(),
            findings: findings.clone(),
            overseer: Some(cluster.overseer().clone()),
        }
    }

    /// A client of another cluster.
    pub(crate) fn outside(client: Client, outside: Outside) -> Self {
        let Outside { world, partition, recorder, findings, load } = outside;
        Self { client, world, partition, recorder, load, findings, overseer: None }
    }

    /// What a linearizable read that begins now must reach, as far as that is watched.
    fn floor(&self) -> Offset {
        self.overseer.as_ref().map_or(Offset::ZERO, Overseer::floor)
    }

    /// A linearizable read, or tail, that began at this floor has reached so far.
    fn reached(&self, floor: Offset, tail: Offset) {
        if let Some(overseer) = &self.overseer {
            overseer.reached(floor, tail);
        }
    }

    /// Works until it is told to stop, and until everything that it began has ended.
    pub(crate) async fn work(self) {
        match self.client.work {
            Work::Produce(manner) => producer::produce(&self, manner).await,
            Work::Poll => consumer::poll(&self, View::Committed).await,
            Work::ReadNewest => consumer::poll(&self, View::Linearizable).await,
            Work::Follow(_) => consumer::poll(&self, View::Follower).await,
            Work::Tail => consumer::tail(&self).await,
            Work::Trim => consumer::trim(&self).await,
        }
    }

    /// Between half of `pace` and one and a half.
    async fn rest(&self, pace: Duration) {
        let micros = u64::try_from(pace.as_micros()).expect("milliseconds");
        let rest = Duration::from_micros(micros / 2 + self.world.random.below(micros + 1));
        self.world.clock.sleep(rest).await;
    }
}
