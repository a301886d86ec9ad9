//! Holds a replica still for a while in a block, and waits until its cluster is whole again, or for long enough.

use std::time::Duration;

use partition::clock::Clock;
use partition::cluster::Cluster;

use super::conditions::Hang;
use crate::system::{LaunchError, Running};
use crate::workload::Span;

/// How long a cluster may take to be whole again before the next block begins without that, and the cell says so.
pub const WHOLE_LIMIT: Duration = Duration::from_secs(20);

/// Whether all replicas are in sync again after one was held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovery {
    /// They were in time.
    Whole,
    /// They were not: the next block is of a cluster that lacks one.
    Lacking,
}

/// Holds whom it is said, when a third of `span` is over.
pub(super) async fn hold(
    running: &mut Running,
    hang: Hang,
    span: Span,
    clock: &Clock,
) -> Result<Recovery, LaunchError> {
    clock.sleep(span.0 / 3).await;
    let Some(node) = running.who_is(hang.whom).await? else { return Ok(Recovery::Whole) };
    running.pause(node).await;
    clock.sleep(hang.span).await;
    running.resume(node).await;
    let whole = clock.timeout(WHOLE_LIMIT, running.is_whole()).await;
    Ok(if whole.is_ok() { Recovery::Whole } else { Recovery::Lacking })
}
