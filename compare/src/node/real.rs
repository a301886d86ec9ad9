//! The real world of one node, or of a client, with a meter on what it sends.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use partition::meta::MetaError;
use partition::transport::Transport;
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, World};

use super::meter::{Metered, Sent};

/// Writer threads of a node. One, whose syncs serve all its partitions: on one disk a second would only wait for the first,
/// and with one partition be idle.
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
    let checkpoints = dir.join("meta").join("checkpoints");
    Ok(World { random, network, ..World::real(&checkpoints, WRITERS)? })
}

/// The world of a client, and the meter of what it sends. It writes no files. To be called inside a runtime.
#[must_use]
pub fn client_world() -> (World, Sent) {
    let sent = Sent::default();
    let network = Arc::new(Metered::over(TcpTransport, sent.clone()));
    (World { network, ..World::of_client() }, sent)
}
