//! Holds a replica still for a while in a block, and waits until its cluster is whole again.

use std::time::Duration;

use partition::clock::Clock;
use partition::cluster::Cluster;

use super::conditions::Hang;
use crate::system::{LaunchError, Running};
use crate::workload::Span;

/// How long a cluster may take to be whole again before the next block begins without that.
const WHOLE_LIMIT: Duration = Duration::from_secs(20);

/// Holds whom it is said, when a third of `span` is over.
pub(super) async fn hold(
    running: &mut Running,
    hang: Hang,
    span: Span,
    clock: &Clock,
) -> Result<(), LaunchError> {
    clock.sleep(span.0 / 3).await;
    let Some(node) = running.who_is(hang.whom).await? else { return Ok(()) };
    running.pause(node).await;
    clock.sleep(hang.span).await;
    running.resume(node).await;
    // Whether it came to be whole is seen in what follows: there it counts as it is.
    let _ = clock.timeout(WHOLE_LIMIT, running.is_whole()).await;
    Ok(())
}
