//! What is wrong with a simulated disk.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::fault::FeltCounter;
use crate::world::Random;

/// How much longer each sync takes than it should. Shared by a disk and its writer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slowness {
    nanos: Arc<AtomicU64>,
    felt: FeltCounter,
}

impl Slowness {
    pub(super) fn set(&self, by: Duration) {
        self.nanos.store(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What a sync has to wait now.
    pub(crate) fn met(&self) -> Duration {
        let by = Duration::from_nanos(self.nanos.load(Ordering::Relaxed));
        if !by.is_zero() {
            self.felt.count();
        }
        by
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
    pub(super) felt: FeltCounter,
}

impl Troubles {
    pub(super) fn seeded(seed: u64, felt: FeltCounter) -> Self {
        Self {
            random: Random::seeded(seed),
            slowness: Slowness { felt: felt.clone(), ..Slowness::default() },
            room: Room::default(),
            reads: Reads::default(),
            write: Next::default(),
            sync: Next::default(),
            felt,
        }
    }

    /// How many bytes a read gives that could give so many.
    pub(super) fn give(&self, could: usize) -> usize {
        if self.reads == Reads::Whole || could == 0 {
            return could;
        }
        self.felt.count();
        let given = 1 + self.random.below(could as u64);
        usize::try_from(given).expect("no more than could be")
    }

    /// What is said of a write or a sync that fails.
    pub(super) fn failed(&self, what: &str) -> io::Error {
        self.felt.count();
        io::Error::other(format!("input/output error: {what}"))
    }

    /// What is said where there is no room.
    pub(super) fn no_room(&self) -> io::Error {
        self.felt.count();
        io::Error::new(io::ErrorKind::StorageFull, "no space left on device")
    }
}
