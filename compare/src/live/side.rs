//! One of the two systems, as tours and visitors act on it.

use partition::ids::NodeId;

use super::deed::Deed;
use super::hand::Orders;
use super::sly::Sly;
use crate::system::{Member, System};

/// One system.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) system: System,
    /// As `isr-3:2`.
    pub(super) name: String,
    pub(super) orders: Orders,
    pub(super) sly: Sly,
}

impl Side {
    /// Has it done to a replica.
    pub(super) async fn replica(&self, node: NodeId, deed: Deed) -> Result<(), String> {
        let done = self.orders.ask(Member::Replica(node), deed).await;
        done.map_err(|why| format!("{} n{node}: {why}", self.name))
    }
}
