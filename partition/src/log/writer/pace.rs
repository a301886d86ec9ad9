//! What tells a real writer from a simulated one: how long a step takes, and what is done aside.

use std::io;
use std::sync::mpsc;

use super::WriterDelays;
use crate::clock::Clock;

type Sweep = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// How a writer goes from step to step.
#[derive(Debug)]
pub(crate) enum Pace {
    /// As fast as the disk lets it; what may take long and matters to nobody goes to a thread of its own.
    Real(mpsc::Sender<Sweep>),
    /// Each step takes virtual time before it has its effect.
    Simulated(Clock, WriterDelays),
}

impl Pace {
    pub(super) fn real(sweeper: mpsc::Sender<Sweep>) -> Self {
        Self::Real(sweeper)
    }

    pub(super) fn simulated(clock: Clock, delays: WriterDelays) -> Self {
        Self::Simulated(clock, delays)
    }

    /// Before each write(2).
    pub(crate) async fn write(&self) {
        if let Self::Simulated(clock, delays) = self {
            clock.sleep(delays.write).await;
        }
    }

    /// Before each sync.
    pub(crate) async fn sync(&self) {
        if let Self::Simulated(clock, delays) = self {
            clock.sleep(delays.sync).await;
        }
    }

    /// Work that frees space: no append waits for it, and none depends on it.
    pub(crate) fn aside(&self, work: impl FnOnce() -> io::Result<()> + Send + 'static) {
        match self {
            Self::Real(sweeper) => drop(sweeper.send(Box::new(work))),
            Self::Simulated(..) => report(work()),
        }
    }
}

/// The thread that frees space for all writers of a pool; it ends when they have.
pub(super) fn start_sweeper() -> mpsc::Sender<Sweep> {
    let (queue, sweeps) = mpsc::channel::<Sweep>();
    let thread = std::thread::Builder::new().name("log-sweeper".to_owned());
    let sweep = move || sweeps.into_iter().for_each(|sweep| report(sweep()));
    thread.spawn(sweep).expect("a thread can be started");
    queue
}

/// The next opening of the log frees what could not be freed now.
fn report(done: io::Result<()>) {
    if let Err(error) = done {
        tracing::warn!(%error, "space of a log was not freed");
    }
}
