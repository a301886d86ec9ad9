//! What is wrong with a simulated disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::world::Random;

/// How much longer each sync takes than it should. Shared by a disk and its writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slowness(Arc<AtomicU64>);

impl Slowness {
    pub(super) fn set(&self, by: Duration) {
        self.0.store(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// How much room there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Room {
    #[default]
    Plenty,
    None,
}

/// How much a read gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reads {
    #[default]
    Whole,
    Short,
}

/// Something that fails once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    #[default]
    Works,
    Fails,
}

impl Next {
    /// Whether this one fails; the one after it does not.
    pub(super) fn fails(&mut self) -> bool {
        std::mem::take(self) == Self::Fails
    }
}

/// What is wrong now, and the chance by which it is.
#[derive(Clone, Debug)]
pub(super) struct Troubles {
    pub(super) random: Random,
    pub(super) slowness: Slowness,
    pub(super) room: Room,
    pub(super) reads: Reads,
    pub(super) write: Next,
    pub(super) sync: Next,
}

impl Troubles {
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            random: Random::seeded(seed),
            slowness: Slowness::default(),
            room: Room::default(),
            reads: Reads::default(),
            write: Next::default(),
            sync: Next::default(),
        }
    }

    /// How many bytes a read gives that could give so many.
    pub(super) fn give(&self, could: usize) -> usize {
        if self.reads == Reads::Whole || could == 0 {
            return could;
        }
        let given = 1 + self.random.below(could as u64);
        usize::try_from(given).expect("no more than could be")
    }
}

pub(super) fn failed(what: &str) -> io::Error {
    io::Error::other(format!("input/output error: {what}"))
}

pub(super) fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "no space left on device")
}
