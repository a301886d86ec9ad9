//! A run in virtual time: one thread, one seed, and a world for each node; the same seed gives the same bytes twice.
//!
//! Time stands still while anything can be done, then jumps to the next timer. Nothing here measures performance.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::Clock;
use crate::ids::NodeId;
use crate::log::disk::SimulatedDisk;
use crate::log::writer::{WriterDelays, Writers};
use crate::meta::MemoryCheckpoints;
use crate::transport::memory::MemoryNetwork;
use crate::world::{Panics, Random, Tasks, World};

/// How long a simulated disk takes: a fast one's sync, as measured on the machines we use.
pub const WRITER_DELAYS: WriterDelays =
    WriterDelays { write: Duration::from_micros(5), sync: Duration::from_micros(80) };

/// No run needs more virtual time: one that does waits for something that will not come.
const VIRTUAL_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A simulated run. Clones speak of the same one.
#[derive(Clone)]
pub struct Simulation(Arc<Inner>);

struct Inner {
    seed: u64,
    clock: Clock,
    network: MemoryNetwork,
    panics: Panics,
    nodes: Mutex<BTreeMap<NodeId, Node>>,
    /// The network's own task, which belongs to no node.
    _deliveries: Tasks,
}

/// What outlives a node's crash, and its world of now.
struct Node {
    disk: SimulatedDisk,
    checkpoints: MemoryCheckpoints,
    /// How often it was started: each start draws other chances.
    starts: u64,
    world: World,
}

/// Runs `body` in virtual time, to its end.
///
/// # Panics
/// When `body` does, or a task of any node has, or the run has no end.
pub fn run<T, F: Future<Output = T>>(seed: u64, body: impl FnOnce(Simulation) -> F) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing that could be missing");
    runtime.block_on(async {
        let simulation = Simulation::new(seed);
        let panics = simulation.0.panics.clone();
        let clock = simulation.0.clock.clone();
        let body = Box::pin(body(simulation));
        let outcome = tokio::select! { biased;
            () = panics.wait() => None,
            outcome = clock.timeout(VIRTUAL_TIME_MAX, body) =>
                Some(outcome.expect("a simulated run ends within a virtual day")),
        };
        match outcome {
            Some(outcome) if !panics.any() => outcome,
            _ => panic!("a task of a simulated node panicked (seed {seed})"),
        }
    })
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let clock = Clock::simulated();
        let panics = Panics::default();
        let deliveries = Tasks::watched_by(&panics);
        let network = MemoryNetwork::new(&clock, &deliveries, Random::seeded(seed).seed());
        Self(Arc::new(Inner {
            seed,
            clock,
            network,
            panics,
            nodes: Mutex::default(),
            _deliveries: deliveries,
        }))
    }

    /// What all chance in this run comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// The clock that all nodes share.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The network between them.
    #[must_use]
    pub fn network(&self) -> &MemoryNetwork {
        &self.0.network
    }

    /// The world of a node (a replica, a controller, a client) as it is now: a new node has an empty disk.
    #[must_use]
    pub fn world(&self, node: NodeId) -> World {
        let mut nodes = self.nodes();
        let node = nodes.entry(node).or_insert_with(|| {
            let (disk, checkpoints) = (SimulatedDisk::default(), MemoryCheckpoints::default());
            let world = self.new_world(node, 0, &disk, &checkpoints);
            Node { disk, checkpoints, starts: 0, world }
        });
        node.world.clone()
    }

    /// Ends a node without warning, and its power: tasks and connections end, the disk forgets what was not synced.
    /// Its next world, for a restart, has the same disk.
    pub async fn crash(&self, id: NodeId) {
        let world = self.world(id);
        world.tasks.crash();
        self.0.network.crash(id);
        world.tasks.ended().await;
        let mut nodes = self.nodes();
        let node = nodes.get_mut(&id).expect("it has a world");
        node.disk.crash();
        node.starts += 1;
        node.world = self.new_world(id, node.starts, &node.disk, &node.checkpoints);
    }

    /// Holds a node still: its tasks do not move, its connections stay.
    pub fn pause(&self, id: NodeId) {
        self.0.network.note(&format!("pause {id}"));
        self.world(id).tasks.pause();
    }

    /// Lets a paused node go on.
    pub fn resume(&self, id: NodeId) {
        self.0.network.note(&format!("resume {id}"));
        self.world(id).tasks.resume();
    }

    /// Gives a node that is down an empty disk.
    pub fn wipe(&self, id: NodeId) {
        self.0.network.note(&format!("wipe {id}"));
        if let Some(node) = self.nodes().get(&id) {
            node.disk.wipe();
            node.checkpoints.clear();
        }
    }

    /// Adds a line to the trace.
    pub fn note(&self, text: &str) {
        self.0.network.note(text);
    }

    /// What has happened so far, a line for each delivery and note: two runs of one seed have the same bytes.
    #[must_use]
    pub fn trace(&self) -> String {
        self.0.network.trace()
    }

    fn nodes(&self) -> MutexGuard<'_, BTreeMap<NodeId, Node>> {
        self.0.nodes.lock().expect("no holder panics")
    }

    fn new_world(
        &self,
        node: NodeId,
        starts: u64,
        disk: &SimulatedDisk,
        checkpoints: &MemoryCheckpoints,
    ) -> World {
        let tasks = Tasks::watched_by(&self.0.panics);
        World {
            clock: self.0.clock.clone(),
            random: Random::seeded(mixed(self.0.seed, u64::from(node.0), starts)),
            disk: Arc::new(disk.clone()),
            network: self.0.network.transport(node),
            writers: Writers::simulated(&self.0.clock, &tasks, WRITER_DELAYS),
            checkpoints: Arc::new(checkpoints.clone()),
            tasks,
        }
    }
}

/// One seed out of three numbers, so that neighbours have nothing in common. The multiplier is the golden ratio's, as
/// in SplitMix64; the generator that is seeded does the rest.
fn mixed(seed: u64, node: u64, starts: u64) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, next: u64| (state ^ next).wrapping_mul(GOLDEN).rotate_left(29);
    [node + 1, starts + 1].into_iter().fold(seed, step)
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Simulation(seed {})", self.0.seed)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::ids::ByteSize;
    use crate::log::disk::OpenMode;

    const NODE: NodeId = NodeId(1);

    #[test]
    #[should_panic(expected = "a task of a simulated node panicked (seed 9)")]
    fn a_panic_in_any_task_fails_the_run() {
        run(9, async |simulation| {
            simulation.world(NODE).tasks.spawn(async { panic!("a broken invariant") });
            simulation.clock().sleep(Duration::from_secs(1)).await;
        });
    }

    #[test]
    fn a_crash_keeps_the_disk_as_it_was_synced_and_gives_other_chances() {
        run(9, async |simulation| {
            let (dir, path) = (Path::new("/dir"), Path::new("/dir/file"));
            let before = simulation.world(NODE);
            before.disk.create_dir(dir).unwrap();
            let file = before.disk.open(path, OpenMode::New).unwrap();
            before.disk.sync_dir(dir).unwrap();
            file.write_at(b"kept", ByteSize(0)).unwrap();
            file.sync().unwrap();
            file.write_at(b"gone", ByteSize(4)).unwrap();
            simulation.crash(NODE).await;
            let after = simulation.world(NODE);
            let file = after.disk.open(path, OpenMode::Existing).unwrap();
            assert_eq!(file.length().unwrap(), ByteSize(4));
            let again = Random::seeded(mixed(9, 1, 0));
            assert_eq!(before.random.seed(), again.seed());
            assert_ne!(after.random.seed(), Random::seeded(mixed(9, 1, 0)).seed());
            simulation.wipe(NODE);
            assert!(after.disk.open(path, OpenMode::Existing).is_err());
        });
    }
}
