//! Ctrl-C, and the request to terminate: both end a run in order.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from the moment it is made, so that no signal falls between two waits.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

/// The user ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted;

impl Interrupts {
    /// From now on signals end the run, not the process. Where they cannot be had they end the process.
    pub(crate) fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    /// What `work` gives, unless the user ends the run first.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            biased;
            () = received(&mut self.interrupt) => Err(Interrupted),
            () = received(&mut self.terminate) => Err(Interrupted),
            done = work => Ok(done),
        }
    }
}

async fn received(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}
