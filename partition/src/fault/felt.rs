//! Whether a fault was felt: a cut that nobody sent over and a full disk that nobody wrote to prove nothing.

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// How often a fault of a network or a disk stood in somebody's way: frames and connections that were held, lost or late, calls of
/// a disk that failed or lasted longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Felt(pub u64);

impl Add for Felt {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Felt {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Felt {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Counts. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct FeltCounter(Arc<AtomicU64>);

impl FeltCounter {
    /// Once more.
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So far.
    #[must_use]
    pub fn so_far(&self) -> Felt {
        Felt(self.0.load(Ordering::Relaxed))
    }
}
