//! A simulated cluster, and what a test does to it and asks of it.

use std::sync::Arc;
use std::time::Duration;

use isr_log::cluster::{Ground, IsrCluster, Shape};
use isr_log::mutant::{Mutant, Mutated};
use partition::clock::Clock;
use partition::cluster::Cluster;
use partition::error::AppendError;
use partition::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation, Partition, Read, Role, Status};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use partition::simulation::{self, Simulation};

/// Longer than anything takes here, elections and shrinking included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a replica has to say what it is: one that stands still does not.
const ANSWER: Duration = Duration::from_millis(20);
/// How often a test looks whether something has come about.
const LOOK: Duration = Duration::from_millis(5);

pub(crate) const A: NodeId = NodeId(1);
pub(crate) const B: NodeId = NodeId(2);
pub(crate) const C: NodeId = NodeId(3);

pub(crate) struct Stage {
    pub(crate) cluster: IsrCluster,
    pub(crate) simulation: Simulation,
    client: Arc<dyn Partition>,
    /// Values so far, each with a number of its own.
    count: u32,
    producer: ProducerId,
    /// The number of this producer's first value.
    first: u32,
}

/// A rule that is broken in the nodes of a simulation.
pub(crate) fn broken(mutant: Mutant) -> Mutated {
    simulation::run(0, async |simulation| Mutated::by(mutant, &simulation))
}

/// Runs in virtual time, on a cluster of which all are in sync.
pub(crate) fn staged<T, F: Future<Output = T>>(seed: u64, shape: Shape, body: impl FnOnce(Stage) -> F) -> T {
    simulation::run(seed, |simulation| async move {
        let cluster = IsrCluster::start(Ground::Simulated(simulation.clone()), shape).await;
        let stage = Stage {
            client: cluster.client(),
            cluster,
            simulation,
            count: 0,
            producer: ProducerId(1),
            first: 0,
        };
        stage.all_in_sync().await;
        body(stage).await
    })
}

impl Stage {
    pub(crate) fn clock(&self) -> &Clock {
        self.simulation.clock()
    }

    pub(crate) async fn passes(&self, time: Duration) {
        self.clock().sleep(time).await;
    }

    /// Nothing passes between two nodes, either way.
    pub(crate) fn cut(&self, one: NodeId, other: NodeId) {
        self.simulation.network().cut(one, other);
        self.simulation.network().cut(other, one);
    }

    /// Commits a fault, in the words of schedules.
    pub(crate) fn fault(&self, fault: &str) {
        self.simulation.fault(&fault.parse().expect("faults are written as faults are"));
    }

    pub(crate) fn heal(&self) {
        self.simulation.network().heal_all();
    }

    /// The next append of a producer that stamps its batches, so that its client may send it again.
    pub(crate) fn append(&mut self, acks: Acks, timeout: Duration) -> Append {
        let sequence = Sequence(self.count - self.first);
        let stamp = ProducerStamp { id: self.producer, epoch: ProducerEpoch(0), sequence };
        let mut batch = BatchBuilder::new(0).stamped(stamp);
        batch.push_value(format!("v{}", self.count).as_bytes());
        self.count += 1;
        Append { batch: batch.build(), acks, timeout }
    }

    /// From now on another producer appends: after a loss nobody takes what the one before would send next.
    pub(crate) fn takes_another_producer(&mut self) {
        self.producer = ProducerId(self.producer.0 + 1);
        self.first = self.count;
    }

    /// How many values there have been so far.
    pub(crate) fn count(&self) -> u64 {
        u64::from(self.count)
    }

    /// Appends until it is committed, whatever is answered before; says how long that took.
    pub(crate) async fn commits(&mut self) -> Duration {
        let begun = self.clock().now();
        let append = self.append(Acks::Committed, PATIENCE);
        while let Err(error) = self.client.append(append.clone()).await {
            assert!(self.clock().now().since(begun) < PATIENCE, "{error}");
            self.clock().sleep(LOOK).await;
        }
        self.clock().now().since(begun)
    }

    /// Tries to append for so long. What was not appended is as if it had not been tried.
    pub(crate) async fn tries(&mut self, acks: Acks, timeout: Duration) -> Result<(), AppendError> {
        let append = self.append(acks, timeout);
        let outcome = self.client.append(append).await.map(|_| ());
        if matches!(outcome, Err(AppendError::NotAppended(_))) {
            self.count -= 1;
        }
        outcome
    }

    /// Tries to append at this replica, whoever leads; says what it is answered, with the value it tried.
    pub(crate) async fn tries_at(
        &self,
        node: NodeId,
        value: &str,
        acks: Acks,
        timeout: Duration,
    ) -> Result<(), AppendError> {
        let batch = BatchBuilder::of_values(0, &[value.to_owned().into()]);
        self.cluster.replica(node).append(Append { batch, acks, timeout }).await.map(|_| ())
    }

    /// A replica's own view; none when it does not answer.
    pub(crate) async fn status(&self, node: NodeId) -> Option<Status> {
        let answer = self.cluster.replica(node).status();
        self.clock().timeout(ANSWER, answer).await.ok()?.ok()
    }

    /// The view of whoever leads in the newest epoch.
    async fn leading(&self) -> Option<Status> {
        let nodes = self.cluster.replicas();
        let answers = futures_util::future::join_all(nodes.iter().map(|node| self.status(*node))).await;
        let leaders = answers.into_iter().flatten().filter(|status| status.role == Role::Leader);
        leaders.max_by_key(|status| status.epoch)
    }

    /// Waits until this is so; says how long that took.
    async fn until(&self, what: &str, so: impl Fn(&Status) -> bool) -> Duration {
        let begun = self.clock().now();
        while self.clock().now().since(begun) < PATIENCE {
            if self.leading().await.is_some_and(|status| so(&status)) {
                return self.clock().now().since(begun);
            }
            self.clock().sleep(LOOK).await;
        }
        panic!("it never comes about that {what}");
    }

    /// The leader, once there is one.
    pub(crate) async fn leader(&self) -> NodeId {
        self.until("somebody leads", |_| true).await;
        self.leading().await.expect("somebody leads").node
    }

    pub(crate) async fn members(&self) -> Vec<NodeId> {
        self.leading().await.expect("somebody leads").members
    }

    /// Waits until the leader sees these members; says how long that took.
    pub(crate) async fn until_members(&self, wanted: &[NodeId]) -> Duration {
        self.until(&format!("{wanted:?} are in sync"), |status| status.members == wanted).await
    }

    /// Waits until this replica leads.
    pub(crate) async fn until_leads(&self, node: NodeId) {
        self.until(&format!("{node} leads"), |status| status.node == node).await;
    }

    pub(crate) async fn all_in_sync(&self) {
        self.until_members(&self.cluster.replicas()).await;
    }

    /// All values that are committed.
    pub(crate) async fn values(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut from = Offset::ZERO;
        let isolation = Isolation::Linearizable;
        loop {
            let read = Read { from, max_bytes: ByteSize::mib(1), isolation, wait: Duration::ZERO };
            let fetched = self.client.read(read).await.expect("a leader answers");
            let Some(end) = fetched.batches.verified().expect("sound").last().map(Batch::next_offset) else {
                return found;
            };
            let values = fetched.batches.values_from(from).expect("sound batches");
            found.extend(values.into_iter().map(|(_, value)| String::from_utf8_lossy(&value).into_owned()));
            from = end;
        }
    }

    /// How many of the values so far are gone.
    pub(crate) async fn missing(&self) -> u64 {
        let found = self.values().await;
        let all = (0..self.count).map(|count| format!("v{count}"));
        all.filter(|value| !found.contains(value)).count() as u64
    }
}
