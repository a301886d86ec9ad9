//! What tells a real writer from a simulated one: how long a step takes.

use std::sync::Arc;
use std::time::Duration;

use super::WriterDelays;
use super::sweeper::Sweeper;
use crate::clock::{Clock, Moment};
use crate::log::aside::{Aside, Tell};
use crate::log::disk::Slowness;

/// How a writer goes from step to step, and what it leaves to the sweeper.
#[derive(Debug)]
pub(crate) struct Pace {
    clock: Clock,
    delays: Delays,
    sweeper: Sweeper,
}

/// How long steps take beyond what the disk takes.
#[derive(Clone, Debug)]
pub(crate) enum Delays {
    /// None: as fast as the disk lets it.
    Real,
    /// Each step takes virtual time before it has its effect, so that a simulated crash can come between any two.
    Simulated(Clock, WriterDelays, Slowness),
}

impl Delays {
    /// Before each write(2).
    pub(crate) async fn write(&self) {
        self.wait(|delays| delays.write).await;
    }

    /// Before each sync.
    pub(crate) async fn sync(&self) {
        let slowness = match self {
            Self::Real => Duration::ZERO,
            Self::Simulated(_, _, slowness) => slowness.met(),
        };
        self.wait(|delays| delays.sync + slowness).await;
    }

    async fn wait(&self, of: impl Fn(&WriterDelays) -> Duration) {
        if let Self::Simulated(clock, delays, _) = self {
            clock.sleep(of(delays)).await;
        }
    }
}

impl Pace {
    pub(super) fn new(clock: Clock, delays: Delays, sweeper: Sweeper) -> Self {
        Self { clock, delays, sweeper }
    }

    /// Before each write(2).
    pub(crate) async fn write(&self) {
        self.delays.write().await;
    }

    /// Before each sync.
    pub(crate) async fn sync(&self) {
        self.delays.sync().await;
    }

    /// Now: for what is due after some time.
    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Tells the sweeper, if it must be told.
    pub(crate) fn tell(&self, whom: Tell, of: &Arc<Aside>) {
        if whom == Tell::Sweeper {
            self.sweeper.tell(of);
        }
    }
}
