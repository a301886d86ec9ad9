//! What the cases stand on: a cluster, a clock, and the sentences they are written in.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::error::AppendError;
use crate::ids::{ByteSize, NodeId, Offset};
use crate::partition::{Acks, Append, Appended, Isolation, Partition, Placement, Read, Status};
use crate::record::{Batch, BatchBuilder};

/// What must happen happens within this: elections, catching up, a slow machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// How often something is looked at that gives no sign when it changes.
const POLL: Duration = Duration::from_millis(20);
/// How long one request may take.
pub(super) const REQUEST: Duration = Duration::from_secs(10);

/// A cluster under test.
pub(super) struct Stage<'a> {
    pub(super) cluster: &'a mut dyn Cluster,
    pub(super) clock: Clock,
}

impl<'a> Stage<'a> {
    pub(super) fn new(cluster: &'a mut dyn Cluster, clock: &Clock) -> Self {
        Self { cluster, clock: clock.clone() }
    }

    pub(super) fn client(&self) -> Arc<dyn Partition> {
        self.cluster.client()
    }

    /// Waits until somebody leads and knows how much is committed.
    pub(super) async fn ready(&self) {
        let client = self.client();
        self.eventually("a leader that answers", async || client.tail(REQUEST).await.ok()).await;
    }

    /// Looks again and again until there is something.
    pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut look: impl FnMut() -> F,
    ) -> T {
        let deadline = self.clock.now().after(DEADLINE);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(self.clock.now() < deadline, "{what}: not within {DEADLINE:?}");
            self.clock.sleep(POLL).await;
        }
    }

    /// An unstamped batch of these values.
    pub(super) fn batch(&self, values: &[Bytes]) -> Batch {
        BatchBuilder::of_values(self.clock.wall_ms(), values)
    }

    pub(super) fn append_of(&self, values: &[Bytes], acks: Acks) -> Append {
        Append { batch: self.batch(values), acks, timeout: REQUEST }
    }

    /// Appends these values, one batch each, and returns where each lies. For a cluster that is well.
    pub(super) async fn append_all(&self, values: &[Bytes]) -> BTreeMap<Offset, Bytes> {
        let client = self.client();
        let mut placed = BTreeMap::new();
        for value in values {
            let append = self.append_of(std::slice::from_ref(value), Acks::Committed);
            placed.insert(placement(client.append(append).await).base, value.clone());
        }
        placed
    }

    /// All client records that are committed, read to the end that the leader proves.
    pub(super) async fn read_all(&self) -> Vec<(Offset, Bytes)> {
        let client = self.client();
        let tail = client.tail(REQUEST).await.expect("the leader answers").offset;
        let start = client.status().await.expect("the leader answers").log_start;
        read_range(&*client, start, tail, Isolation::Linearizable).await
    }

    /// Who leads, by his own account.
    pub(super) async fn leader(&self) -> NodeId {
        let client = self.client();
        self.eventually("a leader", async || client.status().await.ok()?.leader).await
    }

    /// Some replica that does not lead.
    pub(super) async fn follower(&self) -> NodeId {
        let leader = self.leader().await;
        let replicas = self.cluster.replicas();
        replicas.into_iter().find(|node| *node != leader).expect("three replicas have followers")
    }

    /// Ends the leader without warning; a single replica is started again, for nobody else could go on.
    pub(super) async fn crash_leader(&mut self) -> NodeId {
        let leader = self.leader().await;
        self.cluster.crash(leader).await;
        if self.cluster.replicas().len() == 1 {
            self.cluster.restart(leader).await;
        }
        leader
    }

    /// Waits until these replicas report the same high watermark, all of it stored.
    pub(super) async fn agreed(&self, nodes: &[NodeId]) -> Vec<Status> {
        let tail = self.client().tail(REQUEST).await.expect("the leader answers").offset;
        self.eventually("replicas that agree", async || {
            let mut statuses = Vec::new();
            for node in nodes {
                statuses.push(self.cluster.replica(*node).status().await.ok()?);
            }
            let leader = statuses[0].leader?;
            let level = statuses.iter().all(|status| {
                let Status { leader: named, high_watermark, stored, log_end, .. } = status;
                *named == Some(leader)
                    && *high_watermark >= tail
                    && [stored, log_end].iter().all(|offset| *offset == high_watermark)
            });
            level.then_some(statuses)
        })
        .await
    }
}

/// Where it lies; the append must have been acknowledged with a place.
pub(super) fn placement(outcome: Result<Appended, AppendError>) -> Placement {
    outcome.expect("the append is acknowledged").placement().expect("a place was asked for")
}

/// The client records from `start` up to `end`.
pub(super) async fn read_range(
    partition: &dyn Partition,
    start: Offset,
    end: Offset,
    isolation: Isolation,
) -> Vec<(Offset, Bytes)> {
    let mut records = Vec::new();
    let mut from = start;
    while from < end {
        let read = Read { from, max_bytes: ByteSize::kib(64), isolation, wait: REQUEST };
        let fetched = partition.read(read).await.expect("what is committed can be read");
        let batches = fetched.batches.verified().expect("what is served is sound");
        from = batches.last().expect("there is more up to the end").next_offset();
        records.extend(fetched.batches.values_from(read.from).expect("records can be decoded"));
    }
    records
}

/// Values that are told apart: `<name>-<number>`.
pub(super) fn values(name: &str, count: usize) -> Vec<Bytes> {
    (0..count).map(|number| Bytes::from(format!("{name}-{number}"))).collect()
}
