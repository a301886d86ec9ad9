//! A cluster that runs: made by [`launch`], measured through clients of its own, ended by dropping it.

use std::fmt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use partition::ids::ByteSize;
use partition::partition::Partition;
use partition::world::World;

use super::shape::Shape;

/// Where replicas run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hosting {
    /// A process each (`compare node`).
    Processes,
    /// All as tasks of this process, on real sockets and files.
    InProcess,
}

/// Why a cluster does not run, or no longer does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// What was asked cannot be done.
    #[error("{0}")]
    BadInput(String),
    /// A node's process ended though nobody ended it.
    #[error("{node} died: {last_words}")]
    ChildDied {
        /// Which: `n2` or `c1`.
        node: String,
        /// The last line it wrote on stderr, or how it ended.
        last_words: String,
    },
    /// It did not come up in time.
    #[error("{what} did not happen within {limit:?}")]
    TooSlow {
        /// What was awaited.
        what: String,
        /// How long.
        limit: Duration,
    },
}

impl LaunchError {
    /// What the process should end with: 2 for bad input, 1 for a finding.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::BadInput(_) => ExitCode::from(2),
            Self::ChildDied { .. } | Self::TooSlow { .. } => ExitCode::from(1),
        }
    }
}

/// What some nodes have consumed since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// CPU time; unknown for tasks that share a process with the client.
    pub cpu: Option<Duration>,
    /// Resident memory now; unknown likewise.
    pub resident: Option<ByteSize>,
    /// Bytes of batches written to logs.
    pub written: ByteSize,
    /// Bytes of frames sent, to replicas and to clients.
    pub sent: ByteSize,
    /// Calls to fdatasync for log data.
    pub syncs: u64,
}

/// What a cluster has consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The replicas.
    pub replicas: Consumed,
    /// isr only: the controllers, so that n+1 replicas are priced honestly.
    pub controllers: Consumed,
}

/// A running cluster. Dropping it leaves nothing running.
pub struct Running {
    shape: Shape,
}

/// Starts a cluster of this shape with its files in `dir/<system>-<replicas>/`, and waits until it takes writes
/// (isr: until every replica is in sync).
///
/// # Errors
/// [`LaunchError`]; nothing is left running.
pub async fn launch(shape: Shape, hosting: Hosting, dir: &Path, seed: u64) -> Result<Running, LaunchError> {
    let _ = (shape, hosting, dir, seed);
    todo!()
}

/// The world of a client: real time, real sockets, and no files.
#[must_use]
pub fn client_world() -> World {
    todo!()
}

impl Running {
    /// What runs.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// A new client with connections of its own; it finds the leader.
    #[must_use]
    pub fn connect(&self, world: &World) -> Arc<dyn Partition> {
        let _ = world;
        todo!()
    }

    /// What it has consumed so far.
    ///
    /// # Errors
    /// [`LaunchError::ChildDied`] when a node is gone, [`LaunchError::TooSlow`] when it does not answer.
    pub async fn usage(&mut self) -> Result<Usage, LaunchError> {
        todo!()
    }

    /// Resolves when a node dies that nobody ended; until then it waits. Select on it beside a measurement.
    pub fn casualty(&self) -> BoxFuture<'static, LaunchError> {
        todo!()
    }

    /// Stops all nodes in order, and waits until they are gone.
    ///
    /// # Errors
    /// [`LaunchError`] when one had died before, or had to be killed.
    pub async fn shutdown(self) -> Result<(), LaunchError> {
        todo!()
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running {}", self.shape)
    }
}
