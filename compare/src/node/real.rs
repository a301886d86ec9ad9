//! The real world of one node, or of a client: real time, chance, files and sockets.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use partition::clock::Clock;
use partition::log::disk::RealDisk;
use partition::log::writer::Writers;
use partition::meta::{MemoryCheckpoints, MetaError, SledCheckpoints};
use partition::transport::Transport;
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};

use super::meter::{Metered, Sent};

/// Writer threads of a node. One: a replica has one partition, whose log has one writer; a second would be idle.
const WRITERS: NonZeroUsize = NonZeroUsize::MIN;

/// The world of the node whose files lie in `dir`.
///
/// # Errors
/// [`MetaError`] when the checkpoint store does not open.
pub(super) fn node_world(
    dir: &Path,
    random: Random,
    network: Arc<dyn Transport>,
) -> Result<World, MetaError> {
    let checkpoints = SledCheckpoints::open(&dir.join("meta").join("checkpoints"))?;
    Ok(World {
        clock: Clock::real(),
        random,
        tasks: Tasks::default(),
        disk: Arc::new(RealDisk),
        network,
        writers: Writers::threads(WRITERS),
        checkpoints: Arc::new(checkpoints),
    })
}

/// The world of a client, and the meter of what it sends. It writes no files.
#[must_use]
pub fn client_world() -> (World, Sent) {
    let sent = Sent::default();
    let world = World {
        clock: Clock::real(),
        random: Random::real(),
        tasks: Tasks::default(),
        disk: Arc::new(RealDisk),
        network: Arc::new(Metered::over(TcpTransport, sent.clone())),
        writers: Writers::threads(WRITERS),
        checkpoints: Arc::new(MemoryCheckpoints::default()),
    };
    (world, sent)
}
