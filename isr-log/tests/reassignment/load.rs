//! A cluster that is appended to all the time, and what became of each append.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::clock::{Clock, Moment};
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::partition::{Acks, Append, Isolation, Partition, Read, Status};
use partition::record::{Batch, BatchBuilder, ProducerStamp};
use partition::simulation;

/// Longer than anything takes here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a test looks whether something has come about.
const LOOK: Duration = Duration::from_millis(5);
/// How many append at the same time.
const PRODUCERS: u32 = 4;
/// How large a value is, and how long a producer rests after each: some 160 KB a second of all together.
const VALUE: usize = 200;
const REST: Duration = Duration::from_millis(4);

/// What is appended, by whom, and how long it took.
struct Load {
    client: Arc<dyn Partition>,
    clock: Clock,
    ends: Cell<bool>,
    /// How many values each producer has seen committed.
    committed: RefCell<Vec<u32>>,
    last: Cell<Moment>,
    longest: Cell<Duration>,
}

impl Load {
    async fn produce(&self, producer: u32) {
        for sequence in 0.. {
            if self.ends.get() {
                return;
            }
            let batch = value(producer, sequence);
            let append = Append { batch, acks: Acks::Committed, timeout: PATIENCE };
            let begun = self.clock.now();
            while let Err(error) = self.client.append(append.clone()).await {
                assert!(self.clock.now().since(begun) < PATIENCE, "{producer}/{sequence}: {error}");
                self.clock.sleep(LOOK).await;
            }
            self.committed.borrow_mut()[usize::try_from(producer).expect("few")] += 1;
            let now = self.clock.now();
            self.longest.set(self.longest.get().max(now.since(self.last.get())));
            self.last.set(now);
            self.clock.sleep(REST).await;
        }
    }
}

/// A value of one producer; they are all of one size.
fn value(producer: u32, sequence: u32) -> Batch {
    let id = ProducerId(producer.into());
    let stamp = ProducerStamp { id, epoch: ProducerEpoch(0), sequence: Sequence(sequence) };
    let mut batch = BatchBuilder::new(0).stamped(stamp);
    batch.push_value(format!("{:<VALUE$}", format!("{producer}/{sequence}")).as_bytes());
    batch.build()
}

/// A cluster under load.
pub(crate) struct Scene {
    pub(crate) cluster: IsrCluster,
    pub(crate) clock: Clock,
    load: Rc<Load>,
}

/// Runs in virtual time, on a cluster of which all are in sync, and to which somebody appends all the time; then looks whether
/// all that was committed is there, once, in order.
pub(crate) fn under_load(seed: u64, shape: Shape, body: impl AsyncFnOnce(&mut Scene)) {
    simulation::run(seed, |simulation| async move {
        let clock = simulation.clock().clone();
        let cluster = IsrCluster::start(Ground::Simulated(simulation), shape).await;
        let load = Rc::new(Load {
            client: cluster.client(),
            clock: clock.clone(),
            ends: Cell::new(false),
            committed: RefCell::new(vec![0; PRODUCERS as usize]),
            last: Cell::new(clock.now()),
            longest: Cell::new(Duration::ZERO),
        });
        let mut scene = Scene { cluster, clock, load: Rc::clone(&load) };
        scene.until_members(&scene.cluster.replicas()).await;
        scene.forget_gaps();
        let producers = join_all((0..PRODUCERS).map(|producer| load.produce(producer)));
        let story = async {
            body(&mut scene).await;
            load.ends.set(true);
        };
        join(producers, story).await;
        scene.check().await;
    });
}

impl Scene {
    pub(crate) async fn passes(&self, time: Duration) {
        self.clock.sleep(time).await;
    }

    /// The longest time without a commit so far, one that goes on included.
    pub(crate) fn longest_gap(&self) -> Duration {
        self.load.longest.get().max(self.clock.now().since(self.load.last.get()))
    }

    pub(crate) fn forget_gaps(&self) {
        self.load.longest.set(Duration::ZERO);
        self.load.last.set(self.clock.now());
    }

    /// The leader's view.
    pub(crate) async fn status(&self) -> Status {
        self.load.client.status().await.expect("somebody leads")
    }

    pub(crate) async fn leader(&self) -> NodeId {
        self.status().await.node
    }

    async fn until(&self, what: &str, so: impl AsyncFn() -> bool) {
        let begun = self.clock.now();
        while !so().await {
            assert!(self.clock.now().since(begun) < PATIENCE, "it never comes about that {what}");
            self.clock.sleep(LOOK).await;
        }
    }

    pub(crate) async fn until_members(&self, wanted: &[NodeId]) {
        let what = format!("{wanted:?} are in sync");
        self.until(&what, async || self.status().await.members == wanted).await;
    }

    /// Waits until no more replicas are left than these.
    pub(crate) async fn until_assigned(&self, wanted: &[NodeId]) {
        let what = format!("the partition is assigned to {wanted:?}");
        self.until(&what, async || self.status().await.replicas == wanted).await;
    }

    /// Waits until nothing is left of the partition on this broker.
    pub(crate) async fn until_gone(&self, node: NodeId) {
        let what = format!("the log of {node} is gone");
        let answers = async || self.cluster.replica(node).status().await.is_ok();
        self.until(&what, async || self.cluster.files(node).is_none() && !answers().await).await;
    }

    /// Waits until this broker has a replica.
    pub(crate) async fn until_has(&self, node: NodeId) {
        let what = format!("{node} has a replica");
        self.until(&what, async || self.cluster.replica(node).status().await.is_ok()).await;
    }

    /// How much there is in a replica's log.
    pub(crate) async fn bytes_of(&self, node: NodeId) -> ByteSize {
        let Ok(status) = self.cluster.replica(node).status().await else { return ByteSize::ZERO };
        ByteSize(status.log_end.0 * ByteSize::of(value(0, 0).bytes()).0)
    }

    /// All that was committed is there, once, and each producer's values in the order in which he sent them.
    async fn check(&self) {
        let mut found: Vec<Vec<u32>> = vec![Vec::new(); PRODUCERS as usize];
        let (mut from, isolation) = (Offset::ZERO, Isolation::Linearizable);
        loop {
            let read = Read { from, max_bytes: ByteSize::mib(1), isolation, wait: Duration::ZERO };
            let fetched = self.load.client.read(read).await.expect("a leader answers");
            let Some(end) = fetched.batches.verified().expect("sound").last().map(Batch::next_offset) else {
                break;
            };
            for (_, value) in fetched.batches.values_from(from).expect("sound batches") {
                let text = String::from_utf8_lossy(&value).into_owned();
                let (producer, sequence) = text.trim_end().split_once('/').expect("a value of ours");
                found[producer.parse::<usize>().expect("a number")].push(sequence.parse().expect("a number"));
            }
            from = end;
        }
        let wanted: Vec<Vec<u32>> =
            self.load.committed.borrow().iter().map(|count| (0..*count).collect()).collect();
        assert!(wanted.iter().all(|sequences| !sequences.is_empty()), "nothing was appended");
        assert!(found == wanted, "lost, twice, or out of order: {found:?}");
    }
}
