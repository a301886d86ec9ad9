//! What the nodes of a cluster stand on: virtual time, or this machine's files and sockets.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use partition::ids::NodeId;
use partition::simulation::Simulation;
use partition::transport::Address;
use partition::transport::held_port::HeldPort;
use partition::world::World;

/// What the nodes of a cluster stand on.
#[derive(Clone)]
pub enum Ground {
    /// Virtual time: a crash takes what was not synced.
    Simulated(Simulation),
    /// Files in this directory, and sockets of this machine, all in one process: a crash ends a node's tasks, and what
    /// was written stays, as it does when a process is killed.
    Real(PathBuf, Worlds),
}

/// The worlds of the nodes that are up, and the ports that are the nodes' own, up or not.
#[derive(Clone, Default)]
pub struct Worlds {
    up: Arc<Mutex<BTreeMap<NodeId, World>>>,
    ports: Arc<Mutex<Vec<HeldPort>>>,
}

impl Ground {
    /// Files in this directory, and sockets of this machine.
    #[must_use]
    pub fn real(dir: &Path) -> Self {
        Self::Real(dir.to_owned(), Worlds::default())
    }

    /// Gives a node this world for its first life: a disk that fails, a clock that is wrong.
    ///
    /// # Panics
    /// In virtual time, where the simulation makes the worlds.
    pub fn place(&self, node: NodeId, world: World) {
        match self {
            Self::Simulated(_) => panic!("the simulation makes the worlds"),
            Self::Real(_, worlds) => drop(worlds.up.lock().expect("no holder panics").insert(node, world)),
        }
    }

    /// The world of a node as it is now. Called inside a runtime.
    pub(super) fn world(&self, node: NodeId) -> World {
        match self {
            Self::Simulated(simulation) => simulation.world(node),
            Self::Real(_, worlds) => {
                let mut worlds = worlds.up.lock().expect("no holder panics");
                worlds
                    .entry(node)
                    .or_insert_with(|| {
                        let checkpoints = self.dir(node).join("meta").join("checkpoints");
                        World::real(&checkpoints, NonZeroUsize::MIN).unwrap_or_else(|error| panic!("{error}"))
                    })
                    .clone()
            }
        }
    }

    /// Where a node's files lie.
    pub(super) fn dir(&self, node: NodeId) -> PathBuf {
        match self {
            Self::Simulated(_) => PathBuf::from("/isr"),
            Self::Real(dir, _) => dir.join(format!("n{node}")),
        }
    }

    /// An address for a node, which is its own from now on.
    pub(super) fn address(&self, node: NodeId) -> Address {
        match self {
            Self::Simulated(_) => Address::simulated(node),
            Self::Real(_, worlds) => {
                let port = HeldPort::any().unwrap_or_else(|error| panic!("no free port: {error}"));
                let address = port.address();
                worlds.ports.lock().expect("no holder panics").push(port);
                address
            }
        }
    }

    pub(super) async fn crash(&self, node: NodeId) {
        match self {
            Self::Simulated(simulation) => _ = simulation.crash(node).await,
            Self::Real(_, worlds) => {
                let world = worlds.up.lock().expect("no holder panics").remove(&node);
                if let Some(world) = world {
                    world.tasks.crash();
                    world.tasks.ended().await;
                    // What its writer has begun is no process of its own, as it would be after a kill: it is awaited.
                    world.writers.run(|| ()).await;
                }
            }
        }
    }

    pub(super) fn pause(&self, node: NodeId) {
        match self {
            Self::Simulated(simulation) => simulation.pause(node),
            Self::Real(..) => self.world(node).tasks.pause(),
        }
    }

    pub(super) fn resume(&self, node: NodeId) {
        match self {
            Self::Simulated(simulation) => simulation.resume(node),
            Self::Real(..) => self.world(node).tasks.resume(),
        }
    }

    pub(super) fn wipe(&self, node: NodeId) {
        match self {
            Self::Simulated(simulation) => simulation.wipe(node),
            Self::Real(..) => {
                let dir = self.dir(node);
                std::fs::remove_dir_all(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
            }
        }
    }
}

impl fmt::Debug for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulated(simulation) => write!(f, "Simulated({simulation:?})"),
            Self::Real(dir, _) => write!(f, "Real({})", dir.display()),
        }
    }
}
