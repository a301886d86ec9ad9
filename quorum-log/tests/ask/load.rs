//! Clients that write while something happens, and hold what they were told against what is read in the end.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, LocalBoxFuture};
use partition::client::leader::LeaderClient;
use partition::client::retry::RetryConfig;
use partition::clock::{Clock, Moment};
use partition::conformance::told::{Fate, Told};
use partition::ids::NodeId;
use partition::partition::{Acks, Append, Isolation, Partition};
use partition::simulation::Simulation;
use partition::transport::Address;
use quorum_log::cluster::QuorumCluster;

use super::{batch, values_at};

const WRITERS: u32 = 4;
/// Where the numbers of writers begin, less one.
const BEFORE_WRITERS: u32 = 1100;
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two appends of one writer: what happens is to take the time, not these.
const THINK: Duration = Duration::from_millis(80);
const PAUSE: Duration = Duration::from_millis(5);

/// Writers of one run, who know of these nodes.
pub(crate) struct Load {
    clients: Vec<Arc<dyn Partition>>,
    clock: Clock,
    going: Cell<bool>,
    told: Told,
    /// When the last append was acknowledged, and the longest time between two.
    last: Cell<Option<Moment>>,
    gap: Cell<Duration>,
}

impl Load {
    pub(crate) fn new(simulation: &Simulation, cluster: &QuorumCluster, nodes: u32) -> Self {
        let partition = cluster.config(NodeId(1)).partition;
        let addresses = (1..=nodes).map(NodeId).map(|node| (node, Address::simulated(node))).collect();
        let client = |writer| {
            let world = simulation.world(NodeId(BEFORE_WRITERS + writer));
            Arc::new(LeaderClient::new(&world, &addresses, &partition, RetryConfig::default()))
                as Arc<dyn Partition>
        };
        Self {
            clients: (1..=WRITERS).map(client).collect(),
            clock: simulation.clock().clone(),
            going: Cell::new(true),
            told: Told::default(),
            last: Cell::default(),
            gap: Cell::default(),
        }
    }

    /// Writes until the story ends, and returns what it tells.
    pub(crate) fn during<'a, T: 'a>(&'a self, story: impl Future<Output = T> + 'a) -> LocalBoxFuture<'a, T> {
        let writers = self.clients.iter().enumerate().map(|(number, client)| self.writer(number, &**client));
        let told = async move {
            let told = story.await;
            self.going.set(false);
            told
        };
        async move { future::join(future::join_all(writers), told).await.1 }.boxed_local()
    }

    async fn writer(&self, writer: usize, client: &dyn Partition) {
        let mut number = 0;
        while self.going.get() {
            let value = format!("writer {writer} value {number}");
            let append = Append { batch: batch(&value), acks: Acks::Committed, timeout: TIMEOUT };
            let fate = self.told.append(client, append, &Bytes::from(value)).await;
            match fate {
                Fate::Acknowledged => self.note_progress(),
                Fate::InDoubt => {}
                Fate::Refused => self.clock.sleep(PAUSE).await,
            }
            number += usize::from(fate != Fate::Refused);
            self.clock.sleep(THINK).await;
        }
    }

    fn note_progress(&self) {
        let now = self.clock.now();
        if let Some(last) = self.last.replace(Some(now)) {
            self.gap.set(self.gap.get().max(now.since(last)));
        }
    }

    /// Waits until so many more were acknowledged.
    pub(crate) async fn goes_on(&self, more: usize) {
        let (goal, deadline) = (self.told.count() + more, self.clock.now().after(Duration::from_secs(60)));
        while self.told.count() < goal {
            assert!(self.clock.now() < deadline, "appends do not go on");
            self.clock.sleep(PAUSE).await;
        }
    }

    /// The longest time between two acknowledgements since this was last asked.
    pub(crate) fn take_gap(&self) -> Duration {
        self.gap.take()
    }

    /// What was told is so.
    pub(crate) async fn check(&self, client: &dyn Partition) {
        let read = values_at(client, Isolation::Linearizable).await;
        self.told.check(read.into_iter().map(|(offset, value)| (offset, Bytes::from(value))).collect());
    }
}
