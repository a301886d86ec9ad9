//! One node of a run: what outlives its crashes, and its world of now.

use std::fmt;
use std::sync::Arc;

use super::{Simulation, WRITER_DELAYS};
use crate::clock::{Clock, Whose};
use crate::fault::DiskFault;
use crate::ids::NodeId;
use crate::log::disk::SimulatedDisk;
use crate::log::writer::Writers;
use crate::meta::MemoryCheckpoints;
use crate::world::{Random, Tasks, World};

/// What a node's disk keeps when the node crashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Keeps {
    /// All that was written: the process was killed, the machine lives.
    Written,
    /// What was synced: the power went.
    #[default]
    Synced,
    /// What was synced, and of the rest what chance has it, in any order and torn between sectors: the power went while
    /// the disk was at work.
    Chance,
}

impl fmt::Display for Keeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Written => "keeps what was written",
            Self::Synced => "keeps what was synced",
            Self::Chance => "keeps what was synced, and more by chance",
        })
    }
}

/// What the others see of a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Its machine closes its connections.
    #[default]
    Closing,
    /// Nothing.
    Silently,
}

pub(super) struct Node {
    id: NodeId,
    disk: SimulatedDisk,
    checkpoints: MemoryCheckpoints,
    /// How often it was started: each start draws other chances.
    starts: u64,
    keeps: Keeps,
    leaves: Leaves,
    world: World,
}

impl Node {
    pub(super) fn new(simulation: &Simulation, id: NodeId) -> Self {
        let disk = SimulatedDisk::counted_by(
            mixed(simulation.seed(), u64::from(id.0), u64::MAX - 1),
            simulation.felt().clone(),
        );
        let checkpoints = MemoryCheckpoints::default();
        let world = world(simulation, id, 0, &disk, &checkpoints);
        Self { id, disk, checkpoints, starts: 0, keeps: Keeps::default(), leaves: Leaves::default(), world }
    }

    pub(super) fn world(&self) -> World {
        self.world.clone()
    }

    pub(super) fn set_keeps(&mut self, keeps: Keeps) {
        self.keeps = keeps;
    }

    pub(super) fn set_silent(&mut self) {
        self.leaves = Leaves::Silently;
    }

    /// How it leaves at this crash; at the next one as usual again.
    pub(super) fn leaves(&mut self) -> Leaves {
        std::mem::take(&mut self.leaves)
    }

    /// The disk forgets what it does not keep, and there is a new world; says what the disk kept.
    pub(super) fn crash(&mut self, simulation: &Simulation) -> Keeps {
        let keeps = std::mem::take(&mut self.keeps);
        match keeps {
            Keeps::Written => self.disk.kill(),
            Keeps::Synced => self.disk.crash(),
            Keeps::Chance => self.disk.crash_by_chance(),
        }
        self.starts += 1;
        self.world = world(simulation, self.id, self.starts, &self.disk, &self.checkpoints);
        keeps
    }

    pub(super) fn wipe(&mut self) {
        self.disk.wipe();
        self.checkpoints.clear();
    }

    pub(super) fn disk_fault(&mut self, fault: &DiskFault) {
        self.disk.fault(fault);
    }
}

fn world(
    simulation: &Simulation,
    id: NodeId,
    starts: u64,
    disk: &SimulatedDisk,
    checkpoints: &MemoryCheckpoints,
) -> World {
    let run = &simulation.0;
    let clock = |whose| Clock::of(run.timeline.clock(whose));
    let tasks = Tasks::watched_by(&run.panics);
    World {
        clock: clock(Whose::Node(id)),
        random: Random::seeded(mixed(run.seed, u64::from(id.0), starts)),
        disk: Arc::new(disk.clone()),
        network: run.network.transport(id),
        writers: Writers::simulated_on(&clock(Whose::Writer(id)), &tasks, WRITER_DELAYS, disk.slowness()),
        checkpoints: Arc::new(checkpoints.clone()),
        tasks,
    }
}

/// One seed out of three numbers, so that neighbours have nothing in common. The multiplier is the golden ratio's, as
/// in SplitMix64; the generator that is seeded does the rest.
pub(super) fn mixed(seed: u64, node: u64, starts: u64) -> u64 {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, next: u64| (state ^ next).wrapping_mul(GOLDEN).rotate_left(29);
    [node + 1, starts + 1].into_iter().fold(seed, step)
}
